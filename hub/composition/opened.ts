// What a hub opens arrives, with the way to close it; all of it is closed again from the youngest to the oldest.

import type { Logger } from '../../shared/log.ts';

type Closer = () => void | Promise<void>;

/** A part that does not close keeps nothing else open. */
export class Opened {
  readonly #closers: Closer[] = [];
  readonly #log: Logger;
  #closing: Promise<void> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(close: Closer): void {
    this.#closers.push(close);
  }

  /** Stopping twice is stopping once. */
  async close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    for (const close of this.#closers.toReversed()) {
      try {
        await close();
      } catch (error) {
        this.#log.error({ err: error }, 'a part of the hub did not close');
      }
    }
  }
}
