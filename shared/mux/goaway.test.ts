import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { decodeGoaway, encodeGoaway } from './goaway.ts';

it('is a code and a sentence', () => {
  const payload = encodeGoaway(2, 'a newer link');
  expect(payload.toString('hex')).toBe(`00000002${Buffer.from('a newer link').toString('hex')}`);
  expect(decodeGoaway(payload)).toEqual({ code: 2, message: 'a newer link' });
});

it('may come without a sentence and with a code of a later version', () => {
  expect(decodeGoaway(encodeGoaway(0xffff_ffff, ''))).toEqual({ code: 0xffff_ffff, message: '' });
});

it('has a byte for each character of Latin-1', () => {
  expect(encodeGoaway(0, 'é').toString('hex')).toBe('00000000e9');
});

it('cuts the sentence at 256 characters (P4)', () => {
  expect(encodeGoaway(1, 'x'.repeat(256))).toHaveLength(260);
  expect(encodeGoaway(1, 'x'.repeat(257))).toHaveLength(260);
  expect(encodeGoaway(1, 'é'.repeat(300))).toHaveLength(260);
});

it('shows nothing to a log but printable ASCII (P52)', () => {
  const hostile = Buffer.from('000000011b5b326a0a7f80ff207e', 'hex');
  expect(decodeGoaway(hostile).message).toBe('?[2j???? ~');
});
