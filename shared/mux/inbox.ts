// Pieces of data that nobody reads yet come in; chunks for the reader go out. Memory held stays within twice the bytes held.

import { Buffer } from 'node:buffer';
import { Queue } from './queue.ts';

/** Pieces below this are gathered, so that a peer that sends single bytes costs bytes and not objects. */
const gatheredBytes = 4 * 1024;

export class Inbox {
  readonly #chunks = new Queue<Buffer>();
  #gathering: Buffer | undefined;
  #gathered = 0;

  get isEmpty(): boolean {
    return this.#chunks.isEmpty && this.#gathered === 0;
  }

  push(piece: Buffer): void {
    if (piece.length < gatheredBytes) {
      this.#gather(piece);
      return;
    }
    this.#seal();
    // A piece keeps the whole message in memory of which it is a part: a part below half is cheaper as a copy.
    const isMostOfIt = piece.length * 2 >= piece.buffer.byteLength;
    this.#chunks.push(isMostOfIt ? piece : Buffer.from(piece));
  }

  shift(): Buffer | undefined {
    if (this.#chunks.isEmpty) this.#seal();
    return this.#chunks.shift();
  }

  #gather(piece: Buffer): void {
    if (this.#gathered + piece.length > gatheredBytes) this.#seal();
    if (this.#gathering === undefined) {
      // Most pieces are read at once and come alone: room for more is made when a second one comes.
      this.#gathering = Buffer.from(piece);
      this.#gathered = piece.length;
      return;
    }
    if (this.#gathering.length < this.#gathered + piece.length) {
      const larger = Buffer.allocUnsafeSlow(gatheredBytes);
      this.#gathering.copy(larger, 0, 0, this.#gathered);
      this.#gathering = larger;
    }
    piece.copy(this.#gathering, this.#gathered);
    this.#gathered += piece.length;
  }

  #seal(): void {
    if (this.#gathering !== undefined) {
      this.#chunks.push(this.#gathering.subarray(0, this.#gathered));
    }
    this.#gathering = undefined;
    this.#gathered = 0;
  }
}
