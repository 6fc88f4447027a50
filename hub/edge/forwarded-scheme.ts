// What a trusted proxy says of how its visitor came arrives (X-Forwarded-Proto); https or http leaves. Pure (security row E-06).

/**
 * Each hop may have added its own word, to the line or as another line, and a visitor's own may stand among them: only where
 * all say https did nothing on the way go in the clear. A WebSocket is `wss` to Traefik.
 */
export function forwardedScheme(lines: readonly string[]): 'https' | 'http' {
  const words = lines.join(',').split(',');
  return words.every((word) => secure.has(word.trim().toLowerCase())) ? 'https' : 'http';
}

const secure: ReadonlySet<string> = new Set(['https', 'wss']);
