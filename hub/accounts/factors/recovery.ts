// A code from somebody's drawer arrives; whether it opens their account, this once, leaves.

export interface RecoveryCodes {
  /** Unused ones. */
  left(accountId: string): Promise<number>;
  /** Ten new ones, as `XXXX-XXXX-XXXX`; the former ones are void. Shown once. */
  regenerate(accountId: string): Promise<readonly string[]>;
  /** Used up by this call, whatever comes after it. @throws AccountError mfa.malformed */
  use(accountId: string, code: string): Promise<boolean>;
}
