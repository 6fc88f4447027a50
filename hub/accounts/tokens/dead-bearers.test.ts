import { expect, test } from 'vitest';

import { memoryGuardStore } from '../../../test/support/memory-guard-store.ts';
import type { AuditEntry } from '../../audit/audit.ts';
import { defaultAccountLimits } from '../limits.ts';
import { Guard } from '../login/guard.ts';
import { newSecret } from '../secret.ts';
import { DeadBearers } from './dead-bearers.ts';

const { addressFailures: allowed, addressWindowMs: windowMs } = defaultAccountLimits;
const locked = { code: 'login.locked' };
const unknown = { reason: 'unknown' } as const;
const visit = { address: '192.0.2.7' };

function stage() {
  const clock = { now: new Date('2026-11-22T12:00:00Z') };
  const noted: AuditEntry[] = [];
  let writes = 0;
  const kept = memoryGuardStore();
  const store = {
    ...kept,
    change: (async (keys, change) => {
      writes += 1;
      return kept.change(keys, change);
    }) as typeof kept.change,
  };
  const now = (): Date => clock.now;
  const guard = new Guard({ store, limits: defaultAccountLimits, now });
  const audit = { note: (entry: AuditEntry) => void noted.push(entry) };
  const dead = new DeadBearers({ guard, limits: defaultAccountLimits, audit, now });
  const later = (ms: number): void => void (clock.now = new Date(clock.now.getTime() + ms));
  return { dead, guard, noted, later, writes: () => writes };
}

test('one text again and again is one failure and one entry, until it is refused by itself', async () => {
  const { dead, noted, later, writes } = stage();
  for (let count = 0; count < allowed; count++) {
    dead.requireFresh('a token', visit);
    await dead.note('a token', visit, unknown);
  }
  expect(() => dead.requireFresh('a token', visit)).toThrow(expect.objectContaining(locked));
  expect(noted).toHaveLength(1);
  expect(writes()).toBe(1);
  dead.requireFresh('another', visit);
  dead.requireFresh('a token', { address: '192.0.2.8' });
  await dead.requireOpen(visit);
  later(windowMs);
  dead.requireFresh('a token', visit);
});

test('ten texts of a /64 close it to bearers that are new to it, and to no sign-in', async () => {
  const { dead, guard, noted } = stage();
  for (let count = 1; count <= allowed; count++)
    await dead.note(newSecret(), { address: `2001:db8:1:2::${count}` }, unknown);
  const neighbour = { address: '2001:db8:1:2:ffff::1' };
  await expect(dead.note(newSecret(), neighbour, unknown)).rejects.toMatchObject(locked);
  await expect(dead.requireOpen(neighbour)).rejects.toMatchObject(locked);
  await dead.requireOpen({ address: '2001:db8:1:3::1' });
  expect(noted.map(({ event }) => event)).toEqual([
    ...Array.from({ length: allowed }, () => 'token.denied'),
    'login.locked',
  ]);
  const attempt = { visit: { ...neighbour, userAgent: undefined }, subject: undefined };
  await guard.admit({ ...attempt, stage: 'password' });
});

test('an address that waits at the sign-in waits with bearers that are new to it', async () => {
  const { dead, guard } = stage();
  const attempt = { visit: { ...visit, userAgent: undefined }, subject: undefined };
  for (let count = 0; count < allowed; count++)
    (await guard.admit({ ...attempt, stage: 'password' })).fail();
  await expect(dead.requireOpen(visit)).rejects.toMatchObject(locked);
  await expect(dead.note('a token', visit, unknown)).rejects.toMatchObject(locked);
});

test('the same text ten times at once is one failure', async () => {
  const { dead, noted, writes } = stage();
  await Promise.all(
    Array.from({ length: allowed }, async () => dead.note('a token', visit, unknown)),
  );
  expect([noted.length, writes()]).toEqual([1, 1]);
  await dead.requireOpen(visit);
});

test('an address that goes on with ever new texts is written down once for as long as it waits', async () => {
  const { dead, noted, later } = stage();
  for (let count = 0; count < allowed; count++) await dead.note(newSecret(), visit, unknown);
  const lockedLines = (): number => noted.filter(({ event }) => event === 'login.locked').length;
  const guess = async (): Promise<void> =>
    expect(dead.note(newSecret(), visit, unknown)).rejects.toMatchObject(locked);
  for (let count = 0; count < 50; count++) await guess();
  expect(lockedLines()).toBe(1);
  const same = newSecret();
  for (let count = 0; count < 3; count++)
    await expect(dead.note(same, visit, unknown)).rejects.toMatchObject(locked);
  later(30 * 24 * 60 * 60_000);
  await dead.note(newSecret(), visit, unknown);
  expect(lockedLines()).toBe(1);
});
