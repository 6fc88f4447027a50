// A stream handler arrives; an HTTP/2 server without TLS leaves, for connections that a test's edge hands it.

import { once } from 'node:events';
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { Duplex } from 'node:stream';

type OnStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: string[],
) => void;

export class H2cOrigin {
  readonly server: Http2Server;
  readonly sessions: ServerHttp2Session[] = [];
  /** What it was asked, in order. */
  readonly asked: IncomingHttpHeaders[] = [];
  running = 0;
  mostRunning = 0;

  constructor(onStream: OnStream, options: ServerOptions = {}) {
    this.server = createServer(options);
    this.server.on('session', (session) => {
      session.on('error', () => {});
      this.sessions.push(session);
    });
    this.server.on('stream', (stream, headers, _flags, rawHeaders) => {
      stream.on('error', () => {});
      this.asked.push(headers);
      this.running += 1;
      this.mostRunning = Math.max(this.mostRunning, this.running);
      stream.once('close', () => (this.running -= 1));
      onStream(stream, headers, rawHeaders);
    });
  }

  readonly accept = (connection: Duplex): void => {
    connection.on('error', () => {});
    this.server.emit('connection', connection);
  };

  async nextStream(): Promise<ServerHttp2Stream> {
    const [stream] = (await once(this.server, 'stream')) as [ServerHttp2Stream];
    return stream;
  }
}

/** One message of gRPC: not compressed, length, bytes. */
export function grpcMessage(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** The whole messages of what has arrived. */
export function grpcMessages(bytes: Buffer): string[] {
  const messages: string[] = [];
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    messages.push(bytes.toString('utf8', at + 5, end));
    at = end;
  }
  return messages;
}
