// Codes of an authenticator app arrive (RFC 6238); whether one is the account's, and has not been used, leaves.

export interface TotpEnrolment {
  readonly id: string;
  /** Base32, for whoever cannot scan. Shown once. */
  readonly secret: string;
  readonly uri: string;
  /** An SVG image made here: no other server sees the secret. */
  readonly qr: string;
}

export interface TotpState {
  readonly id: string;
  readonly createdAt: Date;
  readonly confirmedAt: Date;
}

export interface Totp {
  find(accountId: string): Promise<TotpState | undefined>;
  /** A new secret that counts once a code confirms it; until then the former one goes on. */
  start(account: { readonly id: string; readonly username: string }): Promise<TotpEnrolment>;
  /** @throws AccountError mfa.malformed | mfa.refused | mfa.not-started */
  confirm(accountId: string, code: string): Promise<TotpState>;
  /** @throws AccountError mfa.last-factor | mfa.unknown */
  remove(accountId: string): Promise<void>;
  /** @throws AccountError mfa.malformed */
  check(accountId: string, code: string): Promise<boolean>;
}
