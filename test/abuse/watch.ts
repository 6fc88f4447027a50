// A film's bytes arrive as they come; each second leaves as a viewer lived it.

import type { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';

import { filmBytesPerSecond } from './film.ts';

/** What a player would have noticed without any buffer. */
const stallMs = 250;
/** Players keep 15 s and more; with a third of that a picture stands still long before theirs does. */
const bufferedSeconds = 5;

export interface Second {
  readonly bytes: number;
  readonly worstGapMs: number;
  readonly stalls: number;
  /** The picture stood still. */
  readonly isFrozen: boolean;
}

export class Watch {
  bytes = 0;
  isOver = false;
  readonly #startedAt = performance.now();
  #lastAt = this.#startedAt;
  #toldBytes = 0;
  #worstGapMs = 0;
  #stalls = 0;

  constructor(film: Readable) {
    film.on('data', (piece: Buffer) => {
      this.#look();
      this.bytes += piece.length;
    });
    film.on('error', () => (this.isOver = true));
    film.on('close', () => (this.isOver = true));
  }

  /** Since it was asked last. A gap that is still open counts as far as it has come. */
  second(): Second {
    const gapMs = performance.now() - this.#lastAt;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const told = {
      bytes: this.bytes - this.#toldBytes,
      worstGapMs: Math.round(Math.max(this.#worstGapMs, gapMs)),
      stalls: this.#stalls,
      isFrozen: this.bytes < (seconds - bufferedSeconds) * filmBytesPerSecond,
    };
    this.#toldBytes = this.bytes;
    this.#worstGapMs = 0;
    this.#stalls = 0;
    return told;
  }

  #look(): void {
    const now = performance.now();
    const gapMs = now - this.#lastAt;
    this.#lastAt = now;
    this.#worstGapMs = Math.max(this.#worstGapMs, gapMs);
    if (gapMs > stallMs) this.#stalls += 1;
  }
}
