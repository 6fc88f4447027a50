import { randomUUID } from 'node:crypto';

import { sql } from 'drizzle-orm';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import {
  doer,
  openFactorRooms,
  testKeyRing,
  Told,
  type FactorRooms,
} from '../../../test/support/factors.ts';
import { totpSecrets } from '../../db/factor-tables.ts';

const start = new Date('2026-11-22T10:00:15Z');

describe.each(Object.entries(databaseKinds))(
  'authenticator apps on %s',
  (_kind, openTestDatabase) => {
    let opened: TestDatabase;
    let now: Date;
    let told: Told;
    let rooms: FactorRooms;
    let robin: { id: string; username: string };

    beforeAll(async () => {
      opened = await openTestDatabase();
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      now = start;
      told = new Told();
      robin = { id: randomUUID(), username: 'robin' };
      rooms = await openFactorRooms(opened.database, { told, now: () => now });
    });

    const codeOf = (secret: string, seconds = 0): string =>
      generateSync({ secret, epoch: Math.floor(now.getTime() / 1000) + seconds });
    const later = (seconds: number): void => {
      now = new Date(now.getTime() + seconds * 1000);
    };
    const enrol = async (account = robin): Promise<string> => {
      const { secret } = await rooms.totp.start(account);
      await rooms.totp.confirm(account.id, codeOf(secret), doer);
      later(30);
      return secret;
    };

    test('count once a code has confirmed them, and that is told', async () => {
      const { secret, uri, qr } = await rooms.totp.start(robin);
      expect(uri).toContain(secret);
      expect(qr).toContain('<svg');
      expect(await rooms.totp.find(robin.id)).toBeUndefined();
      expect(await rooms.totp.check(robin.id, codeOf(secret))).toBe(false);
      expect(await rooms.factors.methodsOf(robin.id)).toEqual([]);
      await rooms.totp.confirm(robin.id, codeOf(secret), doer);
      expect(await rooms.totp.find(robin.id)).toMatchObject({ confirmedAt: now });
      expect(await rooms.factors.methodsOf(robin.id)).toEqual(['totp']);
      expect(told.kinds).toEqual(['factor.added']);
      expect(told.noted).toMatchObject([
        { event: 'mfa.enrolled', method: 'totp', target: robin.id, address: '192.0.2.7' },
      ]);
      later(30);
      expect(await rooms.totp.check(robin.id, codeOf(secret))).toBe(true);
    });

    test('that were begun and not confirmed leave the former one as it was', async () => {
      const former = await enrol();
      const { secret } = await rooms.totp.start(robin);
      const wrong = codeOf(former) === '000000' ? '000001' : '000000';
      await expect(rooms.totp.confirm(robin.id, wrong, doer)).rejects.toMatchObject({
        code: 'mfa.refused',
      });
      expect(await rooms.totp.check(robin.id, codeOf(secret))).toBe(false);
      expect(await rooms.totp.check(robin.id, codeOf(former))).toBe(true);
    });

    test('are replaced end to end: the new code opens, the former one is dead', async () => {
      const former = await enrol();
      const next = await enrol();
      expect(await rooms.totp.check(robin.id, codeOf(former))).toBe(false);
      expect(await rooms.totp.check(robin.id, codeOf(next))).toBe(true);
      const rows = await opened.database.queries.select().from(totpSecrets);
      for (const row of rows) expect(row.sealedSecret.toString('latin1')).not.toContain(next);
    });

    test('wait half an hour for their first code, and no longer', async () => {
      const { secret } = await rooms.totp.start(robin);
      later(31 * 60);
      await expect(rooms.totp.confirm(robin.id, codeOf(secret), doer)).rejects.toMatchObject({
        code: 'mfa.not-started',
      });
    });

    test('confirm only the one that was begun last', async () => {
      const first = await rooms.totp.start(robin);
      await rooms.totp.start(robin);
      await expect(rooms.totp.confirm(robin.id, codeOf(first.secret), doer)).rejects.toMatchObject({
        code: 'mfa.refused',
      });
    });

    test('a code counts once: also the one that confirmed', async () => {
      const { secret } = await rooms.totp.start(robin);
      const code = codeOf(secret);
      await rooms.totp.confirm(robin.id, code, doer);
      expect(await rooms.totp.check(robin.id, code)).toBe(false);
      later(30);
      const next = codeOf(secret);
      expect(await rooms.totp.check(robin.id, next)).toBe(true);
      expect(await rooms.totp.check(robin.id, next)).toBe(false);
    });

    test('the step before the current one is refused once the current one was taken', async () => {
      const secret = await enrol();
      later(60);
      expect(await rooms.totp.check(robin.id, codeOf(secret))).toBe(true);
      expect(await rooms.totp.check(robin.id, codeOf(secret, -30))).toBe(false);
      expect(await rooms.totp.check(robin.id, codeOf(secret, 30))).toBe(true);
    });

    test('of one code twenty times at once, at two processes, one counts', async () => {
      const secret = await enrol();
      const second = await opened.openAnother();
      const other = await openFactorRooms(second, { now: () => now });
      const code = codeOf(secret);
      const tries = Array.from({ length: 20 }, async (_, index) =>
        (index % 2 === 0 ? rooms : other).totp.check(robin.id, code),
      );
      const counted = (await Promise.all(tries)).filter(Boolean);
      expect(counted).toHaveLength(1);
      await second.close();
    });

    test('a code that was taken is refused by a process that starts afterwards', async () => {
      const secret = await enrol();
      expect(await rooms.totp.check(robin.id, codeOf(secret))).toBe(true);
      const restarted = await openFactorRooms(opened.database, { now: () => now });
      expect(await restarted.totp.check(robin.id, codeOf(secret))).toBe(false);
    });

    test("a secret copied into another account's row opens nothing, and is heard of", async () => {
      const secret = await enrol();
      const mallory = { id: randomUUID(), username: 'mallory' };
      const ownSecret = await enrol(mallory);
      // Whoever writes the database gives Robin's account Mallory's secret.
      await opened.database.queries.execute(sql`
      UPDATE totp_secrets SET sealed_secret = other.sealed_secret
      FROM totp_secrets other
      WHERE totp_secrets.account_id = ${robin.id} AND other.account_id = ${mallory.id}`);
      told.notices.length = 0;
      expect(await rooms.totp.check(robin.id, codeOf(ownSecret))).toBe(false);
      expect(await rooms.totp.check(robin.id, codeOf(secret))).toBe(false);
      expect(told.notices[0]).toMatchObject({
        kind: 'factor.unreadable',
        to: { kind: 'admins' },
        facts: { accountId: robin.id, factor: 'totp' },
      });
      expect(told.noted.at(-1)).toMatchObject({ event: 'mfa.failed', reason: 'sealed' });
      expect(await rooms.factors.methodsOf(robin.id)).toEqual(['totp']);
    });

    test('a secret that no set key opens fails closed: the account keeps its factor', async () => {
      const secret = await enrol();
      const lost = await openFactorRooms(opened.database, {
        told,
        now: () => now,
        sealing: await testKeyRing('quite another secret, of 32 characters or more'),
      });
      expect(await lost.totp.check(robin.id, codeOf(secret))).toBe(false);
      expect(await lost.factors.methodsOf(robin.id)).toEqual(['totp']);
      expect(told.kinds).toContain('factor.unreadable');
      expect(await rooms.totp.check(robin.id, codeOf(secret))).toBe(true);
    });

    test('the last factor stays', async () => {
      await enrol();
      await expect(rooms.totp.remove(robin.id, doer)).rejects.toMatchObject({
        code: 'mfa.last-factor',
      });
      expect(await rooms.factors.methodsOf(robin.id)).toEqual(['totp']);
      await expect(rooms.totp.remove(randomUUID(), doer)).rejects.toMatchObject({
        code: 'mfa.unknown',
      });
    });

    test("a code of another account's app is refused", async () => {
      await enrol();
      const mallory = { id: randomUUID(), username: 'mallory' };
      const secret = await enrol(mallory);
      expect(await rooms.totp.check(robin.id, codeOf(secret))).toBe(false);
    });
  },
);
