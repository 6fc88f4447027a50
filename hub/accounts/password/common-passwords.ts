// The list beside this file arrives; whether a password is one of those that everybody tries first leaves, without asking anybody (row A-12).

import { readFileSync } from 'node:fs';

/**
 * `common-passwords.txt`: of Mark Burnett's million most common passwords, which are in the public domain, the first ten
 * thousand and all with twelve characters or more, in small letters.
 */
const listFile = new URL('common-passwords.txt', import.meta.url);

export class CommonPasswords {
  #list: string | undefined;

  /** Also with digits and signs around it, also written several times. Takes NFKC. */
  has(password: string): boolean {
    // Read when somebody chooses a password: seldom, and 0.7 MB.
    this.#list ??= readFileSync(listFile, 'utf8');
    const list = this.#list;
    const word = password.toLowerCase();
    const bare = word.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '');
    const core = word.length - bare.length <= longestFrame ? bare : word;
    if (unitOf(word).length <= shortestUnit) return true;
    return [word, unitOf(word), core, unitOf(core)].some((form) => list.includes(`\n${form}\n`));
  }
}

/** `aaaaaaaaaaaaaaa`, `123123123123123`. */
const shortestUnit = 3;
/** A year, a birthday, 12345678: more signs than that around a word are a secret of their own. */
const longestFrame = 8;

/** `abcabcabc` is `abc`, three times. */
function unitOf(word: string): string {
  const length = (word + word).indexOf(word, 1);
  return word.slice(0, length);
}
