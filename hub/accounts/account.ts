// What somebody wants to be called arrives; an account's words, checked and in one spelling, leave.

import type { AuditActor } from '../audit/audit.ts';
import { AccountError } from './account-error.ts';

/**
 * admin: everything. owner: has servers, and may add some. member: only what servers share with them.
 */
export const roles = ['admin', 'owner', 'member'] as const;
export type Role = (typeof roles)[number];

export interface Account {
  readonly id: string;
  /** Whose servers are theirs. The first admin is `operator`, whom everything belonged to before accounts existed. */
  readonly ownerId: string;
  /** As it is shown. */
  readonly username: string;
  /** As it is looked up (usernameKey): unique. */
  readonly key: string;
  readonly email: string | undefined;
  readonly emailVerifiedAt: Date | undefined;
  readonly role: Role;
  readonly state: 'active' | 'suspended';
  readonly createdAt: Date;
  readonly lastLoginAt: Date | undefined;
  /** Seen in a breach since it was chosen (row A-12). */
  readonly passwordBreached: boolean;
  /** Where it may sign in from, as CIDRs (row A-14); none: anywhere. */
  readonly networks: readonly string[];
}

/** Everything that a new account has; its password only as a hash. */
export interface NewAccount {
  readonly account: Account;
  /** Undefined: it will sign in by a passkey, or by single sign-on. */
  readonly passwordHash: string | undefined;
}

/** Sixty-four characters are what a list of people shows in one line. */
const usernameLength = { least: 2, most: 64 };

/** No space, no @ (an e-mail address is told by it), nothing that draws over its neighbours. */
const usernamePattern = /^[\p{L}\p{N}][\p{L}\p{N}\p{M}._-]*$/u;

/** Whoever was called so could be read as the hub in its own log: each actor there that is no account, and their other names. */
const reservedNames: Readonly<Record<Extract<AuditActor, string> | 'hub' | 'operator', true>> = {
  host: true,
  system: true,
  hub: true,
  operator: true,
};

/** Alphabets whose letters pass for each other's (UTS #39): in one name of two of them nobody sees which letter is which. */
const lookalikes = ['Latin', 'Cyrillic', 'Greek', 'Coptic', 'Armenian', 'Cherokee', 'Lisu'].map(
  (script) => new RegExp(`\\p{Script=${script}}`, 'u'),
);

/**
 * As it is shown. `former`: the key by which an account is known already, which it may keep.
 * @throws AccountError account.username
 */
export function requireUsername(text: string, former?: string): string {
  const username = text.length > 4 * usernameLength.most ? '' : text.normalize('NFKC').trim();
  const length = Array.from(username).length;
  const isUsable =
    length >= usernameLength.least &&
    length <= usernameLength.most &&
    usernamePattern.test(username);
  if (!isUsable) {
    throw new AccountError(
      'account.username',
      'a user name has 2 to 64 letters and digits, with dots, dashes and underscores between: choose one such as "robin.k"',
    );
  }
  if (usernameKey(username) !== former) requireUnmistakable(username);
  return username;
}

/** @throws AccountError account.username */
function requireUnmistakable(username: string): void {
  if (Object.hasOwn(reservedNames, usernameKey(username))) {
    throw new AccountError(
      'account.username',
      `"${username}" is a name for the hub itself or for whoever runs it: choose one such as "robin.k"`,
    );
  }
  if (lookalikes.filter((letter) => letter.test(username)).length > 1) {
    throw new AccountError(
      'account.username',
      'this name mixes alphabets whose letters look alike, so it could be read as somebody else’s: write all of it in one alphabet',
    );
  }
}

/** Upper and lower case, and the forms that look the same (NFKC), are one name. */
export function usernameKey(text: string): string {
  // Twice: lower-casing may leave letters that NFKC joins.
  return text.normalize('NFKC').toLowerCase().normalize('NFKC').trim();
}

/** The forms that mail really uses; what is quoted, commented or bare of a dot is refused, so that none is read in two ways. */
const emailPattern =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]$/;

/** RFC 5321 §4.5.3.1.3. */
const emailLength = 254;

/** In one spelling. @throws AccountError account.email */
export function requireEmail(text: string): string {
  const email = text.trim();
  if (email.length <= emailLength && emailPattern.test(email) && !/^\.|\.[.@]/.test(email)) {
    const at = email.lastIndexOf('@');
    return `${email.slice(0, at)}@${email.slice(at + 1).toLowerCase()}`;
  }
  throw new AccountError(
    'account.email',
    'this is no e-mail address that the hub can write to: write it like robin@example.org',
  );
}

/** One mailbox is one key: nobody runs two that differ by case. */
export function emailKey(email: string): string {
  return email.trim().toLowerCase();
}
