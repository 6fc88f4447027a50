// A code from somebody's drawer arrives; whether it opens their account, this once, leaves.

import type { Buffer } from 'node:buffer';

import { AccountError } from '../account-error.ts';
import type { Doer, FactorNews } from './factor-news.ts';
import { factorLimits } from './limits.ts';
import type { Pepper } from './pepper.ts';
import { newRecoveryCode, requireRecoveryCode } from './recovery-code.ts';
import { isSealed } from './sealing.ts';

export interface RecoveryStore {
  /** Unused ones. */
  left(accountId: string): Promise<number>;
  /** In the place of all former ones, used or not. */
  replace(accountId: string, macs: readonly Buffer[], at: Date): Promise<void>;
  /** One statement, over all processes: true for one caller only. */
  use(accountId: string, mac: Buffer, at: Date): Promise<boolean>;
}

export interface RecoveryOptions {
  readonly store: RecoveryStore;
  readonly pepper: Pick<Pepper, 'mac'>;
  readonly news: FactorNews;
  readonly now?: () => Date;
}

export class RecoveryCodes {
  readonly #options: RecoveryOptions;
  readonly #now: () => Date;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** Unused ones. */
  async left(accountId: string): Promise<number> {
    return this.#options.store.left(accountId);
  }

  /** Ten new ones, as `XXXX-XXXX-XXXX`; the former ones are void. Shown once. @throws AccountError mfa.sealed */
  async regenerate(accountId: string, doer: Doer): Promise<readonly string[]> {
    const { store, news } = this.#options;
    const codes = Array.from({ length: factorLimits.recoveryCodes }, newRecoveryCode);
    const macs: Buffer[] = [];
    for (const code of codes) {
      const mac = await this.#macOf(accountId, code);
      if (mac === undefined) throw sealed();
      macs.push(mac);
    }
    await store.replace(accountId, macs, this.#now());
    news.recoveryMade(accountId, doer);
    return codes;
  }

  /**
   * Used up by this call, whatever comes after it. One HMAC and one look-up, whichever of the ten it is.
   * @throws AccountError mfa.malformed
   */
  async use(accountId: string, code: string): Promise<boolean> {
    const { store, news } = this.#options;
    const mac = await this.#macOf(accountId, code);
    if (mac === undefined || !(await store.use(accountId, mac, this.#now()))) return false;
    news.recoveryUsed(accountId, await store.left(accountId));
    return true;
  }

  /** Bound to the account: a row copied to another account opens nothing there. Undefined: the pepper does not open. */
  async #macOf(accountId: string, code: string): Promise<Buffer | undefined> {
    const spelled = requireRecoveryCode(code);
    const { pepper, news } = this.#options;
    try {
      return await pepper.mac(`recovery/${accountId}/${spelled}`);
    } catch (error) {
      if (!isSealed(error)) throw error;
      news.unreadable(accountId, 'recovery');
      return undefined;
    }
  }
}

function sealed(): AccountError {
  return new AccountError(
    'mfa.sealed',
    'the hub cannot open the key of its recovery codes: its operator has to set the former HUB_SECRET_KEY again, or restore sealing.key',
  );
}
