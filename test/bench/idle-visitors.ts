// A hub's port arrives; visitors leave whose requests were answered with a head and then with nothing: streams that are open and idle.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';

import type { Certificate } from './certificate.ts';
import { visitedHost } from './contender.ts';

/** Of one HTTP/2 connection, so that the visitors' own TLS hardly counts. As many as the hub admits. */
const streamsPerVisitor = 100;
/** Of test/support/origin: the head at once, the first byte after an hour. */
const idlePath = '/drip?bytes=10&everyMs=3600000';

export class IdleVisitors {
  readonly #sessions: ClientHttp2Session[] = [];
  readonly #port: number;
  readonly #authority: Buffer;

  constructor(port: number, { authorityFile }: Certificate) {
    this.#port = port;
    this.#authority = readFileSync(authorityFile);
  }

  /** Resolves when each request has its head. */
  async open(count: number): Promise<void> {
    for (let left = count; left > 0; left -= streamsPerVisitor) {
      const session = connect(`https://127.0.0.1:${this.#port}`, {
        ca: this.#authority,
        servername: visitedHost,
      });
      this.#sessions.push(session);
      const requests = Array.from({ length: Math.min(left, streamsPerVisitor) }, () =>
        session.request({ ':path': idlePath, ':authority': `${visitedHost}:${this.#port}` }),
      );
      await Promise.all(requests.map(headArrived));
    }
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
  }
}

async function headArrived(request: ClientHttp2Stream): Promise<void> {
  const [head] = (await once(request, 'response')) as [{ ':status'?: number }];
  if (head[':status'] !== 200) throw new Error(`the idle request was answered ${head[':status']}`);
  // It ends with its session, when all have been counted.
  request.on('error', () => undefined);
}
