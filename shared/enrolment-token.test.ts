import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatEnrolmentToken, parseEnrolmentToken } from './enrolment-token.ts';

const id = 'Ab3dEf9h';
const secret = 'a-_'.repeat(14) + 'Z';
const caFingerprint = 'F'.repeat(43);

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
    ['nothing', ''],
    ['another kind of token', `ghp_${id}${secret}`],
    ['a text cut short', whole.slice(0, 54)],
    ['a fingerprint cut short', whole.slice(0, -1)],
    ['a trailing line break', `${whole.slice(0, 55)}\n`],
    ['a separator other than the dot', `${whole.slice(0, 55)}:${caFingerprint}`],
    ['a dash in the id', `phe_Ab-dEf9h${secret}`],
    ['a blank in the secret', `phe_${id}${' '.repeat(43)}`],
  ])('%s is refused', (_what, text) => {
    expect(() => parseEnrolmentToken(text)).toThrow(
      expect.objectContaining({ code: 'enrol.token-malformed' }),
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
