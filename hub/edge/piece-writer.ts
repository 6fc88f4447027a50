// Pieces of a body arrive; they leave on a stream, and whether more are wanted is judged by their number as well as by their bytes.

import type { Buffer } from 'node:buffer';

/** Node counts bytes only: of pieces of one byte it would keep 65,536 waiting, at 200 bytes each. */
const maxWaitingPieces = 256;

export interface PieceSink {
  write(piece: Buffer, written: () => void): boolean;
  /** Where what is full need not wait for the end of the turn: true when there is room again. */
  sendNow?(): boolean;
}

export class PieceWriter {
  readonly #sink: PieceSink;
  readonly #onEmpty: () => void;
  #waiting = 0;

  /** `onEmpty`: everything has been written. It may follow a write that returned true as well. */
  constructor(sink: PieceSink, onEmpty: () => void) {
    this.#sink = sink;
    this.#onEmpty = onEmpty;
  }

  /** False: wait for the stream's 'drain' or for `onEmpty`. */
  write(piece: Buffer): boolean {
    this.#waiting += 1;
    const hasRoom = this.#sink.write(piece, this.#written) && this.#waiting < maxWaitingPieces;
    return hasRoom || (this.#sink.sendNow?.() === true && this.#waiting < maxWaitingPieces);
  }

  readonly #written = (): void => {
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#onEmpty();
  };
}
