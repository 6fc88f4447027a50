// The cookie of a browser that was trusted arrives at a sign-in; whether the second factor may be skipped leaves, with the cookie's next value.

export interface TrustedBrowser {
  readonly id: string;
  readonly accountId: string;
  /** 'Firefox on Windows'. */
  readonly software: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
}

/** For `Set-Cookie: __Host-phlix_tb`. */
export interface TrustCookie {
  readonly value: string;
  readonly expiresAt: Date;
}

export interface Surroundings {
  readonly software: string;
  /** Two letters, where the hub knows. */
  readonly country?: string | undefined;
}

export interface TrustedBrowsers {
  list(accountId: string): Promise<readonly TrustedBrowser[]>;
  /** After a second factor, where the person asked for it. */
  trust(accountId: string, surroundings: Surroundings): Promise<TrustCookie>;
  /**
   * After the right password. Undefined: ask for the factor. Trusted: set the new value, the presented one is dead. A value
   * that was replaced before is a stolen one: both ends lose their trust.
   */
  recognise(
    accountId: string,
    cookie: string,
    surroundings: Surroundings,
  ): Promise<TrustCookie | undefined>;
  /** @throws AccountError mfa.unknown */
  revoke(accountId: string, id: string): Promise<void>;
  revokeAll(accountId: string): Promise<void>;
}
