// A stream's receiving side: bytes accepted and bytes read come in, credit to grant goes out. Grows to bandwidth x round trip.

import { maxStreamWindowBytes } from '../wire/limits.ts';

/** What all windows of one session may grow by in sum, so that stopped readers cannot pile up memory. */
export class GrowthBudget {
  #leftBytes: number;

  constructor(bytes: number) {
    this.#leftBytes = bytes;
  }

  take(bytes: number): boolean {
    if (bytes > this.#leftBytes) return false;
    this.#leftBytes -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#leftBytes += bytes;
  }
}

export class ReceiveWindow {
  readonly #initialBytes: number;
  readonly #budget: GrowthBudget;
  #windowBytes: number;
  /** What the peer may still send. */
  #openBytes: number;
  /** Read by the application and not yet granted again. */
  #readBytes = 0;
  #grantedAtMs: number;

  constructor(initialBytes: number, budget: GrowthBudget, nowMs: number) {
    this.#initialBytes = initialBytes;
    this.#windowBytes = initialBytes;
    this.#openBytes = initialBytes;
    this.#budget = budget;
    this.#grantedAtMs = nowMs;
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  /** Arrived, and not read by the application. */
  get unreadBytes(): number {
    return this.#windowBytes - this.#openBytes - this.#readBytes;
  }

  /** Bytes arrived. False: the peer sent more than it was granted. */
  accept(bytes: number): boolean {
    this.#openBytes -= bytes;
    return this.#openBytes >= 0;
  }

  /** The reader took bytes. Returns the credit to send now: 0 until half the window was read. */
  read(bytes: number, nowMs: number, rttMs: number): number {
    this.#readBytes += bytes;
    if (this.#readBytes < this.#windowBytes / 2) return 0;
    // Half a window in under two round trips: the sender is, or soon will be, waiting for credit instead of for the line.
    const isUsedUp = nowMs - this.#grantedAtMs < 2 * rttMs;
    // Unless much of it waits here: then it is the reader who is slow, and a larger window would only be a longer queue.
    const isReaderWaiting = this.unreadBytes * 4 <= this.#windowBytes;
    const grownBytes = isUsedUp && isReaderWaiting ? this.#grow() : 0;
    const creditBytes = this.#readBytes + grownBytes;
    this.#openBytes += creditBytes;
    this.#readBytes = 0;
    this.#grantedAtMs = nowMs;
    return creditBytes;
  }

  /** The stream is over: its growth belongs to the others again. */
  release(): void {
    this.#budget.giveBack(this.#windowBytes - this.#initialBytes);
    this.#windowBytes = this.#initialBytes;
  }

  #grow(): number {
    const bytes = Math.min(this.#windowBytes, maxStreamWindowBytes - this.#windowBytes);
    if (!this.#budget.take(bytes)) return 0;
    this.#windowBytes += bytes;
    return bytes;
  }
}
