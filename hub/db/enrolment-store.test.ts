import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { parseEnrolmentToken } from '../../shared/enrolment-token.ts';
import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { TestPeople } from '../../test/support/people.ts';
import {
  addOwners,
  dayMs,
  newKey,
  redemption,
  start,
  TestStores,
} from '../../test/support/stores.ts';
import type { Account } from '../accounts/account.ts';
import { operatorId } from '../tunnels/token.ts';
import { enrolmentTokens } from './schema.ts';

describe.each(Object.entries(databaseKinds))('enrolment on %s', (_kind, openTestDatabase) => {
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

  test('gives a fresh key an identity, a server and the name it asked for', async () => {
    const { text } = await stores.enrolment.createToken();
    const key = newKey();
    const enrolled = await stores.enrolment.redeem(
      redemption(text, key, { name: "Élodie's Movies!" }),
    );
    expect(enrolled.refused).toBeUndefined();
    expect(enrolled.server).toMatchObject({
      ownerId: operatorId,
      name: "Élodie's Movies!",
      label: 'elodies-movies',
      agentId: enrolled.agentId,
      createdAt: start,
    });
    expect(await stores.servers.findAgent(enrolled.agentId)).toEqual({
      agentId: enrolled.agentId,
      publicKey: key.raw,
      serverId: enrolled.server.id,
      isRevoked: false,
      isReplaced: false,
    });
  });

  test('gives a readable generated name when the asked one is taken, reserved, or none', async () => {
    await stores.enrol({ name: 'Taken Twice' });
    expect(await stores.enrol({ name: 'Taken Twice' })).toMatchObject({
      refused: { label: 'taken-twice', code: 'name.taken' },
      server: { name: 'Taken Twice', label: expect.stringMatching(/^[a-z]+-[a-z]+-\d{3}$/) },
    });
    expect((await stores.enrol({ name: 'Admin' })).refused?.code).toBe('name.reserved');
    expect((await stores.enrol({ name: 'portal' })).refused?.code).toBe('name.reserved');
    expect((await stores.enrol({ name: '映画' })).refused?.code).toBe('name.invalid');
    expect(await stores.enrol()).toMatchObject({
      refused: undefined,
      server: { label: expect.stringMatching(/^[a-z]+-[a-z]+-\d{3}$/) },
    });
  });

  test('leaves a server without a name if its agent asks for none', async () => {
    const { text } = await stores.enrolment.createToken();
    const { server } = await stores.enrolment.redeem(redemption(text, newKey(), { claim: false }));
    expect(server.label).toBeUndefined();
    expect(await stores.servers.list()).toContainEqual(server);
  });

  test('of fifty at once with one token succeeds exactly once', async () => {
    const { text } = await stores.enrolment.createToken();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, () => stores.enrolment.redeem(redemption(text, newKey()))),
    );
    const refusals = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refusals).toHaveLength(49);
    expect(new Set(refusals.map(({ reason }) => (reason as { code: string }).code))).toEqual(
      new Set(['enrol.token-used']),
    );
  });

  test('with a token that another key has used is told of, with whose it was and from where', async () => {
    const told: string[] = [];
    stores.enrolment.onTokenReused((token, peer) => told.push(`${token.ownerId} ${peer}`));
    const { text } = await stores.enrolment.createToken();
    const key = newKey();
    await stores.enrolment.redeem(redemption(text, key));
    await stores.enrolment.redeem(redemption(text, key));
    expect(told).toEqual([]);
    const stolen = redemption(text, newKey(), { peerAddress: '192.0.2.66' });
    await expect(stores.enrolment.redeem(stolen)).rejects.toMatchObject({
      code: 'enrol.token-used',
    });
    expect(told).toEqual(['operator 192.0.2.66']);
  });

  test('gives the same key the same answer again, since its first may have been lost', async () => {
    const { text } = await stores.enrolment.createToken();
    const key = newKey();
    const first = await stores.enrolment.redeem(redemption(text, key, { name: 'Lost Reply' }));
    stores.now = new Date(start.getTime() + 2 * 60 * 60 * 1000);
    const again = await stores.enrolment.redeem(redemption(text, key, { name: 'Lost Reply' }));
    expect(again).toEqual(first);
    await expect(stores.enrolment.redeem(redemption(text, newKey()))).rejects.toMatchObject({
      code: 'enrol.token-used',
    });
    await stores.servers.revoke(first.server.id);
    await expect(stores.enrolment.redeem(redemption(text, key))).rejects.toMatchObject({
      code: 'enrol.token-used',
    });
  });

  test('of fifty at once with one key is one server', async () => {
    const { text } = await stores.enrolment.createToken();
    const key = newKey();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => stores.enrolment.redeem(redemption(text, key))),
    );
    expect(new Set(answers.map(({ server }) => server.id)).size).toBe(1);
  });

  test('refuses an unknown token and a wrong secret with the same words', async () => {
    const { text } = await stores.enrolment.createToken();
    const token = parseEnrolmentToken(text);
    const wrongSecret = redemption(text, newKey(), {
      secret: randomBytes(32).toString('base64url'),
    });
    const unknown = redemption(text.replace(token.id, '00000000'), newKey());
    const hostile = redemption(text.replace(token.id, '00000000'), newKey(), { tokenId: '0\0' });
    const [first, second, third] = await Promise.all(
      [wrongSecret, unknown, hostile].map((attempt) =>
        stores.enrolment.redeem(attempt).catch((error: Error) => error),
      ),
    );
    expect(first).toMatchObject({ code: 'enrol.token-invalid' });
    expect(second).toEqual(first);
    expect(third).toEqual(first);
  });

  test('refuses a token past its time, and one for another network', async () => {
    const { text, expiresAt } = await stores.enrolment.createToken({ cidr: '192.0.2.0/24' });
    expect(expiresAt).toEqual(new Date(start.getTime() + 60 * 60 * 1000));
    const from = (peerAddress: string) =>
      stores.enrolment.redeem(redemption(text, newKey(), { peerAddress }));
    await expect(from('198.51.100.1')).rejects.toMatchObject({ code: 'enrol.wrong-network' });
    await expect(from('2001:db8::1')).rejects.toMatchObject({ code: 'enrol.wrong-network' });
    stores.now = expiresAt;
    await expect(from('192.0.2.9')).rejects.toMatchObject({ code: 'enrol.token-expired' });
    stores.now = new Date(expiresAt.getTime() - 1);
    await expect(from('::ffff:192.0.2.9')).resolves.toBeDefined();
  });

  test.each([
    ['of another key', { publicKey: newKey().raw }],
    ['for another nonce', { nonce: randomBytes(32) }],
    ['for another connection', { exporter: randomBytes(32) }],
    ['cut short', { signature: Buffer.alloc(63) }],
    ['of a key of small order', { publicKey: Buffer.alloc(32) }],
  ])('refuses a signature %s, and leaves the token unused', async (_what, change) => {
    const { text } = await stores.enrolment.createToken();
    const attempt = { ...redemption(text, newKey()), ...change };
    await expect(stores.enrolment.redeem(attempt)).rejects.toMatchObject({ code: 'enrol.proof' });
    await expect(stores.enrolment.redeem(redemption(text, newKey()))).resolves.toBeDefined();
  });

  test('refuses a signature made for another hub', async () => {
    const { text } = await stores.enrolment.createToken();
    const attempt = redemption(text, newKey(), { hub: 'hub.example.net' });
    await expect(stores.enrolment.redeem(attempt)).rejects.toMatchObject({ code: 'enrol.proof' });
  });

  test('refuses a key that has a server already, and then changes nothing', async () => {
    const key = newKey();
    const first = await stores.enrolment.createToken();
    await stores.enrolment.redeem(redemption(first.text, key));
    const before = await stores.servers.list();
    const second = await stores.enrolment.createToken();
    await expect(stores.enrolment.redeem(redemption(second.text, key))).rejects.toMatchObject({
      code: 'enrol.proof',
    });
    expect(await stores.servers.list()).toEqual(before);
    await expect(stores.enrolment.redeem(redemption(second.text, newKey()))).resolves.toBeDefined();
  });

  test('with a token for a server replaces its key and keeps its name', async () => {
    const former = await stores.enrol({ name: 'New Machine' });
    const { text } = await stores.enrolment.createToken({ serverId: former.server.id });
    const { server, agentId } = await stores.enrolment.redeem(redemption(text, newKey()));
    expect(server).toEqual({ ...former.server, agentId });
    expect(agentId).not.toBe(former.agentId);
    expect((await stores.servers.findAgent(former.agentId))?.isRevoked).toBe(true);
    expect((await stores.servers.findAgent(agentId))?.isRevoked).toBe(false);
  });

  describe('with a token that was made before its owner', () => {
    let people: TestPeople;
    beforeAll(async () => {
      people = new TestPeople(opened.database);
      await people.add('last-admin', { role: 'admin' });
    });

    const ends: Record<string, (account: Account) => Promise<unknown>> = {
      'was suspended': (account) => people.accounts.suspend(account, 'host'),
      'was suspended and resumed': async (account) => {
        await people.accounts.suspend(account, 'host');
        await people.accounts.resume(account, 'host');
      },
      'became a member': (account) => people.accounts.changeRole(account, 'member', 'host'),
      'was removed': (account) => people.accounts.remove(account, 'host'),
    };

    test.each(Object.entries(ends))('%s makes no server', async (what, end) => {
      const account = await people.add(`o-${what.replaceAll(' ', '-')}`);
      const { text } = await stores.enrolment.createToken({ ownerId: account.ownerId });
      await end(account);
      const before = await stores.servers.list();
      await expect(stores.enrolment.redeem(redemption(text, newKey()))).rejects.toMatchObject({
        code: 'enrol.token-invalid',
      });
      expect(await stores.servers.list()).toEqual(before);
    });

    test('became an admin, or an owner, still makes one', async () => {
      const account = await people.add('promoted');
      const { text } = await stores.enrolment.createToken({ ownerId: account.ownerId });
      await people.accounts.changeRole(account, 'admin', 'host');
      await people.accounts.changeRole({ ...account, role: 'admin' }, 'owner', 'host');
      await expect(stores.enrolment.redeem(redemption(text, newKey()))).resolves.toBeDefined();
    });

    test('was an admin gives no server of another a new agent', async () => {
      const [ada, bob] = [await people.add('ada', { role: 'admin' }), await people.add('bob')];
      const { server } = await stores.enrol({ ownerId: bob.ownerId });
      const slot = { serverId: server.id, ownerId: bob.ownerId };
      const { text } = await stores.enrolment.createToken(slot);
      await people.accounts.changeRole(ada, 'owner', 'host');
      await expect(stores.enrolment.redeem(redemption(text, newKey()))).rejects.toMatchObject({
        code: 'enrol.token-invalid',
      });
      expect((await stores.servers.find(server.id))?.agentId).toBe(server.agentId);
    });
  });

  test.each(['suspended', 'member'] as const)(
    'makes no server for whoever is %s, even with a token made since',
    async (what) => {
      const people = new TestPeople(opened.database);
      const account = await people.add(`since-${what}`, {
        role: what === 'member' ? what : 'owner',
      });
      if (what === 'suspended') await people.accounts.suspend(account, 'host');
      const { text } = await stores.enrolment.createToken({ ownerId: account.ownerId });
      await expect(stores.enrolment.redeem(redemption(text, newKey()))).rejects.toMatchObject({
        code: 'enrol.token-invalid',
      });
    },
  );

  test('gives a server of somebody suspended a new agent, by a token that the host made since', async () => {
    const people = new TestPeople(opened.database);
    const account = await people.add('sleeping');
    const { server } = await stores.enrol({ ownerId: account.ownerId });
    await people.accounts.suspend(account, 'host');
    const slot = { serverId: server.id, ownerId: account.ownerId };
    const { text } = await stores.enrolment.createToken(slot);
    const again = await stores.enrolment.redeem(redemption(text, newKey()));
    expect(again.server.id).toBe(server.id);
    expect(again.agentId).not.toBe(server.agentId);
  });

  test('shows what can still be used to whom it belongs, the youngest first, until it is withdrawn', async () => {
    await addOwners(opened.database, 'lister');
    const make = async (ownerId: string, cidr?: string) => {
      stores.now = new Date(stores.now.getTime() + 1000);
      const { text } = await stores.enrolment.createToken({ ownerId, cidr });
      return { text, id: parseEnrolmentToken(text).id };
    };
    const [first, used, second] = [
      await make('lister'),
      await make('lister'),
      await make('lister'),
    ];
    const others = await make('stranger', '192.0.2.0/24');
    await stores.enrolment.redeem(redemption(used.text, newKey()));
    const idsOf = async (ownerId?: string) =>
      (await stores.enrolment.listTokens(ownerId)).map(({ id }) => id);
    expect(await idsOf('lister')).toEqual([second.id, first.id]);
    expect((await idsOf()).slice(0, 3)).toEqual([others.id, second.id, first.id]);
    expect(await stores.enrolment.listTokens('stranger')).toContainEqual(
      expect.objectContaining({ id: others.id, cidr: '192.0.2.0/24', serverId: undefined }),
    );

    expect(await stores.enrolment.withdrawToken(others.id, 'lister')).toBeUndefined();
    expect(await stores.enrolment.withdrawToken(used.id)).toBeUndefined();
    expect(await stores.enrolment.withdrawToken(first.id, 'lister')).toMatchObject({
      id: first.id,
    });
    expect(await idsOf('lister')).toEqual([second.id]);
    await expect(stores.enrolment.redeem(redemption(first.text, newKey()))).rejects.toMatchObject({
      code: 'enrol.token-invalid',
    });
    stores.now = new Date(stores.now.getTime() + 60 * 60 * 1000);
    expect(await idsOf()).toEqual([]);
  });

  test('shows no token for a server that was revoked since', async () => {
    const { server } = await stores.enrol();
    const { text } = await stores.enrolment.createToken({ serverId: server.id });
    const { id } = parseEnrolmentToken(text);
    const isListed = async () =>
      (await stores.enrolment.listTokens()).some((token) => token.id === id);
    expect(await isListed()).toBe(true);
    await stores.servers.revoke(server.id);
    expect(await isListed()).toBe(false);
  });

  test('keeps no token that could be used from a copy of the database', async () => {
    const { text } = await stores.enrolment.createToken();
    const { id, secret } = parseEnrolmentToken(text);
    const rows = await opened.database.queries.select().from(enrolmentTokens);
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(rows.find((row) => row.id === id)?.secretHash).toEqual(
      createHash('sha256').update(secret).digest(),
    );
  });

  test.each([
    [{ ttlMs: 59_999 }, 'enrol.token-options'],
    [{ ttlMs: 7 * dayMs + 1 }, 'enrol.token-options'],
    [{ ttlMs: Number.NaN }, 'enrol.token-options'],
    [{ cidr: '300.0.0.0/8' }, 'enrol.token-options'],
    [{ label: 'www-mine' }, 'name.reserved'],
    [{ label: 'A' }, 'name.invalid'],
    [{ serverId: '018f0000-0000-7000-8000-000000000000' }, 'server.unknown'],
    [{ serverId: "'; DROP TABLE servers" }, 'server.unknown'],
  ])('makes no token with %j', async (request, code) => {
    await expect(stores.enrolment.createToken(request)).rejects.toMatchObject({ code });
  });
});
