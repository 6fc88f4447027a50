import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatEnrolmentToken, parseEnrolmentToken } from './enrolment-token.ts';

const id = 'Ab3dEf9h';
const secret = 'a-_'.repeat(14) + 'Z';
const caFingerprint = 'F'.repeat(43);
const noFingerprint = 'the part behind its dot is no fingerprint';
const foreignCharacters = 'it holds characters that no token has';

describe('an enrolment token', () => {
  test('comes back from its own text, with and without a fingerprint', () => {
    for (const token of [
      { id, secret, caFingerprint: undefined },
      { id, secret, caFingerprint },
    ]) {
      expect(parseEnrolmentToken(formatEnrolmentToken(token))).toEqual(token);
    }
  });

  test('is 55 characters, or 99 with a fingerprint', () => {
    expect(formatEnrolmentToken({ id, secret, caFingerprint: undefined })).toHaveLength(55);
    expect(formatEnrolmentToken({ id, secret, caFingerprint })).toHaveLength(99);
  });

  const whole = formatEnrolmentToken({ id, secret, caFingerprint });
  test.each([
    ['nothing', '', 'it does not begin with phe_'],
    ['another kind of token', `ghp_${id}${secret}`, 'it does not begin with phe_'],
    ['a text cut short', whole.slice(0, 54), 'it has 54 characters instead of 55 or 99'],
    ['a fingerprint cut short', whole.slice(0, -1), 'it has 98 characters instead of 55 or 99'],
    [
      'a trailing line break',
      `${whole.slice(0, 55)}\n`,
      'it has 56 characters instead of 55 or 99',
    ],
    ['a separator other than the dot', `${whole.slice(0, 55)}:${caFingerprint}`, noFingerprint],
    ['a fingerprint of other characters', `${whole.slice(0, -1)} `, noFingerprint],
    ['a dash in the id', `phe_Ab-dEf9h${secret}`, foreignCharacters],
    ['a blank before the secret', `phe_${id} ${secret.slice(1)}`, foreignCharacters],
    ['a blank behind the secret', `phe_${id}${secret.slice(1)} `, foreignCharacters],
  ])('%s is refused with what was seen and what to do', (_what, text, seen) => {
    expect(() => parseEnrolmentToken(text)).toThrow(
      expect.objectContaining({
        code: 'enrol.token-malformed',
        message: `this is not a whole enrolment token: ${seen}. Copy the line that "phlix-hub enrol-token create" printed, or make a new one.`,
      }),
    );
  });

  test('of random text throws nothing but the coded error, and never repeats the text', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 20, maxLength: 50 }), (text) => {
        expect(() => parseEnrolmentToken(`phe_${text}`)).toThrow(
          expect.objectContaining({
            code: 'enrol.token-malformed',
            message: expect.not.stringContaining(text),
          }),
        );
      }),
    );
  });
});
