// Which account a provider's person opens leaves here: found by (issuer, subject) and by nothing else. The store in hub/db/sso implements the port.

import type { Buffer } from 'node:buffer';

import type { NewAccount, Role } from '../account.ts';

export interface SsoLink {
  readonly id: string;
  readonly accountId: string;
  readonly providerId: string;
  readonly issuer: string;
  readonly subject: string;
  /** As the provider names the person, so that its holder knows which it is. */
  readonly name: string | undefined;
  /** What its groups gave at the last sign-in, so that it can be taken back; undefined: nothing. */
  readonly givenRole: Role | undefined;
  readonly linkedAt: Date;
  readonly lastUsedAt: Date | undefined;
}

/** A login that began at a provider, for logout on either side; it is forgotten with the login. */
export interface SsoLogin {
  readonly loginId: string;
  readonly accountId: string;
  readonly providerId: string;
  readonly issuer: string;
  readonly subject: string;
  readonly sid: string | undefined;
  /** The ID token, sealed for ssoLoginContext(loginId): the provider wants to see it again at logout. */
  readonly sealedIdToken: Buffer;
  readonly createdAt: Date;
}

export function ssoLoginContext(loginId: string): string {
  return `sso-login:${loginId}`;
}

export interface SsoLinkStore {
  find(issuer: string, subject: string): Promise<SsoLink | undefined>;
  listOf(accountId: string): Promise<SsoLink[]>;
  /**
   * With the account, where it is a new one: both or neither.
   * @throws AccountError sso.conflict: this person opens another account, or another person of the provider opens this one
   * @throws AccountError account.exists
   */
  insert(link: SsoLink, made?: NewAccount): Promise<void>;
  noteUse(
    id: string,
    use: { at: Date; name: string | undefined; givenRole: Role | undefined },
  ): Promise<void>;
  remove(id: string, accountId: string): Promise<SsoLink | undefined>;
  removeOf(accountId: string): Promise<number>;
  /** Active admins who can come in by an enabled provider. */
  countLinkedAdmins(): Promise<number>;
  /** Gone again with its login. */
  insertLogin(login: SsoLogin): Promise<void>;
  findLogin(loginId: string): Promise<SsoLogin | undefined>;
  /** Of a provider's login, or of all logins of a person. */
  listLogins(issuer: string, which: { sid: string } | { subject: string }): Promise<SsoLogin[]>;
  /** False: this logout token was used before. */
  useLogoutToken(issuer: string, jti: string, until: Date, now: Date): Promise<boolean>;
}
