// A sign-in that is half done arrives; the secret for its cookie leaves, and later what has been proven so far.

import { type Buffer } from 'node:buffer';
import { randomUUIDv7 } from 'node:crypto';

import type { AccountLimits } from '../limits.ts';
import { hashOf, isSecret, newSecret } from '../secret.ts';
import type { LoginMethod } from './login.ts';

/** Between the first proof and the last. It opens nothing by itself. */
export interface Transaction {
  /** What challenges are bound to (Factors.check). */
  readonly id: string;
  /** Undefined: nobody was named yet, a passkey will say. */
  readonly accountId: string | undefined;
  readonly methods: readonly LoginMethod[];
  readonly failures: number;
  readonly expiresAt: Date;
}

export interface TransactionStore {
  /** Also forgets what has expired. */
  insert(transaction: Transaction, secretHash: Buffer, now: Date): Promise<void>;
  find(secretHash: Buffer): Promise<Transaction | undefined>;
  /** One more failure; what `most` of them have used up is removed. */
  fail(id: string, most: number): Promise<void>;
  /** True for one of however many ask at once. */
  take(id: string): Promise<boolean>;
  removeOf(accountId: string): Promise<void>;
}

export interface Opened {
  readonly transaction: Transaction;
  /** For the cookie `__Host-phlix_login`. */
  readonly secret: string;
}

/** As often as the guard lets anybody guess a factor: beyond it the password is asked for again. */
const mostFailures = 5;

export class Transactions {
  readonly #store: TransactionStore;
  readonly #limits: AccountLimits;
  readonly #now: () => Date;

  constructor(options: { store: TransactionStore; limits: AccountLimits; now?: () => Date }) {
    this.#store = options.store;
    this.#limits = options.limits;
    this.#now = options.now ?? (() => new Date());
  }

  async open(
    proven: { accountId: string; methods: readonly LoginMethod[] } | undefined,
  ): Promise<Opened> {
    const now = this.#now();
    const transaction: Transaction = {
      id: randomUUIDv7(),
      accountId: proven?.accountId,
      methods: proven?.methods ?? [],
      failures: 0,
      expiresAt: new Date(now.getTime() + this.#limits.signInMs),
    };
    const secret = newSecret();
    await this.#store.insert(transaction, hashOf(secret), now);
    return { transaction, secret };
  }

  async find(secret: string | undefined): Promise<Transaction | undefined> {
    if (secret === undefined || !isSecret(secret)) return undefined;
    const found = await this.#store.find(hashOf(secret));
    const isLive = found !== undefined && found.expiresAt.getTime() > this.#now().getTime();
    return isLive ? found : undefined;
  }

  async fail({ id }: Transaction): Promise<void> {
    await this.#store.fail(id, mostFailures);
  }

  /** False: it was used, or it ended meanwhile. */
  async take({ id }: Transaction): Promise<boolean> {
    return this.#store.take(id);
  }

  /** Whatever is half done for an account: after a new password, a suspension, a lockout. */
  async endAll(accountId: string): Promise<void> {
    await this.#store.removeOf(accountId);
  }
}
