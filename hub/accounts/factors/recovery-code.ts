// Random bytes leave as a code that people can write down; what they type later arrives, and leaves in its one spelling.

import { randomBytes } from 'node:crypto';

import { AccountError } from '../account-error.ts';

/** Crockford's: no I, L, O and U, which are read as others or as words. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** Five bits each, 60 together: nobody guesses one of ten at ten tries an hour, and it fits a line. */
const symbols = 12;

/** `XXXX-XXXX-XXXX`. */
export function newRecoveryCode(): string {
  // 256 is a multiple of 32: each symbol is as likely as every other.
  const text = [...randomBytes(symbols)].map((byte) => alphabet[byte % alphabet.length]).join('');
  return `${text.slice(0, 4)}-${text.slice(4, 8)}-${text.slice(8)}`;
}

/** Without dashes and spaces, in upper case, with the letters that look like others read as those. @throws AccountError mfa.malformed */
export function requireRecoveryCode(text: string): string {
  const code = /^[0-9A-Za-z -]{12,40}$/.test(text)
    ? text
        .replace(/[ -]/g, '')
        .toUpperCase()
        .replace(/[ILOU]/g, (letter) => mistaken[letter] ?? letter)
    : '';
  if (code.length === symbols) return code;
  throw new AccountError(
    'mfa.malformed',
    'a recovery code has twelve letters and digits, as in 4KQ7-09WX-B2MD: type it as it is printed',
  );
}

const mistaken: Readonly<Record<string, string>> = { I: '1', L: '1', O: '0', U: 'V' };
