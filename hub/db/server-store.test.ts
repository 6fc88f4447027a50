import { EventEmitter, once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { addOwners, dayMs, start, TestStores } from '../../test/support/stores.ts';
import { defaultNameLimits } from '../tunnels/limits.ts';
import { defaultSwitches } from '../tunnels/server.ts';
import { PostgresServerStore } from './server-store.ts';

describe.each(Object.entries(databaseKinds))('servers on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let stores: TestStores;

  beforeAll(async () => {
    opened = await openTestDatabase();
    await addOwners(opened.database, 'stranger');
  });
  afterAll(() => opened.close());
  beforeEach(() => {
    stores = new TestStores(opened.database);
  });

  describe('names', () => {
    test('given up stay closed for 90 days to everybody but their last owner', async () => {
      const { server } = await stores.enrol({ name: 'takeover' });
      await stores.servers.rename(server.id, 'moved-on');
      const stranger = await stores.enrol({ ownerId: 'stranger', name: 'takeover' });
      expect(stranger.refused).toEqual({ label: 'takeover', code: 'name.quarantined' });
      await expect(stores.servers.rename(stranger.server.id, 'takeover')).rejects.toMatchObject({
        code: 'name.quarantined',
      });
      expect((await stores.servers.rename(server.id, 'takeover')).label).toBe('takeover');
      await stores.servers.rename(server.id, 'moved-on');
      stores.now = new Date(start.getTime() + 90 * dayMs);
      expect((await stores.servers.rename(stranger.server.id, 'takeover')).label).toBe('takeover');
    });

    test('that came from another owner say since when, until the owner changes again', async () => {
      const { server: first } = await stores.enrol({ name: 'handed-on' });
      expect(first.newOwnerSince).toBeUndefined();
      await stores.servers.revoke(first.id);
      const since = new Date(start.getTime() + 90 * dayMs);
      stores.now = since;
      const { server: taken } = await stores.enrol({ ownerId: 'stranger', name: 'handed-on' });
      expect(taken).toMatchObject({ label: 'handed-on', newOwnerSince: since });
      expect(await stores.servers.findByLabel('handed-on')).toEqual(taken);

      stores.now = new Date(since.getTime() + dayMs);
      const elsewhere = await stores.servers.rename(taken.id, 'elsewhere');
      expect(elsewhere.newOwnerSince).toBeUndefined();
      expect((await stores.servers.rename(taken.id, 'handed-on')).newOwnerSince).toEqual(since);

      await stores.servers.revoke(taken.id);
      const again = new Date(since.getTime() + 91 * dayMs);
      stores.now = again;
      const { server: back } = await stores.enrol({ name: 'handed-on' });
      expect(back.newOwnerSince).toEqual(again);
    });

    test('that go from one server of an owner to another have no new owner', async () => {
      const { server: former } = await stores.enrol({ name: 'same-house' });
      await stores.servers.rename(former.id, 'old-house');
      expect((await stores.servers.rename(former.id, 'same-house')).newOwnerSince).toBeUndefined();
      await stores.servers.revoke(former.id);
      const { server } = await stores.enrol({ name: 'same-house' });
      expect(server).toMatchObject({ label: 'same-house', newOwnerSince: undefined });
    });

    test('are free again after a refused rename', async () => {
      const { server } = await stores.enrol({ name: 'stays-mine' });
      await stores.enrol({ ownerId: 'stranger', name: 'not-mine' });
      await expect(stores.servers.rename(server.id, 'not-mine')).rejects.toMatchObject({
        code: 'name.taken',
      });
      expect(await stores.servers.findByLabel('stays-mine')).toEqual(server);
    });

    test('claimed by two at once go to one of them', async () => {
      const claims = await Promise.all(
        Array.from({ length: 20 }, () => stores.enrol({ name: 'one-winner' })),
      );
      expect(claims.filter(({ server }) => server.label === 'one-winner')).toHaveLength(1);
      expect(new Set(claims.map(({ server }) => server.label)).size).toBe(20);
    });

    test('can be swapped by renames at the same moment without an error of the database', async () => {
      const a = await stores.enrol({ name: 'swap-a' });
      const b = await stores.enrol({ ownerId: 'stranger', name: 'swap-b' });
      const outcomes = await Promise.allSettled([
        stores.servers.rename(a.server.id, 'swap-b'),
        stores.servers.rename(b.server.id, 'swap-a'),
      ]);
      const said = outcomes.map((outcome) =>
        outcome.status === 'rejected'
          ? (outcome.reason as { code: string }).code
          : outcome.value.label,
      );
      expect(said.join(' ')).toMatch(/^(swap-b|name\.\w+) (swap-a|name\.\w+)$/);
    });

    test('are limited per owner, also for twenty claims at once', async () => {
      await addOwners(opened.database, 'collector');
      stores = new TestStores(opened.database, { ...defaultNameLimits, namesPerOwner: 3 });
      const claims = await Promise.allSettled(
        Array.from({ length: 20 }, () => stores.enrol({ ownerId: 'collector' })),
      );
      expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
      expect(claims.find(({ status }) => status === 'rejected')).toMatchObject({
        reason: { code: 'name.quota' },
      });
      const [first] = (await stores.servers.list()).filter(
        ({ ownerId }) => ownerId === 'collector',
      );
      await expect(stores.servers.rename(first?.id ?? '', 'within-quota')).resolves.toBeDefined();
    });

    test('change at most ten times a day', async () => {
      await addOwners(opened.database, 'restless');
      const { server } = await stores.enrol({ ownerId: 'restless' });
      for (let change = 0; change < 10; change++) {
        await stores.servers.rename(server.id, `restless-${change}`);
      }
      await expect(stores.servers.rename(server.id, 'restless-again')).rejects.toMatchObject({
        code: 'name.changes',
      });
      stores.now = new Date(start.getTime() + dayMs);
      await expect(stores.servers.rename(server.id, 'restless-again')).resolves.toBeDefined();
    });

    test.each([
      ['UPPER', 'name.invalid'],
      ['xn--e1afmkfd', 'name.invalid'],
      ['hub', 'name.reserved'],
      ['portal', 'name.reserved'],
    ])('such as %s are refused', async (label, code) => {
      const { server } = await stores.enrol();
      await expect(stores.servers.rename(server.id, label)).rejects.toThrow(
        expect.objectContaining({ code }),
      );
    });
  });

  describe('a server', () => {
    test('that is revoked keeps neither key nor name, for ever', async () => {
      const { server, agentId } = await stores.enrol({ name: 'revoke-me' });
      const revoked = await stores.servers.revoke(server.id);
      expect(revoked).toMatchObject({ label: undefined, agentId: undefined, revokedAt: start });
      expect((await stores.servers.findAgent(agentId))?.isRevoked).toBe(true);
      expect(await stores.servers.findByLabel('revoke-me')).toBeUndefined();
      expect((await stores.servers.list()).map(({ id }) => id)).not.toContain(server.id);
      expect(await stores.servers.list({ includeRevoked: true })).toContainEqual(revoked);
      stores.now = new Date(start.getTime() + 1);
      expect(await stores.servers.revoke(server.id)).toEqual(revoked);
      await expect(stores.servers.rename(server.id, 'back-again')).rejects.toMatchObject({
        code: 'server.unknown',
      });
      await expect(stores.enrolment.createToken({ serverId: server.id })).rejects.toMatchObject({
        code: 'server.unknown',
      });
    });

    test('that nobody knows is no error to look for', async () => {
      expect(await stores.servers.find('018f0000-0000-7000-8000-000000000000')).toBeUndefined();
      expect(await stores.servers.find('not an id')).toBeUndefined();
      expect(await stores.servers.revoke('not an id')).toBeUndefined();
      expect(await stores.servers.findAgent('nobody')).toBeUndefined();
      expect(await stores.servers.findAgent('\0'.repeat(43))).toBeUndefined();
      expect(await stores.servers.findByLabel('nobody')).toBeUndefined();
    });

    test('was last seen when it was seen last, in whichever order it is told', async () => {
      const { server } = await stores.enrol();
      const late = new Date(start.getTime() + 1000);
      await stores.servers.touch(server.id, late);
      await stores.servers.touch(server.id, start);
      expect((await stores.servers.find(server.id))?.lastSeenAt).toEqual(late);
    });

    test('that changes in one process is told to all', async () => {
      const another = await opened.openAnother();
      const heard = new EventEmitter();
      const stop = await new PostgresServerStore(another).watch((id) => void heard.emit('id', id));
      const nextId = () => once(heard, 'id', { signal: AbortSignal.timeout(5000) });

      const enrolled = nextId();
      const { server } = await stores.enrol();
      expect(await enrolled).toEqual([server.id]);

      const renamed = nextId();
      await stores.servers.rename(server.id, `heard-${server.id.slice(-8)}`);
      expect(await renamed).toEqual([server.id]);

      const switched = nextId();
      await stores.servers.changeSwitches(server.id, { http2: false });
      expect(await switched).toEqual([server.id]);

      const revoked = nextId();
      await stores.servers.revoke(server.id);
      expect(await revoked).toEqual([server.id]);
      await stop();
      await another.close();
    });

    test('begins with switches that suit everybody, and keeps those that its owner chose', async () => {
      const { server } = await stores.enrol();
      expect(server.switches).toEqual(defaultSwitches);
      const chosen = {
        http2: false,
        minTls: '1.3',
        certificateKey: 'rsa',
        authority: 'second',
        product: 'jellyfin',
      } as const;
      await stores.servers.changeSwitches(server.id, { ...chosen, lift: ['jellyfin.restart'] });
      const changed = await stores.servers.find(server.id);
      expect(changed).toEqual({ ...server, switches: { ...chosen, lifted: ['jellyfin.restart'] } });
      await stores.servers.changeSwitches(server.id, { product: undefined });
      expect((await stores.servers.find(server.id))?.switches).toMatchObject({
        ...chosen,
        product: undefined,
      });
    });

    test('whose switches are changed by many at once has every change', async () => {
      const { server } = await stores.enrol();
      const names = Array.from({ length: 20 }, (_, number) => `entry.${number}`);
      await Promise.all(
        names.map((name) => stores.servers.changeSwitches(server.id, { lift: [name, name] })),
      );
      const lifted = (await stores.servers.find(server.id))?.switches.lifted;
      expect(lifted).toEqual(names.toSorted());
      const unlift = names.slice(1);
      expect((await stores.servers.changeSwitches(server.id, { unlift })).switches.lifted).toEqual([
        'entry.0',
      ]);
    });

    test('that is gone has no switches to change', async () => {
      const { server } = await stores.enrol();
      await stores.servers.revoke(server.id);
      for (const id of [server.id, 'not an id']) {
        await expect(stores.servers.changeSwitches(id, { http2: false })).rejects.toMatchObject({
          code: 'server.unknown',
        });
      }
    });

    test('gets a higher epoch with each link', async () => {
      const first = await stores.servers.nextEpoch();
      const epochs = await Promise.all(
        Array.from({ length: 20 }, () => stores.servers.nextEpoch()),
      );
      expect(new Set(epochs).size).toBe(20);
      expect(epochs.every((epoch) => epoch > first)).toBe(true);
    });
  });
});
