// News of servers arrive; the list shows the state of each as it is now, and itself anew where one came or went.

import { call } from './call.ts';
import { listen, onReconnect } from './live.ts';
import { showState } from './server-state.ts';
import { showTimes } from './times.ts';

interface ListedServer {
  readonly id: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly is_connected: boolean;
  readonly connected_since: string | null;
  readonly last_seen_at: string | null;
  readonly suspended_at: string | null;
}

/** A hub that restarts brings all of them back within seconds: one question for many news. */
const gatherMs = 300;

let timer: number | undefined;

function refreshSoon(): void {
  timer ??= setTimeout(() => void refresh(), gatherMs);
}

async function refresh(): Promise<void> {
  timer = undefined;
  const cursor = new URLSearchParams(location.search).get('cursor');
  const place = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
  const { items } = await call<{ items: ListedServer[] }>(
    'GET',
    `/api/v1/servers?limit=60${place}`,
  );
  const shown = [...document.querySelectorAll<HTMLElement>('[data-server]')];
  const isSame =
    shown.length === items.length &&
    items.every(({ id }, at) => shown[at]?.dataset['server'] === id);
  if (!isSame) {
    // A dialog that somebody is writing in is worth more than a new row.
    if (document.querySelector('dialog[open]') === null) location.reload();
    return;
  }
  for (const [at, server] of items.entries()) {
    const card = shown[at];
    if (card !== undefined) show(card, server);
  }
  const summary = document.querySelector('[data-online]');
  const online = items.filter((server) => server.is_connected).length;
  if (summary !== null) summary.textContent = `${online} of ${items.length} online`;
}

function show(card: HTMLElement, server: ListedServer): void {
  showState(card.querySelector('[data-state]'), server);
  const since = card.querySelector('[data-since]');
  const at = server.connected_since ?? server.last_seen_at;
  if (since === null || at === null) return;
  const time = document.createElement('time');
  time.dateTime = at;
  time.dataset['relative'] = '';
  since.replaceChildren(server.is_connected ? 'Connected ' : 'Last seen ', time);
  showTimes(card);
}

listen('servers', refreshSoon);
onReconnect(refreshSoon);
