// Binary WebSocket messages in both directions become a transport: an ordered pipe of bytes.

import type { Buffer } from 'node:buffer';
import type { WebSocket } from 'ws';
import { ProtocolError } from '../errors.ts';
import { countTurnover } from './buffer-turnover.ts';
import { FairReader } from './fair-reader.ts';
import type { Transport } from './transport.ts';

/** Chunks are at most one frame of 64 KiB or a batch of 40 KiB; twice that is refused by `ws` before it is buffered. */
export const maxMessageBytes = 128 * 1024;

/** Of the other end, which may be gone without a word: a link that another took the place of must not hold its socket for the library's half minute. */
const farewellMs = 10_000;

/** The socket must be open, created with maxPayload = maxMessageBytes and perMessageDeflate off. */
export function websocketTransport(socket: WebSocket): Transport {
  let broken: Error | undefined;
  const transport: Transport = {
    send(chunk, written) {
      countTurnover(chunk.length);
      socket.send(chunk, written);
    },
    close() {
      socket.close();
      const deadline = setTimeout(() => socket.terminate(), farewellMs).unref();
      socket.once('close', () => clearTimeout(deadline));
    },
    destroy(error) {
      broken ??= error;
      socket.terminate();
    },
    onChunk: () => {},
    onClosed: () => {},
  };
  const reader = new FairReader(socket, (bytes, turn) => transport.onChunk(bytes, turn));
  socket.on('message', (message: Buffer, isBinary: boolean) => {
    countTurnover(message.length);
    if (isBinary) reader.take(message);
    else transport.destroy(new ProtocolError('protocol.malformed', 'a text message'));
  });
  socket.on('error', (error) => {
    broken ??= error;
  });
  socket.once('close', () => {
    reader.end();
    transport.onClosed(broken);
  });
  return transport;
}
