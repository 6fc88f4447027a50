// A server arrives; whether it can be reached leaves, in a word with its colour. islands/servers.ts keeps it true.

import type { ServerAnswer } from '../server-answers.ts';
import { stateBadge } from './badge.ts';
import { html } from 'hono/html';
import type { Markup } from './markup.ts';

type State = Pick<ServerAnswer, 'is_connected' | 'last_seen_at'>;

export function serverState({ is_connected: isConnected, last_seen_at: lastSeen }: State): Markup {
  const badge = isConnected
    ? stateBadge('Online', 'good')
    : lastSeen === null
      ? stateBadge('Waiting', 'calm')
      : stateBadge('Offline', 'bad');
  return html`<span data-state role="status">${badge}</span>`;
}
