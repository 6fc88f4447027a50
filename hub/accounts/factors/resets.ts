// The word arrives that somebody's factors are lost or in other hands; an account leaves that nothing of the former opens.

export interface Lockout {
  /** None: only an admin opens the account again (phlix-hub user reset-mfa). */
  readonly recoveryCodesLeft: number;
}

export interface Resets {
  /** "I lost my phone": ends every login, forgets trusted browsers, tokens, passkeys and the authenticator app. */
  lockOut(accountId: string): Promise<Lockout>;
  /**
   * By an admin, or on the host: everything that proved who they are beside the password is gone, recovery codes as well, and
   * they enrol anew at the next sign-in. `keepsSso` leaves what links them to a provider.
   * @throws AccountError account.unknown | account.last-admin
   */
  resetByAdmin(
    accountId: string,
    options: { readonly by: string; readonly reason: string; readonly keepsSso?: boolean },
  ): Promise<void>;
}
