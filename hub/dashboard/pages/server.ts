// A server arrives; its page leaves: how it is, how good its line is, who plays, what it moved, and everything that can be changed about it.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { LoginCaller } from '../../accounts/caller.ts';
import type { DashboardEnv } from '../environment.ts';
import { appPage } from '../layout.ts';
import { linkButton, opener } from '../parts/button.ts';
import { serverState } from '../parts/server-state.ts';
import type { HubReading } from '../reading.ts';
import type { ServerInFull } from '../server-answers.ts';
import { alertsCard } from './server/alerts-card.ts';
import { certificateCard, factsCard } from './server/identity-cards.ts';
import { healthCard } from './server/health-card.ts';
import { domainsCard } from './server/domains-card.ts';
import { lineCard, streamsCard } from './server/live-card.ts';
import { membersCard } from './server/members-card.ts';
import { requestsCard, shownDays, trafficCard } from './server/traffic-card.ts';
import { suspendedCallout, suspensionCard } from './server/suspension-card.ts';
import { transferCard } from './server/transfer-card.ts';
import { endCard, eventsCard, limitsCard, renameDialog } from './server/upkeep-cards.ts';

const shownEvents = '8';

export async function serverPage(
  context: Context<DashboardEnv>,
  { account }: LoginCaller,
  hub: HubReading,
): Promise<Response> {
  const id = context.req.param('id');
  const server = await hub.ask('servers.show', { id });
  const isOwned = server.access !== 'member';
  const [shown, owned] = await Promise.all([
    readShown(hub, server.id),
    isOwned ? readOwned(hub, server.id) : undefined,
  ]);
  const { live, traffic, certificates, domains, events, now } = shown;
  return appPage(context, {
    title: server.name,
    here: 'servers',
    back: { href: '/servers', text: 'Servers' },
    heading: html`${server.name} ${serverState(server)}`,
    lead: html`<span data-lead>${leadOf(server)}</span>`,
    islands: ['server'],
    actions: actionsOf(server, isOwned),
    body: [
      html`<div id="server" data-id="${server.id}" hidden></div>`,
      suspendedCallout(server),
      owned !== undefined && healthCard(server, owned.findings),
      lineCard(live),
      streamsCard(live),
      html`<div class="columns">
        ${trafficCard(traffic.items, now)} ${requestsCard(traffic.items)}
      </div>`,
      html`<div class="columns">
        ${factsCard(server, live.agent)} ${certificateCard(server.id, certificates.items, isOwned)}
      </div>`,
      // Who may not add one has nothing to do with a card that is empty.
      (isOwned || domains.items.length > 0) && domainsCard(server.id, domains.items, isOwned),
      eventsCard(events.items),
      owned !== undefined && [
        html`<div class="columns">
          ${alertsCard(server.id, owned.alert)}
          ${limitsCard(`/api/v1/servers/${server.id}`, owned.limits)}
        </div>`,
        membersCard(server.id, owned.members, owned.invited),
        account.role === 'admin' && [suspensionCard(server), transferCard(server)],
        endCard(server),
        renameDialog(server),
      ],
    ],
  });
}

/** What everybody reads who sees the server. */
async function readShown(hub: HubReading, id: string) {
  const now = new Date();
  const from = new Date(now.getTime() - (shownDays - 1) * 86_400_000).toISOString();
  const [live, traffic, certificates, domains, events] = await Promise.all([
    hub.ask('usage.live', { id }),
    hub.ask('usage.traffic', { id, by: 'day', from, to: now.toISOString() }),
    hub.ask('certificates.of-server', { id }),
    hub.ask('domains.list', { id }),
    hub.ask('usage.events', { id, limit: shownEvents }),
  ]);
  return { live, traffic, certificates, domains, events, now };
}

/** What its owner sets. */
async function readOwned(hub: HubReading, id: string) {
  const [members, invited, limits, alert, findings] = await Promise.all([
    hub.askAll('members.list', { id }),
    hub.askAll('invitations.of-server', { id }),
    hub.ask('usage.limits', { id }),
    hub.ask('alerts.show', { id }),
    hub.ask('findings.show', { id }),
  ]);
  return { members, invited, limits, alert, findings };
}

function leadOf({ addresses: [address], access }: ServerInFull): string {
  const host = address === undefined ? 'No address yet' : new URL(address).host;
  if (access === 'member') return `${host}, shared with you to look at`;
  return access === 'admin' ? `${host}, of another account` : host;
}

function actionsOf({ addresses: [address] }: ServerInFull, isOwned: boolean) {
  return [
    address !== undefined &&
      linkButton('Open', address, {
        icon: 'link',
        attributes: { target: '_blank', rel: 'noopener noreferrer' },
      }),
    isOwned && opener(address === undefined ? 'Give it a name' : 'Rename', 'rename'),
  ];
}
