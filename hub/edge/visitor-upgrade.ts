// A connection or stream that asks for WebSocket arrives; what the upgrade needs of it leaves, the same for both versions of HTTP.

import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { ServerHttp2Stream } from 'node:http2';
import { addAbortSignal, type Duplex } from 'node:stream';

import { encodeResponseHead } from '../../shared/http/head.ts';
import type { Http2Response } from './http2-response.ts';
import { SocketResponse } from './socket-response.ts';
import type { VisitorUpgrade } from './visitor.ts';

/** RFC 6455: the connection itself becomes the pipe. Any other answer than 101 closes it. */
export function http1Upgrade(socket: Duplex, firstBytes: Buffer): VisitorUpgrade {
  const response = new SocketResponse(socket);
  return {
    pipe: socket,
    firstBytes,
    response,
    key: undefined,
    agree: (fields) => {
      response.release();
      const ours = ['connection', 'Upgrade', 'upgrade', 'websocket'];
      socket.write(encodeResponseHead(101, 'Switching Protocols', [...fields, ...ours]));
    },
    cut: () => socket.destroy(),
  };
}

/** RFC 8441: the DATA frames of one stream become the pipe; the rest of the connection goes on. */
export function http2Upgrade(stream: ServerHttp2Stream, response: Http2Response): VisitorUpgrade {
  const cutting = new AbortController();
  // The one public way to RST_STREAM with CANCEL, which stands for a TCP reset (§5), without an END_STREAM before it.
  addAbortSignal(cutting.signal, stream);
  return {
    pipe: stream,
    firstBytes: Buffer.alloc(0),
    response,
    // A nonce of 16 bytes (RFC 6455 §4.1).
    key: randomBytes(16).toString('base64'),
    agree: (fields) => {
      if (!stream.closed && !stream.destroyed) stream.respond([':status', '200', ...fields]);
    },
    cut: () => cutting.abort(),
  };
}
