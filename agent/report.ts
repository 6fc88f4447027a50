// The hub asks what the streams of a link wait for; after as many looks as fit into its time the shares leave as a notice.

import { Buffer } from 'node:buffer';

import type { Session } from '../shared/mux/session.ts';

type Watched = Pick<Session, 'streams' | 'queueMs' | 'notice'>;

/** Rare enough to cost nothing, often enough for thirty looks between two answers. */
const lookEveryMs = 50;
/** In a notice of 4 KiB: sixteen bytes for each, and room for the rest. */
const maxStreams = 200;

interface Looks {
  line: number;
  credit: number;
}

/** Looks only when it is asked, one question at a time. */
export class Reporter {
  readonly #session: Watched;
  #timer: NodeJS.Timeout | undefined;

  constructor(session: Watched) {
    this.#session = session;
  }

  report(forMs: number): void {
    if (this.#timer !== undefined) return;
    const seen = new Map<number, Looks>();
    const busyFrom = performance.eventLoopUtilization();
    let left = Math.max(1, Math.round(forMs / lookEveryMs));
    const looks = left;
    this.#timer = setInterval(() => {
      this.#look(seen);
      left -= 1;
      if (left > 0) return;
      this.stop();
      this.#send(seen, looks, performance.eventLoopUtilization(busyFrom).utilization);
    }, lookEveryMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(seen: Map<number, Looks>): void {
    for (const { id, waitsFor } of this.#session.streams) {
      if (waitsFor === undefined) continue;
      const looks = seen.get(id) ?? { line: 0, credit: 0 };
      looks[waitsFor] += 1;
      seen.set(id, looks);
    }
  }

  #send(seen: ReadonlyMap<number, Looks>, looks: number, busy: number): void {
    const percent = (count: number): number => Math.round((100 * count) / looks);
    const streams = [...seen]
      .slice(0, maxStreams)
      .map(([id, { line, credit }]) => [id, percent(line), percent(credit)]);
    const queue = this.#session.queueMs;
    const report = {
      busy: Math.round(100 * busy),
      ...(queue !== undefined && { queue: Math.round(queue) }),
      streams,
    };
    this.#session.notice(Buffer.from(JSON.stringify({ report })));
  }
}
