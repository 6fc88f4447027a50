// What somebody shows beside a password arrives; whether it proves that they are the account's owner leaves. The one port that sign-in and step-up ask.

import type { AuthenticationResponse, PasskeyQuestion } from './passkeys.ts';

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

export interface Factors {
  standingOf(accountId: string): Promise<Standing>;
  methodsOf(accountId: string): Promise<readonly FactorMethod[]>;
  /**
   * `binding` is the id of the sign-in transaction or of the login: challenges and mailed codes serve the one they were made
   * for. False for whatever does not fit. Every code counts once, whatever comes after it.
   * @throws AccountError mfa.malformed: not even the shape of a code (400)
   */
  check(accountId: string, proof: Proof, binding: string): Promise<boolean>;
  /** What the browser asks its authenticators. Without an account any passkey of this hub may answer: nobody is asked for a name. */
  askPasskey(binding: string, accountId?: string): Promise<PasskeyQuestion>;
  /** Whose passkey it was: sign-in without a name. Undefined for whatever does not fit. */
  identify(response: AuthenticationResponse, binding: string): Promise<string | undefined>;
}
