// How a server is now arrives; its badge says so.

/** As parts/server-state.ts writes it. */
export function showState(
  place: Element | null,
  server: {
    readonly is_connected: boolean;
    readonly last_seen_at: string | null;
    /** Left out: nobody said, and a suspension that is shown goes on. */
    readonly suspended_at?: string | null;
  },
): void {
  const shown = place?.textContent?.trim();
  const isSuspended =
    server.suspended_at === undefined ? shown === 'Suspended' : server.suspended_at !== null;
  const [word, tone] = wordOf(server, isSuspended);
  if (place === null || shown === word) return;
  const badge = document.createElement('span');
  badge.className = `badge state ${tone}`;
  const dot = document.createElement('i');
  dot.className = 'dot';
  dot.ariaHidden = 'true';
  badge.append(dot, word);
  place.replaceChildren(badge);
}

function wordOf(
  server: { readonly is_connected: boolean; readonly last_seen_at: string | null },
  isSuspended: boolean,
): readonly [string, string] {
  if (isSuspended) return ['Suspended', 'bad'];
  if (server.is_connected) return ['Online', 'good'];
  return server.last_seen_at === null ? ['Waiting', 'calm'] : ['Offline', 'bad'];
}
