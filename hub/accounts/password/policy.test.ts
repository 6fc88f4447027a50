import { describe, expect, test } from 'vitest';

import { CommonPasswords } from './common-passwords.ts';
import { isReadable, normalized, requireStrong } from './policy.ts';

const common = new CommonPasswords();

function choose(password: string, hasFactor = false): void {
  requireStrong({ password, hasFactor, username: 'robin.kay', email: 'rk@lake.example' }, common);
}

const good = 'violet tractor eats seven moons';

describe('a password', () => {
  test.each([
    ['fifteen characters, and no second factor', 'xk3-vq9-zd7-hw2', false],
    ['twelve characters beside a second factor', 'xk3-vq9-zd7w', true],
    ['256 characters', good.padEnd(256, ' and more'), false],
    [
      'characters of other scripts, which count as one each',
      '🦊🌵🎈🧭🪁🫖🧵🪗🦆🌰🧲🪀🎐🧊🛶',
      false,
    ],
    ['digits alone, where they are many and follow no pattern', '94715530182744569921', false],
  ])('may have %s', (_what, password, hasFactor) => {
    expect(() => choose(password, hasFactor)).not.toThrow();
  });

  test.each([
    ['fourteen characters without a second factor', 'xk3-vq9-zd7-hw', false, /at least 15/],
    ['eleven characters beside one', 'xk3-vq9-zd7', true, /at least 12/],
    ['257 characters', 'x1'.repeat(127) + 'abc', false, /at most 256/],
    ['a megabyte', 'x'.repeat(1_000_000), false, /at most 256/],
    ['half a character', `${good}\ud800`, false, /half a character/],
    ['a common one', 'passwordpassword', false, /tried first/],
    ['a common one in capitals', 'PasswordPassword', false, /tried first/],
    ['a common one with a year behind it', 'unbelievable2026', false, /tried first/],
    ['a common one several times', 'dragondragondragon', false, /tried first/],
    ['one letter many times', 'zzzzzzzzzzzzzzzzzz', false, /tried first/],
    ['the name of its account', 'robin.kay12345678', false, /tried first/],
    ['the name twice', 'Robin.KayRobin.Kay!', false, /tried first/],
    ['the domain of its mail', 'lake.example2026', false, /tried first/],
  ])('may not have %s', (_what, password, hasFactor, sentence) => {
    expect(() => choose(password, hasFactor)).toThrow(sentence);
  });

  test('is the same in every form that a keyboard gives it', () => {
    expect(normalized('ﬁve cafe\u0301s ①')).toBe(normalized('five cafés 1'));
  });

  test('that is no text is not looked at', () => {
    expect(['', 'x'.repeat(1025), '\udc00'].map(isReadable)).toEqual([false, false, false]);
    expect(isReadable(good)).toBe(true);
  });
});
