// What somebody chose for a new account arrives; it leaves checked, with the password only as its hash.

import { AccountError } from './account-error.ts';
import { requireEmail, requireUsername } from './account.ts';
import type { AccountCounts } from './noted.ts';
import type { Breaches } from './password/breaches.ts';
import type { CommonPasswords } from './password/common-passwords.ts';
import type { Passwords } from './password/passwords.ts';
import { requireStrong, type ChosenPassword } from './password/policy.ts';
import type { LocalLogin } from './sso/identity.ts';

export interface NewProfile {
  readonly username: string;
  readonly email?: string | undefined;
  /** Undefined: a passkey follows. */
  readonly password?: string | undefined;
}

export interface ProfileChecks {
  readonly passwords: Passwords;
  readonly common: CommonPasswords;
  readonly breaches: Breaches;
  readonly counts: Pick<AccountCounts, 'breachCheck'>;
  /** Where passwords open nothing, nobody chooses one either. */
  readonly localLogin: Pick<LocalLogin, 'requireOpen'>;
}

export interface Profile {
  readonly username: string;
  readonly email: string | undefined;
  readonly passwordHash: string | undefined;
}

/** @throws AccountError account.username | account.email | account.password-weak | account.password-breached | login.busy | login.disabled */
export async function requireProfile(wish: NewProfile, checks: ProfileChecks): Promise<Profile> {
  const username = requireUsername(wish.username);
  const email = wish.email === undefined ? undefined : requireEmail(wish.email);
  const { password } = wish;
  if (password === undefined) return { username, email, passwordHash: undefined };
  await checks.localLogin.requireOpen();
  const chosen = { password, hasFactor: false, username, email };
  return { username, email, passwordHash: await requirePassword(chosen, checks) };
}

/**
 * The hash of a password that may be the account's.
 * @throws AccountError account.password-weak | account.password-breached | login.busy
 */
export async function requirePassword(
  chosen: ChosenPassword,
  { passwords, common, breaches, counts }: ProfileChecks,
): Promise<string> {
  requireStrong(chosen, common);
  const breach = await breaches.look(chosen.password);
  counts.breachCheck(breach);
  if (breach === 'found') {
    throw new AccountError(
      'account.password-breached',
      'this password stands in a list of stolen ones, which are tried everywhere: choose one that you use nowhere else',
    );
  }
  return passwords.hash(chosen.password);
}
