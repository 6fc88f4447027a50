// Messages of one link arrive as they come in; their bytes leave so many frames at a turn of the event loop, and other links get their turns.

import type { Buffer } from 'node:buffer';
import type { Turn } from './transport.ts';

/** What messages come from: it can be asked to wait. */
export interface PausableSource {
  pause(): void;
  resume(): void;
}

/**
 * A frame costs some microseconds whatever its size. Bulk comes in two frames a message; a peer that fills its messages with
 * tiny frames would keep everybody else waiting for tens of milliseconds with each. This many take about one.
 */
const framesPerTurn = 256;

export class FairReader {
  readonly #source: PausableSource;
  readonly #deliver: (bytes: Buffer, turn: Turn) => void;
  /** What came while the source was asked to wait: at most what its socket had read. */
  readonly #waiting: Buffer[] = [];
  readonly #turn: Turn = { framesLeft: framesPerTurn, rest: undefined };
  #isTurnDue = false;
  #isPaused = false;

  /** `deliver` counts down the frames it has dealt with, and leaves what it did not come to as the rest. */
  constructor(source: PausableSource, deliver: (bytes: Buffer, turn: Turn) => void) {
    this.#source = source;
    this.#deliver = deliver;
  }

  take(message: Buffer): void {
    this.#waiting.push(message);
    this.#deliverSome();
  }

  /** The source has ended: what waits is delivered now. */
  end(): void {
    const turn: Turn = { framesLeft: Infinity, rest: undefined };
    for (const message of this.#waiting.splice(0)) this.#deliver(message, turn);
  }

  #deliverSome(): void {
    const turn = this.#turn;
    while (turn.framesLeft > 0) {
      const message = this.#waiting.shift();
      if (message === undefined) break;
      const before = turn.framesLeft;
      this.#deliver(message, turn);
      // A message costs something even when it completes no frame.
      if (turn.framesLeft === before) turn.framesLeft -= 1;
      if (turn.rest !== undefined) this.#waiting.unshift(turn.rest);
      turn.rest = undefined;
    }
    this.#pauseOrResume();
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    setImmediate(() => this.#nextTurn());
  }

  #nextTurn(): void {
    this.#isTurnDue = false;
    this.#turn.framesLeft = framesPerTurn;
    if (this.#waiting.length > 0) this.#deliverSome();
  }

  #pauseOrResume(): void {
    const isWaiting = this.#waiting.length > 0;
    if (isWaiting === this.#isPaused) return;
    this.#isPaused = isWaiting;
    if (isWaiting) this.#source.pause();
    else this.#source.resume();
  }
}
