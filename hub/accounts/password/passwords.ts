// A password somebody typed arrives; whether it is the account's leaves, or the hash of a new one. So many at once, and no more (row A-01).

import { newSecret } from '../secret.ts';
import { hashPassword, isOutdated, isPassword, usualCost, type Argon2Cost } from './argon2.ts';
import { HashingQueue, type Comer, type QueueLimits } from './hashing-queue.ts';
import { normalized } from './policy.ts';

export interface Checked {
  readonly isRight: boolean;
  /** Right, and made with numbers of former times: hash it again. */
  readonly isOutdated: boolean;
}

export class Passwords {
  readonly #queue: HashingQueue;
  readonly #cost: Argon2Cost;
  /** Nobody's. An unknown name takes as long as a known one. */
  #dummy: Promise<string> | undefined;
  #hashes = 0;

  constructor(options: { limits: QueueLimits; cost?: Argon2Cost }) {
    this.#queue = new HashingQueue(options.limits);
    this.#cost = options.cost ?? usualCost;
  }

  /** Of any password since the start: one for each that was looked at, whoever it was for. */
  get hashes(): number {
    return this.#hashes;
  }

  /** For a stranger's try, before anything is looked up for it. @throws AccountError login.busy */
  requireRoom(): void {
    this.#queue.requireRoom('stranger');
  }

  /** Nobody chooses a password who was not let in. @throws AccountError login.busy */
  async hash(password: string): Promise<string> {
    return this.#queue.run(async () => {
      this.#hashes += 1;
      return hashPassword(normalized(password), this.#cost);
    }, 'known');
  }

  /** `phc` undefined: there is no such account, or it has no password. @throws AccountError login.busy */
  async check(password: string, phc: string | undefined, comer: Comer): Promise<Checked> {
    this.#dummy ??= hashPassword(newSecret(), this.#cost);
    const against = phc ?? (await this.#dummy);
    return this.#queue.run(async () => {
      this.#hashes += 1;
      const isSame = await isPassword(normalized(password), against);
      const isRight = isSame && phc !== undefined;
      return { isRight, isOutdated: isRight && isOutdated(against, this.#cost) };
    }, comer);
  }
}
