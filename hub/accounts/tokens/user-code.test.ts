import { expect, test } from 'vitest';

import { drawUserCode, readUserCode, showUserCode } from './user-code.ts';

test('a code has eight of twenty letters, no vowel among them, and reads as two fours', () => {
  const codes = Array.from({ length: 1000 }, drawUserCode);
  for (const code of codes) expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{8}$/);
  expect(new Set(codes).size).toBe(1000);
  expect(new Set(codes.join('')).size).toBe(20);
  expect(showUserCode('WDJBMJHT')).toBe('WDJB-MJHT');
});

test.each(['WDJB-MJHT', 'wdjb mjht', ' wDjB–MJHT ', 'W D J B M J H T', 'WDJB\u00ADMJHT'])(
  '%j is read as it was meant',
  (typed) => {
    expect(readUserCode(typed)).toBe('WDJBMJHT');
  },
);

test.each(['', 'WDJB-MJH', 'WDJB-MJHTT', 'ADJB-MJHT', 'WDJB-MJH1', 'WDJB_MJHT', 'ŴDJB-MJHT'])(
  '%j is no code',
  (typed) => {
    expect(readUserCode(typed)).toBeUndefined();
  },
);
