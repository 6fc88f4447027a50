// A door and a wished number arrive; so many guests leave, each with one errand after the other, and what became of the errands is counted.

import { seededRandom } from '../support/random.ts';
import { chat, download, glance, upload, watchSeries } from '../chaos/visitors/errands.ts';
import type { Door, Visit } from '../chaos/visitors/visit.ts';

const filmBytes = 6_000_000;
const abortAfterBytes = 200_000;

/** In the proportion of a house that watches, with somebody who zaps. */
const errands: readonly ((door: Door) => Visit)[] = [
  (door) => download(door, { bytes: filmBytes }),
  (door) => download(door, { bytes: filmBytes, version: 'HTTP/2' }),
  (door) => download(door, { bytes: filmBytes, from: 1_000_003 }),
  (door) => download(door, { bytes: filmBytes, from: 1_000_003, version: 'HTTP/2' }),
  (door) => download(door, { bytes: filmBytes, isChunked: true, version: 'HTTP/2' }),
  (door) => watchSeries(door, { ...series(), version: 'HTTP/1.1' }),
  (door) => watchSeries(door, { ...series(), version: 'HTTP/2' }),
  (door) => upload(door, 'HTTP/1.1', filmBytes),
  (door) => upload(door, 'HTTP/2', filmBytes),
  (door) => chat(door, 200),
  glance,
  glance,
  (door) => aborted(download(door)),
  (door) => aborted(download(door, { version: 'HTTP/2' })),
  (door) => aborted(upload(door, 'HTTP/1.1')),
  (door) => aborted(upload(door, 'HTTP/2')),
  (door) => aborted(chat(door)),
];

export class Guests {
  completed = 0;
  aborted = 0;
  readonly failed: string[] = [];
  readonly #door: Door;
  readonly #random = seededRandom(2);
  readonly #guests = new Set<Promise<void>>();
  #wanted = 0;
  #present = 0;

  constructor(door: Door) {
    this.#door = door;
  }

  get wanted(): number {
    return this.#wanted;
  }

  /** Those that are too many leave after what they are at. */
  want(count: number): void {
    this.#wanted = count;
    while (this.#present < count) {
      this.#present += 1;
      const staying: Promise<void> = this.#stay().finally(() => this.#guests.delete(staying));
      this.#guests.add(staying);
    }
  }

  /** Resolves when the last has gone. */
  async leave(): Promise<void> {
    this.want(0);
    await Promise.all(this.#guests);
  }

  async #stay(): Promise<void> {
    while (this.#present <= this.#wanted) {
      const visit = this.#random.pick(errands)(this.#door);
      const { end, detail, visitor } = await visit.outcome;
      if (end === 'complete') this.completed += 1;
      else if (leavers.has(visit) && end === 'cut') this.aborted += 1;
      else this.failed.push(`${new Date().toISOString()} ${visitor}: ${end}: ${detail}`);
    }
    this.#present -= 1;
  }
}

const leavers = new WeakSet<Visit>();

function aborted(visit: Visit): Visit {
  leavers.add(visit);
  // One that ends before has its own outcome.
  const bytes = visit.name === 'WebSocket' ? abortAfterBytes / 10 : abortAfterBytes;
  visit.moves(bytes).then(
    () => visit.leave(),
    () => undefined,
  );
  return visit;
}

function series() {
  return { segments: 3, bytes: filmBytes / 3, progress: { segment: 0, bytes: 0 } };
}
