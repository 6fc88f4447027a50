// An upgrade that will not happen arrives; a short HTTP answer leaves, and the connection ends.

import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** `retryAfter` in seconds. */
export function refuseUpgrade(
  socket: Duplex,
  status: 403 | 404 | 426 | 429 | 503,
  retryAfter?: number,
): void {
  const body = status === 426 ? unbound : '';
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    `Content-Length: ${body.length}`,
    ...(retryAfter === undefined ? [] : [`Retry-After: ${retryAfter}`]),
    // RFC 9110 §15.5.22 wants to be told what to upgrade to.
    ...(status === 426
      ? ['Upgrade: TLS/1.3, HTTP/1.1', 'Content-Type: application/problem+json']
      : []),
  ];
  // Ended by both sides or destroyed: a stranger who never closes his half must not keep it.
  socket.once('finish', () => socket.destroy());
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

const unbound = `${JSON.stringify({
  type: 'urn:phlix-hub:error:tunnel.unbound',
  title: 'TLS of the hub itself is needed',
  status: 426,
  detail:
    'An agent needs TLS 1.3 that ends at the hub itself: let port 8802 through the proxy untouched.',
  code: 'tunnel.unbound',
})}\n`;
