// Bytes of data frames arrive; acknowledgements leave: within a millisecond, but on a fast line not one by one.

import { ackAtOnceBytes, ackEveryBytes } from '../wire/limits.ts';

/** Late enough to cover several frames of a fast line, a tenth of the queue that the sender aims at. */
const delayMs = 1;

export class Receipts {
  readonly #send: (bytes: number) => void;
  /** Of whole frames: an acknowledgement in the middle of one would read as a slow line. */
  #bytes = 0;
  #frameBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(send: (bytes: number) => void) {
    this.#send = send;
  }

  /** A piece of a data frame arrived; `isFrameEnd` with its last one. */
  arrived(bytes: number, isFrameEnd: boolean): void {
    this.#frameBytes += bytes;
    if (!isFrameEnd) return;
    this.#bytes += this.#frameBytes;
    this.#frameBytes = 0;
    if (this.#bytes < ackEveryBytes) return;
    if (this.#bytes >= ackAtOnceBytes) this.#acknowledge();
    else this.#timer ??= setTimeout(() => this.#acknowledge(), delayMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #acknowledge(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const bytes = this.#bytes;
    this.#bytes = 0;
    this.#send(bytes);
  }
}
