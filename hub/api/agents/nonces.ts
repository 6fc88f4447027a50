// A connection arrives; a nonce of its own leaves, which is good once, for a while, and on this connection only.

import type { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';

import { nonceBytes } from '../../../shared/wire/proof.ts';

/** One per connection, spent by the first attempt to use it: a proof cannot be replayed, here or elsewhere. */
export class Nonces {
  readonly #lifeMs: number;
  readonly #nowMs: () => number;
  readonly #issued = new WeakMap<object, { nonce: Buffer; untilMs: number }>();

  constructor(lifeMs: number, nowMs: () => number) {
    this.#lifeMs = lifeMs;
    this.#nowMs = nowMs;
  }

  issue(connection: object): Buffer {
    const nonce = randomBytes(nonceBytes);
    this.#issued.set(connection, { nonce, untilMs: this.#nowMs() + this.#lifeMs });
    return nonce;
  }

  /** Undefined: none was issued here, or it is spent, or too old. */
  spend(connection: object): Buffer | undefined {
    const issued = this.#issued.get(connection);
    this.#issued.delete(connection);
    return issued === undefined || issued.untilMs < this.#nowMs() ? undefined : issued.nonce;
  }
}
