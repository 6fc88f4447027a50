// The key of a WebSocket handshake arrives; the answer that only those give who have understood it leaves.

import { createHash } from 'node:crypto';

/** @see RFC 6455 §4.2.2 */
export function websocketAccept(key: string): string {
  return createHash('sha1').update(`${key}${handshakeGuid}`).digest('base64');
}

/** RFC 6455 §1.3. */
const handshakeGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
