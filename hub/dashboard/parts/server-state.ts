// A server arrives; whether it can be reached leaves, in a word with its colour. islands/servers.ts keeps it true.

import type { ServerAnswer } from '../server-answers.ts';
import { stateBadge } from './badge.ts';
import { html } from 'hono/html';
import type { Markup } from './markup.ts';

type State = Pick<ServerAnswer, 'is_connected' | 'last_seen_at' | 'suspended_at'>;

export function serverState(server: State): Markup {
  return html`<span data-state role="status">${badgeOf(server)}</span>`;
}

function badgeOf({ is_connected: isConnected, last_seen_at: lastSeen, ...server }: State): Markup {
  if (server.suspended_at !== null) return stateBadge('Suspended', 'bad');
  if (isConnected) return stateBadge('Online', 'good');
  return lastSeen === null ? stateBadge('Waiting', 'calm') : stateBadge('Offline', 'bad');
}
