// The short code that a device shows and a person types leaves here, and comes back as whoever typed it wrote it (RFC 8628 §6.1).

import { randomInt } from 'node:crypto';

/** RFC 8628 §6.1: no vowels, so that no word appears; no letter that is taken for another. 20^8 is 2^34.5. */
const letters = 'BCDFGHJKLMNPQRSTVWXZ';
const length = 8;
const codePattern = new RegExp(`^[${letters}]{${length}}$`);

/** `WDJBMJHT`, without its dash. */
export function drawUserCode(): string {
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join('');
}

/** `WDJB-MJHT`, as people read it. */
export function showUserCode(code: string): string {
  return `${code.slice(0, length / 2)}-${code.slice(length / 2)}`;
}

/** Case, spaces and dashes do not count, whichever a keyboard makes. Undefined: no code of ours. */
export function readUserCode(text: string): string | undefined {
  const code = text.replaceAll(/[\s\p{Pd}\p{Cf}]/gu, '').toUpperCase();
  return codePattern.test(code) ? code : undefined;
}
