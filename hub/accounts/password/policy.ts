// A password that somebody chose arrives; it is taken, or refused with what to choose instead (row A-01, NIST SP 800-63B §3.1.1).

import { AccountError } from '../account-error.ts';
import type { CommonPasswords } from './common-passwords.ts';

/** In characters. Without a second factor the password is all there is, and has to be longer. */
const passwordLength = { least: 12, leastAlone: 15, most: 256 };

/** Text this long is nobody's password: it is not even brought into one form. In UTF-16 units, of which a character has up to two. */
const readLength = 1024;

export interface ChosenPassword {
  readonly password: string;
  /** The account has another way to prove who it is beside it. */
  readonly hasFactor: boolean;
  readonly username: string;
  readonly email: string | undefined;
}

/** The same password, however the keyboard composes its letters. */
export function normalized(password: string): string {
  return password.normalize('NFKC');
}

/** Whether it can be a password at all: what cannot is not hashed. */
export function isReadable(password: string): boolean {
  return password.length > 0 && password.length <= readLength && password.isWellFormed();
}

/** No rules of composition: they make people write 1 and ! behind a word. @throws AccountError account.password-weak */
export function requireStrong(chosen: ChosenPassword, common: CommonPasswords): void {
  const complaint = complaintOf(chosen, common);
  if (complaint !== undefined) throw new AccountError('account.password-weak', complaint);
}

function complaintOf(
  { password, hasFactor, username, email }: ChosenPassword,
  common: CommonPasswords,
): string | undefined {
  const least = hasFactor ? passwordLength.least : passwordLength.leastAlone;
  const { most } = passwordLength;
  if (password.length > readLength)
    return `this password is too long: take at most ${most} characters`;
  if (!password.isWellFormed()) return 'this password has half a character in it: type it anew';
  const text = normalized(password);
  const length = Array.from(text).length;
  if (length < least) {
    const why = hasFactor ? '' : ', as long as the account has no second factor';
    return `take at least ${least} characters${why}: four or five words make a good password`;
  }
  if (length > most) return `this password is too long: take at most ${most} characters`;
  const isGuessable = common.has(text) || isOwnName(text, [username, ...(email?.split('@') ?? [])]);
  return isGuessable
    ? 'this password is one of those that are tried first: take four or five words that have nothing to do with each other'
    : undefined;
}

const birthdayLength = 8;

/** The name, perhaps several times, with no more around it than a birthday. */
function isOwnName(password: string, names: readonly string[]): boolean {
  const letters = password.toLowerCase();
  return names.some((name) => {
    const key = normalized(name).toLowerCase();
    return key.length > 2 && letters.replaceAll(key, '').length <= birthdayLength;
  });
}
