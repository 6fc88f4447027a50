// How a server is now arrives; its badge says so.

/** As parts/server-state.ts writes it. */
export function showState(
  place: Element | null,
  server: { readonly is_connected: boolean; readonly last_seen_at: string | null },
): void {
  const [word, tone] = server.is_connected
    ? ['Online', 'good']
    : server.last_seen_at === null
      ? ['Waiting', 'calm']
      : ['Offline', 'bad'];
  if (place === null || place.textContent?.trim() === word) return;
  const badge = document.createElement('span');
  badge.className = `badge state ${tone}`;
  const dot = document.createElement('i');
  dot.className = 'dot';
  dot.ariaHidden = 'true';
  badge.append(dot, word);
  place.replaceChildren(badge);
}
