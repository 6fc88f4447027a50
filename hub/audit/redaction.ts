// Text that somebody outside may have written arrives; it leaves short, and without what looks like a secret.

import { maxTextLength } from './limits.ts';

/**
 * A net under the rule that nobody notes a secret: the prefixes of our own tokens, JSON Web Tokens, private keys, the
 * credentials of an Authorization field, and what follows the name of a secret.
 */
const secrets: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/\b(ph[a-z]{1,2}_)[A-Za-z0-9._-]{16,}/g, '$1[secret]'],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*)?/g, '[secret]'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*/g, '[secret]'],
  [/\b(Bearer|Basic|DPoP)\s+[A-Za-z0-9+/=._~-]{8,}/gi, '$1 [secret]'],
  [
    /\b(pass(?:word|phrase)?|passwd|pwd|secret|token|code|otp|api[_-]?key)(["']?\s*[=:]\s*["']?)[^\s"'&;,]+/gi,
    '$1$2[secret]',
  ],
];

export function cleanText(text: string): string {
  const clean = secrets.reduce(
    (said, [pattern, replacement]) => said.replace(pattern, replacement),
    // Bounded before the patterns see it: they are linear, and so is an attacker's patience.
    text.slice(0, maxTextLength * 4),
  );
  return clean.length <= maxTextLength ? clean : `${clean.slice(0, maxTextLength - 1)}…`;
}

/** What moves a cursor, ends a line somewhere, or turns the direction of text, written as an escape of JSON. */
export function escapeInvisible(json: string): string {
  if (isPlain.test(json)) return json;
  return json.replace(invisible, (character) =>
    Array.from({ length: character.length }, (_, unit) => escapeOf(character, unit)).join(''),
  );
}

const isPlain = /^[\x20-\x7e]*$/;
const invisible = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Zl}\p{Zp}]/gu;

function escapeOf(character: string, unit: number): string {
  return `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`;
}
