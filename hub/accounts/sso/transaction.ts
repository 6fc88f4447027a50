// What a browser set out for arrives, before it goes to a provider; when it comes back it leaves once, for that browser alone (row A-06).

import type { Buffer } from 'node:buffer';

import type { KeyRing } from '../../certificates/life/sealing.ts';
import { hashOf, isSecret, newSecret } from '../secret.ts';

/** Why somebody goes to his provider. */
export type Errand =
  | { readonly kind: 'sign-in' }
  /** To open the account of this login from now on. */
  | { readonly kind: 'link'; readonly accountId: string; readonly loginId: string }
  /** To prove once more that it is he (row A-11). */
  | {
      readonly kind: 'step-up';
      readonly accountId: string;
      readonly loginId: string;
      readonly challengeId: string;
    };

export interface Transaction {
  readonly providerId: string;
  readonly errand: Errand;
  /** A path of this hub. */
  readonly returnTo: string;
  readonly startedAt: Date;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** The cookie's secret and the state, hashed; the rest sealed. */
export interface StoredTransaction {
  readonly secretHash: Buffer;
  readonly stateHash: Buffer;
  readonly sealed: Buffer;
  readonly expiresAt: Date;
}

/** The store in hub/db/sso implements it. */
export interface TransactionStore {
  /** Forgets what has expired by `now`. */
  insert(transaction: StoredTransaction, now: Date): Promise<void>;
  /** For one caller: of callbacks at the same time one gets it. What has another state stays. */
  take(secretHash: Buffer, stateHash: Buffer, now: Date): Promise<Buffer | undefined>;
}

/** Row A-06: to find the telephone and type a password twice. */
export const transactionMs = 10 * 60_000;

export class SsoTransactions {
  readonly #store: TransactionStore;
  readonly #sealing: Pick<KeyRing, 'seal' | 'open'>;
  readonly #now: () => Date;

  constructor(options: {
    store: TransactionStore;
    sealing: Pick<KeyRing, 'seal' | 'open'>;
    now: () => Date;
  }) {
    this.#store = options.store;
    this.#sealing = options.sealing;
    this.#now = options.now;
  }

  /** `secret` is for `__Host-phlix_oidc`, and nothing else knows it. */
  async open(
    wanted: Pick<Transaction, 'providerId' | 'errand' | 'returnTo'>,
  ): Promise<{ transaction: Transaction; secret: string }> {
    const startedAt = this.#now();
    const secret = newSecret();
    const transaction = {
      ...wanted,
      startedAt,
      state: newSecret(),
      nonce: newSecret(),
      verifier: newSecret(),
    };
    const secretHash = hashOf(secret);
    await this.#store.insert(
      {
        secretHash,
        stateHash: hashOf(transaction.state),
        sealed: this.#sealing.seal(JSON.stringify(transaction), transactionContext(secretHash)),
        expiresAt: new Date(startedAt.getTime() + transactionMs),
      },
      startedAt,
    );
    return { transaction, secret };
  }

  /** Undefined: another browser, another state, too late, or a second time. */
  async take(secret: string | undefined, state: string): Promise<Transaction | undefined> {
    if (secret === undefined || !isSecret(secret) || !isSecret(state)) return undefined;
    const secretHash = hashOf(secret);
    const sealed = await this.#store.take(secretHash, hashOf(state), this.#now());
    if (sealed === undefined) return undefined;
    const text = this.#sealing.open(sealed, transactionContext(secretHash));
    const stored = JSON.parse(text) as Transaction & { readonly startedAt: string };
    return { ...stored, startedAt: new Date(stored.startedAt) };
  }
}

export function transactionContext(secretHash: Buffer): string {
  return `sso-transaction:${secretHash.toString('base64url')}`;
}
