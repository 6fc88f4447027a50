// A door and a way to ask arrive; somebody who asks a small thing without end leaves, and tells how often that failed.

import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import { connect } from 'node:tls';

import { contentBytes } from '../../support/content.ts';
import { glance } from './errands.ts';
import type { Door } from './visit.ts';

export type WayToAsk = 'kept HTTP/1.1 connection' | 'new connections' | 'HTTP/2';

const bytes = 1000;
const path = `/content/film/${bytes}`;
const answerMs = 20_000;

export class Asker {
  asked = 0;
  /** The kernel took the connection and broke it when its listener closed: no hub ever saw it. */
  unaccepted = 0;
  /** A kept connection ended just when it was asked again, as any may (RFC 9112 §9.3.1): asked once more on another. */
  retried = 0;
  readonly failed: string[] = [];
  #isDone = false;
  readonly #ask: (door: Door) => Promise<void>;
  readonly #close: () => void;
  readonly #asking: Promise<void>;

  constructor(door: Door, way: WayToAsk) {
    const { ask, close } = ways[way]();
    this.#ask = ask;
    this.#close = close;
    this.#asking = this.#keepAsking(door, way);
  }

  async stop(): Promise<void> {
    this.#isDone = true;
    await this.#asking;
    this.#close();
  }

  async #keepAsking(door: Door, way: WayToAsk): Promise<void> {
    while (!this.#isDone) {
      try {
        await this.#ask(door);
      } catch (error) {
        if (error instanceof Unaccepted) this.unaccepted += 1;
        else if (error instanceof Crossed) this.retried += 1;
        else this.failed.push(`${new Date().toISOString()} ${way}: ${String(error)}`);
      }
      this.asked += 1;
    }
  }
}

class Unaccepted extends Error {}
class Crossed extends Error {}

interface Way {
  /** @throws whatever keeps the answer from being right */
  readonly ask: (door: Door) => Promise<void>;
  readonly close: () => void;
}

const ways: Record<WayToAsk, () => Way> = {
  'kept HTTP/1.1 connection': () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    return { ask: async (door) => askKept(door, agent), close: () => agent.destroy() };
  },
  'new connections': () => ({ ask: askAnew, close: () => undefined }),
  'HTTP/2': () => {
    const client = new Http2Client();
    return { ask: async (door) => client.ask(door), close: () => client.close() };
  },
};

async function askKept(door: Door, agent: Agent): Promise<void> {
  const { hostname, host, port, ca } = door;
  const asked = request({
    agent,
    host,
    port,
    ca,
    servername: hostname,
    path,
    headers: { host: `${hostname}:${port}` },
    signal: AbortSignal.timeout(answerMs),
  });
  asked.end();
  const [answer] = await once(asked, 'response').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET') throw error;
    throw asked.reusedSocket ? new Crossed() : new Unaccepted();
  });
  check(answer.statusCode, await buffer(answer));
}

async function askAnew(door: Door): Promise<void> {
  const { end, detail, isUnheard } = await glance(door).outcome;
  if (end === 'cut' && isUnheard && !detail.includes('ECONNREFUSED')) throw new Unaccepted();
  if (end !== 'complete') throw new Error(`${end}: ${detail}`);
}

/** Goes to another connection when it is told to, and asks there what the former one has said that it did not take. */
class Http2Client {
  #session: ClientHttp2Session | undefined;
  #isLeaving = false;
  #isUnheard = true;
  #lastTaken = Infinity;
  #closed = new AbortController();

  async ask(door: Door): Promise<void> {
    for (;;) {
      const session = this.#open(door);
      const stream = session.request({ ':path': path });
      stream.on('error', () => undefined);
      try {
        const deadline = AbortSignal.any([AbortSignal.timeout(answerMs), this.#closed.signal]);
        const [fields] = await once(stream, 'response', { signal: deadline });
        return check(fields[':status'], await buffer(stream));
      } catch (error) {
        if (this.#isUnheard) throw new Unaccepted();
        // RFC 9113 §6.8: above the last of the goaway nothing was done, so it may be asked again. One without a number never left.
        const isTaken = stream.id !== undefined && stream.id <= this.#lastTaken;
        if (!this.#isLeaving || (isTaken && !stream.pending)) throw error;
      }
    }
  }

  close(): void {
    this.#session?.destroy();
  }

  #open({ hostname, host, port, ca }: Door): ClientHttp2Session {
    const former = this.#session;
    if (former !== undefined && !former.closed && !former.destroyed && !this.#isLeaving)
      return former;
    this.#isLeaving = false;
    this.#isUnheard = true;
    this.#lastTaken = Infinity;
    const session = connectHttp2(`https://${hostname}:${port}`, {
      createConnection: () =>
        connect({ host, port, ca, servername: hostname, ALPNProtocols: ['h2'] }),
    });
    const closed = new AbortController();
    this.#closed = closed;
    session.on('error', () => undefined);
    session.once('connect', () => (this.#isUnheard = false));
    session.once('close', () => closed.abort(new Error('the connection closed')));
    session.on('goaway', (_code, lastTaken) => {
      if (session !== this.#session) return;
      this.#isLeaving = true;
      this.#lastTaken = lastTaken ?? 0;
    });
    this.#session = session;
    return session;
  }
}

function check(status: unknown, body: Buffer): void {
  if (status !== 200) throw new Error(`status ${String(status)}: ${body.toString('utf8')}`);
  if (!body.equals(contentBytes('film', 0, bytes))) throw new Error('other bytes');
}
