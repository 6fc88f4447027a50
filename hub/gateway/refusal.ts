// An upgrade that will not happen arrives; a short HTTP answer leaves, and the connection ends.

import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** `retryAfter` in seconds. */
export function refuseUpgrade(
  socket: Duplex,
  status: 403 | 404 | 426 | 429 | 503,
  retryAfter?: number,
): void {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Length: 0',
    ...(retryAfter === undefined ? [] : [`Retry-After: ${retryAfter}`]),
  ];
  // Ended by both sides or destroyed: a stranger who never closes his half must not keep it.
  socket.once('finish', () => socket.destroy());
  socket.end(`${lines.join('\r\n')}\r\n\r\n`);
}
