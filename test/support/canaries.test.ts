import { expect, test } from 'vitest';

import { Canaries } from './canaries.ts';

const secret = 'blue canary in the outlet';

function planted(value = secret): Canaries {
  const canaries = new Canaries();
  canaries.plant('password', value);
  return canaries;
}

test.each<readonly [how: string, text: string]>([
  ['as it is', `{"password":"${secret}"}`],
  ['in capitals', secret.toUpperCase()],
  ['in an address', `/?p=${encodeURIComponent(secret)}`],
  ['in a form', `p=${secret.replaceAll(' ', '+')}&q=1`],
  ['as hex, as PostgreSQL writes bytes', `\\x${Buffer.from(secret).toString('hex')}`],
  ...[0, 1, 2].map(
    (shift) =>
      [
        `as base64 behind ${shift} bytes`,
        Buffer.from(`${':'.repeat(shift)}${secret}:x`).toString('base64'),
      ] as const,
  ),
])('a secret is found %s', (_how, text) => {
  expect(planted().leaksIn('the log', text)).not.toEqual([]);
});

test('bytes that were written in base64url are found as hex', () => {
  const bytes = Buffer.alloc(32, 7);
  const canaries = planted(bytes.toString('base64url'));
  expect(canaries.leaksIn('a table', `\\x${bytes.toString('hex')}`)).toEqual([
    'password in a table, as hex of base64url',
  ]);
});

test('a code counts as a word of its own, and not as a part of a time', () => {
  const canaries = planted('123456');
  expect(canaries.leaksIn('the log', 'code 123456')).toHaveLength(1);
  expect(canaries.leaksIn('the log', '12:00:01.123456+00 and 91234567')).toEqual([]);
});

test('the answer that told it is no leak, and every other text is', () => {
  const canaries = new Canaries();
  canaries.plant('token', 'a token of many characters', {
    toldIn: 'here: a token of many characters',
  });
  expect(canaries.leaksIn('its answer', 'here: a token of many characters')).toEqual([]);
  expect(canaries.leaksIn('another', 'a token of many characters')).toHaveLength(1);
  expect(() => canaries.plant('nothing', undefined)).toThrow('there is no nothing');
});
