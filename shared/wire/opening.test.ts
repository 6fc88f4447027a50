import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';

import { decodeOpening, encodeOpening } from './opening.ts';

test('an address is one field of text', () => {
  const bytes = encodeOpening({ clientAddress: '203.0.113.9' });
  expect(bytes.toString('hex')).toBe(`01000b${Buffer.from('203.0.113.9').toString('hex')}`);
  expect(decodeOpening(bytes)).toEqual({ clientAddress: '203.0.113.9' });
  const longest = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
  expect(decodeOpening(encodeOpening({ clientAddress: longest }))).toEqual({
    clientAddress: longest,
  });
});

test('an unknown address is nothing at all', () => {
  expect(encodeOpening({ clientAddress: undefined })).toHaveLength(0);
  expect(decodeOpening(Buffer.alloc(0))).toEqual({ clientAddress: undefined });
});

test('a field of a later version is skipped', () => {
  const later = Buffer.from('7f0002abcd', 'hex');
  const bytes = Buffer.concat([later, encodeOpening({ clientAddress: '::1' }), later]);
  expect(decodeOpening(bytes)).toEqual({ clientAddress: '::1' });
  const likeAnAddress = Buffer.concat([Buffer.from('7f0003', 'hex'), Buffer.from('::2')]);
  expect(decodeOpening(likeAnAddress)).toEqual({ clientAddress: undefined });
});

test('what is malformed says nothing', () => {
  for (const hex of [
    '01',
    '0100',
    '01000b3132',
    '010002310a',
    `0100${'2e'.repeat(47)}`,
    '0100021041',
  ]) {
    expect(decodeOpening(Buffer.from(hex, 'hex'))).toEqual({ clientAddress: undefined });
  }
});
