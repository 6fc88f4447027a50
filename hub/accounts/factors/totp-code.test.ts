import { spawnSync } from 'node:child_process';

import { describe, expect, test } from 'vitest';

import { hasParts, partPath } from '../../../test/support/parts.ts';
import { newTotpSecret, qrOf, requireCode, stepOf, totpUri } from './totp-code.ts';

const secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
const start = new Date('2026-11-22T10:00:15Z');
const at = (seconds: number): Date => new Date(start.getTime() + seconds * 1000);

const codeAt = (time: Date, key = secret): string => {
  const { stdout, stderr } = spawnSync(
    partPath('oathtool'),
    ['--totp', '--base32', `--now=@${Math.floor(time.getTime() / 1000)}`, '-'],
    { encoding: 'utf8', input: `${key}\n` },
  );
  expect(stderr).toBe('');
  return stdout.trim();
};
const stepFor = (code: string, now: Date, more: { lastStep?: number; window?: number } = {}) =>
  stepOf({ secret, code, now, window: 1, lastStep: undefined, ...more });

describe.skipIf(!hasParts('oathtool'))('codes of another program (oathtool)', () => {
  test('fit at their time, and tell the step that they are of', () => {
    const step = Math.floor(start.getTime() / 30_000);
    expect(stepFor(codeAt(start), start)).toBe(step);
    for (let count = 0; count < 10; count++) {
      const key = newTotpSecret();
      const code = codeAt(start, key);
      expect(stepOf({ secret: key, code, now: start, window: 0, lastStep: undefined })).toBe(step);
    }
  });

  test.each([-30, 0, 30])('fit where the clock is wrong by %d s', (seconds) => {
    expect(stepFor(codeAt(at(seconds)), start)).toBe(Math.floor(at(seconds).getTime() / 30_000));
  });

  test.each([-61, 61])('do not fit where it is wrong by %d s', (seconds) => {
    expect(stepFor(codeAt(at(seconds)), start)).toBeUndefined();
  });

  test('fit two steps away only where the window is two', () => {
    expect(stepFor(codeAt(at(60)), start)).toBeUndefined();
    expect(stepFor(codeAt(at(60)), start, { window: 2 })).toBeDefined();
    expect(stepFor(codeAt(at(30)), start, { window: 0 })).toBeUndefined();
  });

  test('fit no more once their step, or a later one, was taken', () => {
    const code = codeAt(start);
    const step = Math.floor(start.getTime() / 30_000);
    expect(stepFor(code, start, { lastStep: step - 1 })).toBe(step);
    expect(stepFor(code, start, { lastStep: step })).toBeUndefined();
    expect(stepFor(codeAt(at(-30)), start, { lastStep: step })).toBeUndefined();
    expect(stepFor(codeAt(at(30)), start, { lastStep: step })).toBe(step + 1);
  });

  test('are refused, and nothing fails, where the clock was set back behind what was taken', () => {
    const far = Math.floor(start.getTime() / 30_000) + 1000;
    expect(stepFor(codeAt(start), start, { lastStep: far })).toBeUndefined();
  });
});

test.each([
  ['five digits', '12345'],
  ['seven digits', '1234567'],
  ['spaces within', '123 456'],
  ['a space behind', '123456 '],
  ['a line behind', '123456\n'],
  ['full-width digits', '１２３４５６'],
  ['Arabic digits', '١٢٣٤٥٦'],
  ['letters', 'abcdef'],
  ['a sign', '+12345'],
  ['nothing', ''],
  ['a megabyte', '1'.repeat(1_000_000)],
])('%s are malformed, before anything is computed', (_what, text) => {
  expect(() => requireCode(text)).toThrow(expect.objectContaining({ code: 'mfa.malformed' }));
});

test('a secret has 160 bits, and each is another', () => {
  const secrets = Array.from({ length: 100 }, newTotpSecret);
  for (const one of secrets) expect(one).toMatch(/^[A-Z2-7]{32}$/);
  expect(new Set(secrets).size).toBe(100);
});

test('the address says issuer and user as apps read them', () => {
  const uri = new URL(totpUri(secret, { issuer: 'Phlix Hub: 1', label: 'röbin@home' }));
  expect(uri.protocol).toBe('otpauth:');
  expect(decodeURIComponent(uri.pathname).replace(/^\/+/, '')).toMatch(
    /^(totp\/)?Phlix Hub: 1:röbin@home$/,
  );
  expect(uri.searchParams.get('secret')).toBe(secret);
  expect(uri.searchParams.get('issuer')).toBe('Phlix Hub: 1');
});

test('the QR code is an image of its own, which asks nobody for anything', async () => {
  const svg = await qrOf(totpUri(secret, { issuer: 'Phlix Hub', label: 'robin' }));
  expect(svg).toMatch(/^<svg [^>]*viewBox/);
  expect(svg).not.toMatch(/<script|style=|href|url\(/i);
  expect(svg).not.toContain(secret);
});
