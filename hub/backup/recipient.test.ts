import { identityToRecipient, generateHybridIdentity } from 'age-encryption';
import { expect, test } from 'vitest';

import { newIdentity } from './encryption.ts';
import { isRecipient } from './recipient.ts';

const known = 'age1xuzr738x22gc404t7g42h276mrnzpl8dvj3yrgg2m0z58alzzyhshe4a49';

test('public keys of age are known, whichever kind', async () => {
  expect(isRecipient(known)).toBe(true);
  expect(isRecipient((await newIdentity()).recipient)).toBe(true);
  expect(isRecipient(await identityToRecipient(await generateHybridIdentity()))).toBe(true);
});

test('a slip of the finger is found, wherever it is', () => {
  for (let place = 0; place < known.length; place += 1) {
    const slip = known[place] === 'q' ? 'p' : 'q';
    const text = known.slice(0, place) + slip + known.slice(place + 1);
    expect({ text, is: isRecipient(text) }).toEqual({ text, is: false });
  }
});

test.each([
  '',
  'age1',
  'AGE-SECRET-KEY-1ABC',
  known.toUpperCase(),
  known.slice(0, -1),
  ` ${known}`,
])('%s is none', (text) => {
  expect(isRecipient(text)).toBe(false);
});
