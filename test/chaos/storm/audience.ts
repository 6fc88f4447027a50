// A door arrives; twenty viewers who never stop leave, and a wait until enough of them are in the middle of something.

import { setTimeout as after } from 'node:timers/promises';

import { within } from '../../support/deadline.ts';
import type { Door } from '../visitors/visit.ts';
import { Tally, Viewer, type Taste } from './viewer.ts';

export const viewerCount = 20;
/** Downloads that must be under way when a fault strikes. */
export const leastUnderWay = 10;

const tastes: readonly Taste[] = [
  { kind: 'film', version: 'HTTP/1.1' },
  { kind: 'range', version: 'HTTP/2' },
  { kind: 'series', version: 'HTTP/1.1' },
  { kind: 'film', version: 'HTTP/2' },
  { kind: 'range', version: 'HTTP/1.1' },
  { kind: 'series', version: 'HTTP/2' },
];

/** A fault's last traces: links that are dialled again, agents that start. */
const readyMs = 30_000;

export class Audience {
  readonly tally = new Tally();
  #lives = 0;
  readonly #viewers: readonly Viewer[];
  readonly #leaving = new AbortController();
  readonly #watching: Promise<void[]>;

  constructor(door: Door) {
    this.#viewers = Array.from({ length: viewerCount }, (_, at) => {
      const taste = tastes[at % tastes.length] ?? { kind: 'film', version: 'HTTP/1.1' };
      return new Viewer(door, taste, this.tally, () => this.#lives);
    });
    this.#watching = Promise.all(this.#viewers.map((viewer) => viewer.watch(this.#leaving.signal)));
  }

  /** From now on connections that are cut belong to a hub that was killed. */
  onHubKilled(): void {
    this.#lives += 1;
  }

  /** Resolves with how many downloads are under way, when they are enough and bytes move for them. @throws at the deadline */
  async isReady(): Promise<number> {
    const until = performance.now() + readyMs;
    for (;;) {
      const moving = this.#viewers.filter((viewer) => viewer.hasMoved && viewer.isUnderWay).length;
      if (moving >= leastUnderWay) return moving;
      if (performance.now() > until)
        throw new Error(`only ${moving} downloads move: ${this.#places}`);
      await after(200);
    }
  }

  /** Everybody sees the end of what he watches. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    await within(this.#watching, readyMs, () => `the end of all downloads: ${this.#places}`);
  }

  get #places(): string {
    return this.#viewers.map(({ place }) => place).join('; ');
  }
}
