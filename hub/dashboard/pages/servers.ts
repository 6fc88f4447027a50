// The servers that somebody owns or that are shared with them arrive; the page leaves that shows at a glance how each of them is.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { Role } from '../../accounts/account.ts';
import type { LoginCaller } from '../../accounts/caller.ts';
import type { DashboardEnv } from '../environment.ts';
import { appPage } from '../layout.ts';
import { badge } from '../parts/badge.ts';
import { linkButton } from '../parts/button.ts';
import { card } from '../parts/card.ts';
import { emptyState } from '../parts/empty-state.ts';
import { icon } from '../parts/icon.ts';
import type { Content, Markup } from '../parts/markup.ts';
import { moment } from '../parts/moment.ts';
import { serverState } from '../parts/server-state.ts';
import type { HubReading } from '../reading.ts';
import type { ServerAnswer } from '../server-answers.ts';

export async function serversPage(
  context: Context<DashboardEnv>,
  caller: LoginCaller,
  hub: HubReading,
): Promise<Response> {
  const { role } = caller.account;
  const cursor = context.req.query('cursor');
  const { items, next_cursor: next } = await hub.ask('servers.list', { cursor, limit: '60' });
  const add = linkButton('Add a server', '/servers/new', { kind: 'primary', icon: 'plus' });
  const isEmpty = items.length === 0;
  return appPage(context, {
    title: 'Servers',
    here: 'servers',
    islands: ['servers'],
    ...(!isEmpty && { lead: summary(items) }),
    ...(!isEmpty && role !== 'member' && { actions: add }),
    body: isEmpty
      ? card({ body: nothingYet(role, add) })
      : [
          html`<ul class="server-grid" id="servers" aria-label="Servers">
            ${items.map(serverCard)}
          </ul>`,
          typeof next === 'string' &&
            html`<div class="actions">
              ${linkButton('More servers', `/servers?cursor=${encodeURIComponent(next)}`)}
            </div>`,
        ],
  });
}

function summary(items: readonly ServerAnswer[]): Markup {
  const online = items.filter((server) => server.is_connected).length;
  return html`<span data-online="${online}" data-all="${items.length}">
    ${online} of ${items.length} online
  </span>`;
}

function serverCard(server: ServerAnswer): Markup {
  const { id, name, addresses, access } = server;
  return html`<li class="card server-card" data-server="${id}">
    <div class="server-card-head">
      <span class="item-icon">${icon('server')}</span>
      ${serverState(server)}
    </div>
    <p class="server-card-name"><a class="cover" href="/servers/${id}">${name}</a></p>
    <p class="soft server-card-address">${hostOf(addresses[0]) ?? 'No address yet'}</p>
    <p class="soft small" data-since>${since(server)}</p>
    ${access === 'member' && badge('Shared with you')}
    ${access === 'admin' && badge('Of another account')}
  </li>`;
}

function since(server: ServerAnswer): Content {
  const { connected_since: from, last_seen_at: last } = server;
  if (from !== null) return html`Connected ${moment(new Date(from))}`;
  if (last !== null) return html`Last seen ${moment(new Date(last))}`;
  return 'Its agent has not connected yet';
}

function hostOf(address: string | undefined): string | undefined {
  return address === undefined ? undefined : new URL(address).host;
}

function nothingYet(role: Role, add: Markup): Markup {
  if (role === 'member')
    return emptyState({
      icon: 'server',
      title: 'Nobody shares a server with you yet',
      body: 'When the owner of a media server adds you to it, it appears here with its address.',
    });
  return emptyState({
    icon: 'server',
    title: 'Bring your media server here',
    body: html`A small program, the agent, runs beside Jellyfin, Emby, Plex or Phlix at home and
    keeps a line open to this hub. Your films get an address of their own, with no port opened at
    home.`,
    action: add,
  });
}
