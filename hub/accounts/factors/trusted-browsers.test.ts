import { randomBytes, randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { doer, openFactorRooms, Told, type FactorRooms } from '../../../test/support/factors.ts';
import { trustedBrowsers } from '../../db/factor-tables.ts';

const start = new Date('2026-11-22T10:00:00Z');
const firefox = { software: 'Firefox on Windows', country: 'NL' };
const dayMs = 24 * 60 * 60 * 1000;

describe.each(Object.entries(databaseKinds))(
  'trusted browsers on %s',
  (_kind, openTestDatabase) => {
    let opened: TestDatabase;
    let now: Date;
    let told: Told;
    let rooms: FactorRooms;
    let robin: string;

    beforeAll(async () => {
      opened = await openTestDatabase();
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      now = start;
      told = new Told();
      robin = randomUUID();
      rooms = await openFactorRooms(opened.database, { told, now: () => now });
    });

    const days = (count: number): void => {
      now = new Date(now.getTime() + count * dayMs);
    };
    const recognise = async (
      value: string,
      surroundings: { software: string; country?: string } = firefox,
    ) => rooms.trusted.recognise(robin, value, surroundings);

    test('get another value with each use, and go on with that one', async () => {
      let cookie = await rooms.trusted.trust(robin, firefox);
      expect(cookie.value).toMatch(/^[\w-]{22}\.[\w-]{43}$/);
      for (let use = 0; use < 3; use++) {
        const next = await recognise(cookie.value);
        expect(next?.value).toMatch(/^[\w-]{22}\.[\w-]{43}$/);
        expect(next?.value).not.toBe(cookie.value);
        cookie = next ?? cookie;
      }
      expect(told.noted.map(({ event }) => event)).toEqual(['mfa.browser-trusted']);
    });

    test('a stolen value, used after its owner used it, ends the trust of both', async () => {
      const stolen = await rooms.trusted.trust(robin, firefox);
      const current = await recognise(stolen.value);
      expect(await recognise(stolen.value)).toBeUndefined();
      expect(await recognise(current?.value ?? '')).toBeUndefined();
      expect(await rooms.trusted.list(robin)).toEqual([]);
      expect(told.kinds).toEqual(['trust.replayed']);
      expect(told.noted.at(-1)).toMatchObject({ event: 'mfa.browser-forgotten', result: 'denied' });
    });

    test('a stolen value that the thief uses first is dead once its owner comes', async () => {
      const cookie = await rooms.trusted.trust(robin, firefox);
      const thief = await recognise(cookie.value);
      expect(await recognise(cookie.value)).toBeUndefined();
      expect(await recognise(thief?.value ?? '')).toBeUndefined();
    });

    test('of one value twenty times at once, at two processes, one is recognised', async () => {
      const { value } = await rooms.trusted.trust(robin, firefox);
      const second = await opened.openAnother();
      const other = await openFactorRooms(second, { now: () => now });
      const tries = Array.from({ length: 20 }, async (_, index) =>
        (index % 2 === 0 ? rooms : other).trusted.recognise(robin, value, firefox),
      );
      const recognised = (await Promise.all(tries)).filter((one) => one !== undefined);
      expect(recognised).toHaveLength(1);
      await second.close();
    });

    test("are ignored at another account's sign-in, and stay", async () => {
      const { value } = await rooms.trusted.trust(robin, firefox);
      expect(await rooms.trusted.recognise(randomUUID(), value, firefox)).toBeUndefined();
      expect(await recognise(value)).toBeDefined();
    });

    test('end thirty days after the trust, however often they are used', async () => {
      let cookie = await rooms.trusted.trust(robin, firefox);
      const end = new Date(start.getTime() + 30 * dayMs);
      for (let use = 0; use < 5; use++) {
        days(5);
        const next = await recognise(cookie.value);
        expect(next?.expiresAt).toEqual(end);
        cookie = next ?? cookie;
      }
      days(5);
      expect(await recognise(cookie.value)).toBeUndefined();
      expect(await rooms.trusted.list(robin)).toEqual([]);
      expect(told.kinds).toEqual([]);
    });

    test('of another kind, or in another country, are asked for the factor, and stay trusted', async () => {
      const { value } = await rooms.trusted.trust(robin, firefox);
      expect(
        await recognise(value, { software: 'Chrome on Linux', country: 'NL' }),
      ).toBeUndefined();
      expect(await recognise(value, { ...firefox, country: 'BR' })).toBeUndefined();
      expect(await recognise(value, { software: firefox.software })).toBeDefined();
      expect(told.kinds).toEqual([]);
    });

    test('with a tampered selector, or what is no value at all, are nobody', async () => {
      const { value } = await rooms.trusted.trust(robin, firefox);
      const [, validator = ''] = value.split('.');
      const other = randomBytes(16).toString('base64url');
      for (const text of [
        `${other}.${validator}`,
        '',
        '.',
        value.slice(1),
        `${value}x`,
        'x'.repeat(5000),
      ]) {
        expect(await recognise(text)).toBeUndefined();
      }
      expect(await recognise(value)).toBeDefined();
    });

    test('a tampered validator ends the trust', async () => {
      const { value } = await rooms.trusted.trust(robin, firefox);
      const [selector = ''] = value.split('.');
      expect(
        await recognise(`${selector}.${randomBytes(32).toString('base64url')}`),
      ).toBeUndefined();
      expect(await recognise(value)).toBeUndefined();
    });

    test('are thirty at most: the one that was used longest ago goes', async () => {
      const first = await rooms.trusted.trust(robin, firefox);
      for (let count = 1; count < 30; count++) {
        now = new Date(now.getTime() + 1000);
        await rooms.trusted.trust(robin, firefox);
      }
      expect(await rooms.trusted.list(robin)).toHaveLength(30);
      now = new Date(now.getTime() + 1000);
      await rooms.trusted.trust(robin, firefox);
      expect(await rooms.trusted.list(robin)).toHaveLength(30);
      expect(await recognise(first.value)).toBeUndefined();
    });

    test('are revoked one by one and all together, by their own account only', async () => {
      const one = await rooms.trusted.trust(robin, firefox);
      const two = await rooms.trusted.trust(robin, firefox);
      const [listed] = await rooms.trusted.list(robin);
      await expect(
        rooms.trusted.revoke(randomUUID(), listed?.id ?? '', doer),
      ).rejects.toMatchObject({
        code: 'mfa.unknown',
      });
      await rooms.trusted.revoke(robin, listed?.id ?? '', doer);
      expect(await rooms.trusted.list(robin)).toHaveLength(1);
      await rooms.trusted.revokeAll(robin, doer);
      expect(await recognise(one.value)).toBeUndefined();
      expect(await recognise(two.value)).toBeUndefined();
    });

    test('a copy of the database holds no cookie', async () => {
      const { value } = await rooms.trusted.trust(robin, firefox);
      const rows = await opened.database.queries.select().from(trustedBrowsers);
      const [, validator = ''] = value.split('.');
      for (const row of rows) {
        expect(row.validatorHash.equals(Buffer.from(validator, 'base64url'))).toBe(false);
      }
    });
  },
);
