import { expect, it } from 'vitest';
import {
  firstHighestResetCode,
  firstOptionalType,
  flag,
  frameType,
  goawayCode,
  goawayReason,
  highestResetCode,
  resetCode,
  resetCodeFor,
  resetReason,
  type ResetReason,
} from './codes.ts';

it('the numbers are those of PROTOCOL.md: they never change', () => {
  expect({ frameType, firstOptionalType, flag, resetCode, goawayCode }).toEqual({
    frameType: {
      data: 0,
      open: 1,
      reset: 2,
      credit: 3,
      ack: 4,
      ping: 5,
      goaway: 6,
      notice: 7,
      challenge: 16,
      hello: 17,
      welcome: 18,
    },
    firstOptionalType: 128,
    flag: { end: 1, reply: 1 },
    resetCode: {
      cancelled: 1,
      refused: 2,
      'origin-unreachable': 3,
      'origin-timeout': 4,
      'origin-closed': 5,
      'idle-timeout': 6,
      internal: 7,
      'origin-untrusted': 8,
    },
    goawayCode: {
      draining: 0,
      'protocol-error': 1,
      replaced: 2,
      revoked: 3,
      unauthorised: 4,
      'version-unsupported': 5,
      'ping-timeout': 6,
      overloaded: 7,
      internal: 8,
      suspended: 9,
      rotated: 10,
    },
  });
});

it('every reset code has its reason back, and an unknown one reads as internal (P27)', () => {
  for (const [reason, code] of Object.entries(resetCode)) expect(resetReason(code)).toBe(reason);
  for (const code of [0, 9, 0xffff_ffff]) expect(resetReason(code)).toBe('internal');
});

it('a reset that is younger than the peer is told as what it was before (P27)', () => {
  expect(resetCodeFor('origin-untrusted', highestResetCode)).toBe(8);
  expect(resetCodeFor('origin-untrusted', firstHighestResetCode)).toBe(3);
  for (const [reason, code] of Object.entries(resetCode).filter(([, number]) => number <= 7))
    expect(resetCodeFor(reason as ResetReason, firstHighestResetCode)).toBe(code);
});

it('every goaway code has its reason back, and an unknown one reads as internal (P52)', () => {
  for (const [reason, code] of Object.entries(goawayCode)) expect(goawayReason(code)).toBe(reason);
  for (const code of [11, 255, 0xffff_ffff]) expect(goawayReason(code)).toBe('internal');
});
