// What somebody shows beside a password arrives; whether it proves that they are the account's owner leaves. The one port that sign-in and step-up ask.

import { AccountError } from '../account-error.ts';
import type { Visit } from '../login/login.ts';
import type { AuthenticationResponse, PasskeyQuestion, Passkeys } from './passkeys.ts';
import type { RecoveryCodes } from './recovery.ts';
import type { Totp } from './totp.ts';

export type FactorMethod = 'passkey' | 'totp' | 'recovery' | 'email';

/** As the browser sent it: nothing in it has been looked at. */
export type Proof =
  | { readonly method: 'totp' | 'recovery' | 'email'; readonly code: string }
  | { readonly method: 'passkey'; readonly response: AuthenticationResponse };

export interface Standing {
  /**
   * What the account may prove itself with. A factor whose secret does not open any more is among them, and fails: an
   * account never falls back to its password alone because of damage.
   */
  readonly methods: readonly FactorMethod[];
  /** After "I lost my phone": only a recovery code opens the account, or an admin. SSO and the password alone do not. */
  readonly isLocked: boolean;
  /** After an admin's reset: the next login may do nothing but enrol a factor (Login.restriction 'enrol'). */
  readonly mustEnrol: boolean;
}

/** What an account has, in one look. */
export interface Holdings {
  readonly passkeys: number;
  readonly hasTotp: boolean;
  readonly recoveryCodesLeft: number;
  readonly isLocked: boolean;
  readonly mustEnrol: boolean;
}

export interface HoldingsStore {
  holdingsOf(accountId: string): Promise<Holdings>;
}

export interface FactorsOptions {
  readonly holdings: HoldingsStore;
  readonly totp: Pick<Totp, 'check'>;
  readonly passkeys: Pick<Passkeys, 'ask' | 'identify'>;
  readonly recovery: Pick<RecoveryCodes, 'use'>;
  /** Undefined where the operator has not switched them on (row A-04). */
  readonly email?: EmailFactor | undefined;
}

export interface EmailFactor {
  /** Whether the account may prove itself by mail: a verified address, and no admin's. */
  isFor(accountId: string): Promise<boolean>;
  check(accountId: string, code: string, binding: string): Promise<boolean>;
  /** `isAsked` false: the account is not to prove itself like this; nobody notices but its holder, who gets no letter. */
  send(to: { accountId: string; binding: string; isAsked: boolean }, visit: Visit): Promise<void>;
}

export class Factors {
  readonly #options: FactorsOptions;

  constructor(options: FactorsOptions) {
    this.#options = options;
  }

  async standingOf(accountId: string): Promise<Standing> {
    const { holdings, email } = this.#options;
    const held = await holdings.holdingsOf(accountId);
    const { isLocked, mustEnrol } = held;
    if (isLocked)
      return { methods: held.recoveryCodesLeft > 0 ? ['recovery'] : [], isLocked, mustEnrol };
    const methods: FactorMethod[] = [];
    if (held.passkeys > 0) methods.push('passkey');
    if (held.hasTotp) methods.push('totp');
    // Beside a passkey or an app mail would be the weakest way in, and a mailbox, which opens the password already, all of it.
    if (methods.length === 0) {
      if ((await email?.isFor(accountId)) === true) methods.push('email');
      return { methods, isLocked, mustEnrol };
    }
    // Beside no factor at all these would be one more way in, not a second proof.
    if (held.recoveryCodesLeft > 0) methods.push('recovery');
    return { methods, isLocked, mustEnrol };
  }

  async methodsOf(accountId: string): Promise<readonly FactorMethod[]> {
    return (await this.standingOf(accountId)).methods;
  }

  /**
   * `binding` is the id of the sign-in transaction or of the login: challenges and mailed codes serve the one they were made
   * for. False for whatever does not fit. Every code counts once, whatever comes after it.
   * @throws AccountError mfa.malformed: not even the shape of a code (400)
   */
  async check(accountId: string, proof: Proof, binding: string): Promise<boolean> {
    const { totp, passkeys, recovery, email } = this.#options;
    if (!(await this.methodsOf(accountId)).includes(proof.method)) return false;
    if (proof.method === 'passkey') {
      return (await passkeys.identify(proof.response, { binding, accountId })) === accountId;
    }
    const { code, method } = proof;
    if (method === 'totp') return totp.check(accountId, code);
    if (method === 'recovery') return recovery.use(accountId, code);
    return (await email?.check(accountId, code, binding)) === true;
  }

  /**
   * A code by mail, for the sign-in or the login `binding` alone. Whether a letter goes out is not to be seen.
   * @throws AccountError mfa.unknown: the hub sends none | account.letters | mfa.sealed
   */
  async sendCode(accountId: string, binding: string, visit: Visit): Promise<void> {
    const { email } = this.#options;
    if (email === undefined) {
      throw new AccountError(
        'mfa.unknown',
        'this hub sends no codes by mail: use another way (its operator can set HUB_EMAIL_CODES=on)',
      );
    }
    const isAsked = (await this.methodsOf(accountId)).includes('email');
    await email.send({ accountId, binding, isAsked }, visit);
  }

  /** What the browser asks its authenticators. Without an account any passkey of this hub may answer: nobody is asked for a name. */
  async askPasskey(binding: string, accountId?: string): Promise<PasskeyQuestion> {
    return this.#options.passkeys.ask(binding, accountId);
  }

  /** Whose passkey it was: sign-in without a name. Undefined for whatever does not fit. */
  async identify(response: AuthenticationResponse, binding: string): Promise<string | undefined> {
    return this.#options.passkeys.identify(response, { binding });
  }
}
