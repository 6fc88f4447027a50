// Two sessions over any pair of transports, wired as hub (acceptor) and agent (dialer), with what they reported.

import type { Duplex } from 'node:stream';
import { FramePipe } from '../../shared/mux/frame-pipe.ts';
import { Session, type SessionEnd, type SessionOptions } from '../../shared/mux/session.ts';
import type { MuxStream } from '../../shared/mux/stream.ts';
import { initialStreamWindowBytes } from '../../shared/wire/limits.ts';
import type { TransportPair } from './transports.ts';

export interface SessionEndpoint {
  readonly session: Session;
  readonly accepted: MuxStream[];
  readonly ended: Promise<SessionEnd>;
  open(): MuxStream;
  nextStream(): Promise<MuxStream>;
}

export interface SessionPair {
  readonly hub: SessionEndpoint;
  readonly agent: SessionEndpoint;
}

export function sessionPair(
  transports: TransportPair,
  options: Partial<SessionOptions> = {},
): SessionPair {
  return {
    hub: endpoint(new FramePipe(transports.acceptor), 'acceptor', options),
    agent: endpoint(new FramePipe(transports.dialer), 'dialer', options),
  };
}

export function endpoint(
  pipe: FramePipe,
  role: SessionOptions['role'],
  options: Partial<SessionOptions>,
): SessionEndpoint {
  const accepted: MuxStream[] = [];
  const waiting: ((stream: MuxStream) => void)[] = [];
  const ended = Promise.withResolvers<SessionEnd>();
  const session = new Session(pipe, {
    role,
    receiveWindowBytes: initialStreamWindowBytes,
    sendWindowBytes: initialStreamWindowBytes,
    pingIntervalMs: 15_000,
    pingDeadlineMs: 10_000,
    maxStreams: 1024,
    onStream(stream) {
      stream.on('error', () => {});
      const waiter = waiting.shift();
      if (waiter === undefined) accepted.push(stream);
      else waiter(stream);
    },
    onClosed: ended.resolve,
    ...options,
  });
  return {
    session,
    accepted,
    ended: ended.promise,
    open() {
      const stream = session.openStream();
      // A test that cares listens itself; the others end by closing the link under their streams.
      stream.on('error', () => {});
      return stream;
    },
    nextStream() {
      const stream = accepted.shift();
      if (stream !== undefined) return Promise.resolve(stream);
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}

/** Everything a stream reads until its end. */
export async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
