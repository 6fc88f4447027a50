import { describe, expect, it } from 'vitest';

import type { NoticeKind } from './notice.ts';
import { isNoticeKind, noticeKinds, wordingOf } from './wording.ts';

const at = new Date('2026-03-01T12:00:00Z');
const where = { address: '192.0.2.7', software: 'Firefox on Windows' };
const facts = {
  ...where,
  server: 'Movies',
  since: at,
  until: at,
  notAfter: at,
  minutes: 10,
  offlineMs: 3 * 86_400_000,
  tokenId: 'abc',
  other: '198.51.100.7',
  names: ['movies.example.org'],
  reason: 'a reason',
  network: '192.0.2.0/24',
  speedKmh: 900,
  distanceKm: 9000,
  attempts: 7,
  factor: 'my key',
  left: 2,
  by: 'Kim',
  name: 'my token',
  provider: 'Our Keycloak',
  accountId: 'robin',
};

describe.each(noticeKinds())('%s', (kind: NoticeKind) => {
  it('says what happened in whole sentences, and asks nobody to press a link', () => {
    const { title, lines } = wordingOf({ kind, to: { kind: 'admins' }, facts });
    const text = [title, ...lines].join('\n');
    expect(title.length).toBeGreaterThan(5);
    expect(lines.length).toBeGreaterThan(0);
    expect(text).not.toMatch(/undefined|NaN|\[object|https?:/);
  });
});

it('knows its kinds from other words', () => {
  expect(isNoticeKind('server.offline')).toBe(true);
  expect(isNoticeKind('toString')).toBe(false);
  expect(isNoticeKind('__proto__')).toBe(false);
});
