// All servers of the hub arrive; the page leaves that shows an admin how each of them is.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { LoginCaller } from '../../../accounts/caller.ts';
import type { DashboardEnv } from '../../environment.ts';
import { linkButton } from '../../parts/button.ts';
import { card } from '../../parts/card.ts';
import { emptyState } from '../../parts/empty-state.ts';
import { moment } from '../../parts/moment.ts';
import { serverState } from '../../parts/server-state.ts';
import { table } from '../../parts/table.ts';
import type { HubReading } from '../../reading.ts';
import type { ServerAnswer } from '../../server-answers.ts';
import { adminPage, nextPage } from './admin-page.ts';

export async function adminServersPage(
  context: Context<DashboardEnv>,
  _caller: LoginCaller,
  hub: HubReading,
): Promise<Response> {
  const cursor = context.req.query('cursor');
  const { items, next_cursor: next } = await hub.ask('servers.list', { cursor, limit: '100' });
  return adminPage(context, '/admin/servers', {
    title: 'Servers',
    lead: 'Of everybody. What you can do with your own you can do with each.',
    body: [
      card({
        body:
          items.length === 0
            ? emptyState({
                icon: 'server',
                title: 'No server yet',
                body: 'Add one, or invite somebody who brings one.',
                action: linkButton('Add a server', '/servers/new', { kind: 'primary' }),
              })
            : table({
                caption: 'All servers',
                columns: [
                  { title: 'Name' },
                  { title: 'Address' },
                  { title: 'Whose' },
                  { title: 'State' },
                  { title: 'Last seen' },
                ],
                rows: items.map(row),
              }),
      }),
      nextPage(context, next, 'More servers'),
    ],
  });
}

function row(server: ServerAnswer) {
  const { id, name, addresses, access, is_connected: isConnected, last_seen_at: seen } = server;
  const [address] = addresses;
  return [
    html`<a class="row-link" href="/servers/${id}">${name}</a>`,
    address === undefined ? '–' : new URL(address).host,
    access === 'owner' ? 'Yours' : 'Another account',
    serverState(server),
    isConnected ? 'now' : moment(seen === null ? undefined : new Date(seen)),
  ];
}
