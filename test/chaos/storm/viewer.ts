// A door and a taste arrive; somebody who watches one thing after the other leaves, and what became of every download is counted.

import { setTimeout as after } from 'node:timers/promises';

import { download, type HttpVersion, type Progress, watchSeries } from '../visitors/errands.ts';
import type { Door, Outcome, Visit } from '../visitors/visit.ts';

export interface Taste {
  readonly kind: 'film' | 'range' | 'series';
  readonly version: HttpVersion;
}

/** What became of all downloads. Texts tell which, for the person who reads a failure. */
export class Tally {
  /** Whole, every byte compared. */
  downloads = 0;
  /** Resumed by the viewer himself with Range: his connection was to a hub that was killed. */
  resumedByViewers = 0;
  /** Not begun, and asked for again: the server or the hub was away. */
  postponed = 0;
  readonly failed: string[] = [];
  readonly altered: string[] = [];
}

/** A film in the best quality there is, 16 Mbit/s. */
const bytesPerMs = 2000;
/** 10 s. */
const filmBytes = 20_000_000;
const firstOfRange = 1_000_003;
const segments = 6;
const segmentBytes = 3_000_000;
/** What a viewer waits before he presses play again. */
const retryMs = 250;
/** Nobody waits longer for a film that does not begin, or go on. */
const patienceMs = 120_000;

export class Viewer {
  readonly #door: Door;
  readonly #taste: Taste;
  readonly #tally: Tally;
  /** How often the hub has been killed: connections of a former life are over by no fault of the hub. */
  readonly #lives: () => number;
  #visit: Visit | undefined;
  #seen = 0;

  constructor(door: Door, taste: Taste, tally: Tally, lives: () => number) {
    this.#door = door;
    this.#taste = taste;
    this.#tally = tally;
    this.#lives = lives;
  }

  /** A resumable download has begun and is not over. */
  get isUnderWay(): boolean {
    return this.#visit?.isOver === false && this.#visit.checkedBytes > 0;
  }

  /** Who it is, and how far, for the person who reads a failure. */
  get place(): string {
    const { name, checkedBytes, isOver } = this.#visit ?? { name: 'nobody' };
    return `${name} at ${checkedBytes}${isOver === true ? ', over' : ''}`;
  }

  /** Since this was asked last. */
  get hasMoved(): boolean {
    const bytes = this.#visit?.checkedBytes ?? 0;
    const hasMoved = bytes !== this.#seen;
    this.#seen = bytes;
    return hasMoved;
  }

  /** Until the signal; what runs then is finished. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#taste.kind === 'series') await this.#watchSeries();
      else await this.#watchFilm();
    }
  }

  async #watchFilm(): Promise<void> {
    const { kind, version } = this.#taste;
    const first = kind === 'range' ? firstOfRange : 0;
    let at = first;
    await this.#insist(() => {
      const visit = download(this.#door, {
        version,
        bytes: filmBytes,
        bytesPerMs,
        ...(at > 0 && { from: at }),
      });
      return {
        visit,
        hasBegun: () => visit.checkedBytes > 0,
        next: () => (at += visit.checkedBytes),
      };
    });
    this.#tally.downloads += 1;
  }

  async #watchSeries(): Promise<void> {
    const progress: Progress = { segment: 0, bytes: 0 };
    const { version } = this.#taste;
    await this.#insist(() => {
      const visit = watchSeries(this.#door, {
        version,
        segments,
        bytes: segmentBytes,
        bytesPerMs,
        progress,
      });
      const from = { ...progress };
      // Between two segments any connection may end.
      const hasBegun = (): boolean =>
        progress.bytes > (progress.segment === from.segment ? from.bytes : 0);
      return { visit, hasBegun, next: () => undefined };
    });
    this.#tally.downloads += segments;
  }

  /** Goes on where the last attempt ended, until all is there. What ends in the middle is a failure, unless the hub was killed. */
  async #insist(attempt: () => Attempt): Promise<void> {
    let giveUpAt = performance.now() + patienceMs;
    for (;;) {
      const life = this.#lives();
      const { visit, hasBegun, next } = attempt();
      this.#visit = visit;
      const outcome = await visit.outcome;
      if (outcome.end === 'complete') return;
      if (outcome.end === 'wrong') this.#tally.altered.push(textOf(outcome));
      else if (!hasBegun()) this.#tally.postponed += 1;
      else if (life !== this.#lives()) this.#tally.resumedByViewers += 1;
      else this.#tally.failed.push(textOf(outcome));
      if (hasBegun()) giveUpAt = performance.now() + patienceMs;
      next();
      if (performance.now() > giveUpAt) {
        this.#tally.failed.push(`${textOf(outcome)}, and so for ${patienceMs} ms`);
        return;
      }
      await after(retryMs);
    }
  }
}

interface Attempt {
  readonly visit: Visit;
  readonly hasBegun: () => boolean;
  readonly next: () => unknown;
}

function textOf({ visitor, end, detail }: Outcome): string {
  return `${new Date().toISOString()} ${visitor}: ${end}: ${detail}`;
}
