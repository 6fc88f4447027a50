import { randomUUID } from 'node:crypto';

import { sql } from 'drizzle-orm';
import { generateSync } from 'otplib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { Authenticator } from '../../../test/support/authenticator.ts';
import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { doer, openFactorRooms, Told, type FactorRooms } from '../../../test/support/factors.ts';
import type { Doer } from './factor-news.ts';
import { Resets, type HeldElsewhere } from './resets.ts';

const firefox = { software: 'Firefox on Windows' };
const admin: Doer = { actor: { id: randomUUID(), name: 'the admin' } };

describe.each(Object.entries(databaseKinds))(
  'factors taken away on %s',
  (_kind, openTestDatabase) => {
    let opened: TestDatabase;
    let now: Date;
    let told: Told;
    let rooms: FactorRooms;
    let elsewhere: string[];
    let resets: Resets;
    let robin: { id: string; username: string };

    beforeAll(async () => {
      opened = await openTestDatabase();
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      now = new Date('2026-11-22T10:00:15Z');
      told = new Told();
      robin = { id: randomUUID(), username: 'robin' };
      rooms = await openFactorRooms(opened.database, { told, now: () => now });
      elsewhere = [];
      const note = (what: string) => async (accountId: string) => {
        if (accountId === robin.id) elsewhere.push(what);
      };
      const held: HeldElsewhere = {
        endLogins: note('logins'),
        revokeTokens: note('tokens'),
        unlinkSso: note('sso'),
      };
      resets = new Resets({
        store: rooms.standings,
        elsewhere: held,
        news: told.news,
        now: () => now,
      });
    });

    const later = (seconds: number): void => {
      now = new Date(now.getTime() + seconds * 1000);
    };
    const codeOf = (secret: string): string =>
      generateSync({ secret, epoch: Math.floor(now.getTime() / 1000) });
    const addPasskey = async (key: Authenticator, offer: object) =>
      rooms.passkeys.register(robin.id, key.register(offer), { binding: 'login', name: '', doer });
    const enrolEverything = async () => {
      const key = new Authenticator();
      await addPasskey(key, await rooms.passkeys.offer(robin, 'login'));
      const { secret } = await rooms.totp.start(robin);
      await rooms.totp.confirm(robin.id, codeOf(secret), doer);
      const codes = await rooms.recovery.regenerate(robin.id, doer);
      const { value: cookie } = await rooms.trusted.trust(robin.id, firefox);
      later(30);
      return { key, secret, codes, cookie };
    };
    const opensWith = async ({
      key,
      secret,
      codes,
      cookie,
    }: Awaited<ReturnType<typeof enrolEverything>>) => {
      const question = await rooms.factors.askPasskey('transaction');
      return {
        passkey: (await rooms.factors.identify(key.answer(question), 'transaction')) === robin.id,
        totp: await rooms.factors.check(robin.id, { method: 'totp', code: codeOf(secret) }, 'x'),
        recovery: await rooms.factors.check(
          robin.id,
          { method: 'recovery', code: codes[0] ?? '' },
          'x',
        ),
        trusted: (await rooms.trusted.recognise(robin.id, cookie, firefox)) !== undefined,
      };
    };

    test('nothing was taken away: everything opens', async () => {
      expect(await opensWith(await enrolEverything())).toEqual({
        passkey: true,
        totp: true,
        recovery: true,
        trusted: true,
      });
    });

    test('"I lost my phone" leaves recovery codes, and nothing else opens', async () => {
      const held = await enrolEverything();
      expect(await resets.lockOut(robin.id, doer)).toEqual({ recoveryCodesLeft: 10 });
      expect(await rooms.factors.standingOf(robin.id)).toEqual({
        methods: ['recovery'],
        isLocked: true,
        mustEnrol: false,
      });
      expect(await opensWith(held)).toEqual({
        passkey: false,
        totp: false,
        recovery: true,
        trusted: false,
      });
      expect(elsewhere).toEqual(['tokens', 'logins']);
      expect(told.kinds).toContain('account.locked-down');
      expect(told.noted).toContainEqual(
        expect.objectContaining({ event: 'admin.lockout', actor: doer.actor, target: robin.id }),
      );
    });

    test('a locked account without recovery codes opens with nothing: it does not fall back to its password', async () => {
      expect(await resets.lockOut(robin.id, doer)).toEqual({ recoveryCodesLeft: 0 });
      expect(await rooms.factors.standingOf(robin.id)).toEqual({
        methods: [],
        isLocked: true,
        mustEnrol: false,
      });
    });

    const addAdmin = async (id: string, name: string) => {
      const { queries } = opened.database;
      await queries.execute(sql`INSERT INTO owners (id) VALUES (${id})`);
      await queries.execute(sql`
      INSERT INTO accounts (id, owner_id, username, key, role, state, created_at)
      VALUES (${id}, ${id}, ${name}, ${name}, 'admin', 'active', now())`);
    };

    describe('of admins', () => {
      let ada: { id: string };
      beforeEach(() => {
        ada = { id: randomUUID() };
      });
      afterEach(async () => {
        await opened.database.queries.execute(sql`DELETE FROM accounts WHERE role = 'admin'`);
      });

      test('the last one is not locked without recovery codes, and keeps all that opens his account', async () => {
        await addAdmin(robin.id, 'robin');
        await addPasskey(new Authenticator(), await rooms.passkeys.offer(robin, 'login'));
        await expect(resets.lockOut(robin.id, doer)).rejects.toMatchObject({
          code: 'account.last-admin',
          message: expect.stringMatching(/recovery codes first.*phlix-hub user reset-mfa/),
        });
        expect(await rooms.factors.standingOf(robin.id)).toMatchObject({ methods: ['passkey'] });
        expect([elsewhere, told.noted.map(({ event }) => event)]).toEqual([[], ['mfa.enrolled']]);
        await rooms.recovery.regenerate(robin.id, doer);
        expect(await resets.lockOut(robin.id, doer)).toEqual({ recoveryCodesLeft: 10 });
      });

      test('one is locked without them while another can come in, also by a recovery code', async () => {
        await addAdmin(robin.id, 'robin');
        await addAdmin(ada.id, 'ada');
        await rooms.recovery.regenerate(ada.id, doer);
        await resets.lockOut(ada.id, doer);
        expect(await resets.lockOut(robin.id, doer)).toEqual({ recoveryCodesLeft: 0 });
      });

      test('never are all locked without them, also at the same moment', async () => {
        await addAdmin(robin.id, 'robin');
        await addAdmin(ada.id, 'ada');
        const tries = [robin, ada].map(async ({ id }) => resets.lockOut(id, doer));
        const outcomes = await Promise.allSettled(tries);
        expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
        expect(outcomes).toContainEqual(
          expect.objectContaining({
            reason: expect.objectContaining({ code: 'account.last-admin' }),
          }),
        );
      });
    });

    test('a new factor ends the lock', async () => {
      await enrolEverything();
      await resets.lockOut(robin.id, doer);
      later(1);
      await addPasskey(new Authenticator(), await rooms.passkeys.offer(robin, 'login'));
      expect(await rooms.factors.standingOf(robin.id)).toMatchObject({
        methods: ['passkey', 'recovery'],
        isLocked: false,
      });
    });

    test('what was begun before the lock does not end it', async () => {
      const { secret } = await rooms.totp.start(robin);
      const offer = await rooms.passkeys.offer(robin, 'login');
      await resets.lockOut(robin.id, doer);
      await expect(rooms.totp.confirm(robin.id, codeOf(secret), doer)).rejects.toMatchObject({
        code: 'mfa.not-started',
      });
      await expect(addPasskey(new Authenticator(), offer)).rejects.toMatchObject({
        code: 'passkey.refused',
      });
      expect(await rooms.factors.standingOf(robin.id)).toMatchObject({ isLocked: true });
    });

    test('an admin takes everything: the next login enrols before anything else', async () => {
      const held = await enrolEverything();
      await resets.resetByAdmin(robin, {
        reason: 'phone in the sea',
        keepsSso: false,
        doer: admin,
      });
      expect(await rooms.factors.standingOf(robin.id)).toEqual({
        methods: [],
        isLocked: false,
        mustEnrol: true,
      });
      expect(await opensWith(held)).toEqual({
        passkey: false,
        totp: false,
        recovery: false,
        trusted: false,
      });
      expect(elsewhere).toEqual(['tokens', 'sso', 'logins']);
      expect(told.noted).toContainEqual(
        expect.objectContaining({
          event: 'admin.mfa-reset',
          actor: admin.actor,
          target: 'robin',
          reason: 'phone in the sea',
        }),
      );
      expect(told.notices).toContainEqual(
        expect.objectContaining({
          kind: 'account.reset',
          to: { kind: 'account', accountId: robin.id },
          facts: expect.objectContaining({ by: 'the admin' }),
        }),
      );
      const { secret } = await rooms.totp.start(robin);
      await rooms.totp.confirm(robin.id, codeOf(secret), doer);
      expect(await rooms.factors.standingOf(robin.id)).toMatchObject({ mustEnrol: false });
    });

    test('links to a provider stay where the admin wants it so', async () => {
      await resets.resetByAdmin(robin, { reason: 'x', keepsSso: true, doer: admin });
      expect(elsewhere).toEqual(['tokens', 'logins']);
    });

    test('a reset opens an account that was locked', async () => {
      await resets.lockOut(robin.id, doer);
      await resets.resetByAdmin(robin, {
        reason: 'x',
        keepsSso: false,
        doer: { actor: 'host' },
      });
      expect(await rooms.factors.standingOf(robin.id)).toMatchObject({
        isLocked: false,
        mustEnrol: true,
      });
    });

    test('the last admin does not reset himself from the dashboard; the host may', async () => {
      await enrolEverything();
      await addAdmin(robin.id, 'robin');
      const self: Doer = { actor: { id: robin.id, name: 'robin' } };
      await expect(
        resets.resetByAdmin(robin, { reason: 'x', keepsSso: false, doer: self }),
      ).rejects.toMatchObject({ code: 'account.last-admin' });
      expect(await rooms.factors.methodsOf(robin.id)).toContain('totp');
      await resets.resetByAdmin(robin, {
        reason: 'x',
        keepsSso: false,
        doer: { actor: 'host' },
      });
      expect(await rooms.factors.methodsOf(robin.id)).toEqual([]);
    });
  },
);
