import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { parseEnrolmentToken } from '../../shared/enrolment-token.ts';
import { enrolmentProof } from '../../shared/wire/proof.ts';
import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { Enrolment, type Redemption } from '../tunnels/enrolment.ts';
import { defaultNameLimits } from '../tunnels/limits.ts';
import { operatorId } from '../tunnels/token.ts';
import { PostgresEnrolmentStore } from './enrolment-store.ts';
import { enrolmentTokens, owners } from './schema.ts';
import { PostgresServerStore } from './server-store.ts';

const hubHost = 'hub.phlix.test';
const dayMs = 24 * 60 * 60 * 1000;
const start = new Date('2026-03-01T12:00:00.000Z');

describe.each(Object.entries(databaseKinds))('on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let now: Date;
  let enrolment: Enrolment;
  let servers: PostgresServerStore;

  beforeAll(async () => {
    opened = await openTestDatabase();
    await opened.database.queries.insert(owners).values({ id: 'stranger' });
  });
  afterAll(() => opened.close());

  beforeEach(() => {
    now = start;
    ({ enrolment, servers } = stores());
  });

  function stores(limits = defaultNameLimits) {
    const options = { limits, ownLabels: ['portal'], now: () => now };
    const store = new PostgresEnrolmentStore(opened.database, options);
    return {
      enrolment: new Enrolment({ store, hubHost, ownLabels: ['portal'], now: () => now }),
      servers: new PostgresServerStore(opened.database, options),
    };
  }

  async function enrol(request: Parameters<Enrolment['createToken']>[0] & { name?: string } = {}) {
    const { text } = await enrolment.createToken(request);
    return enrolment.redeem(redemption(text, newKey(), { name: request.name }));
  }

  describe('enrolment', () => {
    test('gives a fresh key an identity, a server and the name it asked for', async () => {
      const { text } = await enrolment.createToken();
      const key = newKey();
      const enrolled = await enrolment.redeem(redemption(text, key, { name: "Élodie's Movies!" }));
      expect(enrolled.refused).toBeUndefined();
      expect(enrolled.server).toMatchObject({
        ownerId: operatorId,
        name: "Élodie's Movies!",
        label: 'elodies-movies',
        agentId: enrolled.agentId,
        createdAt: start,
      });
      expect(await servers.findAgent(enrolled.agentId)).toEqual({
        agentId: enrolled.agentId,
        publicKey: key.raw,
        serverId: enrolled.server.id,
        isRevoked: false,
      });
    });

    test('gives a readable generated name when the asked one is taken, reserved, or none', async () => {
      await enrol({ name: 'Taken Twice' });
      expect(await enrol({ name: 'Taken Twice' })).toMatchObject({
        refused: { label: 'taken-twice', code: 'name.taken' },
        server: { name: 'Taken Twice', label: expect.stringMatching(/^[a-z]+-[a-z]+-\d{3}$/) },
      });
      expect((await enrol({ name: 'Admin' })).refused?.code).toBe('name.reserved');
      expect((await enrol({ name: 'portal' })).refused?.code).toBe('name.reserved');
      expect((await enrol({ name: '映画' })).refused?.code).toBe('name.invalid');
      expect(await enrol()).toMatchObject({
        refused: undefined,
        server: { label: expect.stringMatching(/^[a-z]+-[a-z]+-\d{3}$/) },
      });
    });

    test('leaves a server without a name if its agent asks for none', async () => {
      const { text } = await enrolment.createToken();
      const { server } = await enrolment.redeem(redemption(text, newKey(), { claim: false }));
      expect(server.label).toBeUndefined();
      expect(await servers.list()).toContainEqual(server);
    });

    test('of fifty at once with one token succeeds exactly once', async () => {
      const { text } = await enrolment.createToken();
      const outcomes = await Promise.allSettled(
        Array.from({ length: 50 }, () => enrolment.redeem(redemption(text, newKey()))),
      );
      const refusals = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(refusals).toHaveLength(49);
      expect(new Set(refusals.map(({ reason }) => (reason as { code: string }).code))).toEqual(
        new Set(['enrol.token-used']),
      );
    });

    test('gives the same key the same answer again, since its first may have been lost', async () => {
      const { text } = await enrolment.createToken();
      const key = newKey();
      const first = await enrolment.redeem(redemption(text, key, { name: 'Lost Reply' }));
      now = new Date(start.getTime() + 2 * 60 * 60 * 1000);
      const again = await enrolment.redeem(redemption(text, key, { name: 'Lost Reply' }));
      expect(again).toEqual(first);
      await expect(enrolment.redeem(redemption(text, newKey()))).rejects.toMatchObject({
        code: 'enrol.token-used',
      });
      await servers.revoke(first.server.id);
      await expect(enrolment.redeem(redemption(text, key))).rejects.toMatchObject({
        code: 'enrol.token-used',
      });
    });

    test('of fifty at once with one key is one server', async () => {
      const { text } = await enrolment.createToken();
      const key = newKey();
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => enrolment.redeem(redemption(text, key))),
      );
      expect(new Set(answers.map(({ server }) => server.id)).size).toBe(1);
    });

    test('refuses an unknown token and a wrong secret with the same words', async () => {
      const { text } = await enrolment.createToken();
      const token = parseEnrolmentToken(text);
      const wrongSecret = redemption(text, newKey(), {
        secret: randomBytes(32).toString('base64url'),
      });
      const unknown = redemption(text.replace(token.id, '00000000'), newKey());
      const [first, second] = await Promise.all(
        [wrongSecret, unknown].map((attempt) =>
          enrolment.redeem(attempt).catch((error: Error) => error),
        ),
      );
      expect(first).toMatchObject({ code: 'enrol.token-invalid' });
      expect(second).toEqual(first);
    });

    test('refuses a token past its time, and one for another network', async () => {
      const { text, expiresAt } = await enrolment.createToken({ cidr: '192.0.2.0/24' });
      expect(expiresAt).toEqual(new Date(start.getTime() + 60 * 60 * 1000));
      const from = (peerAddress: string) =>
        enrolment.redeem(redemption(text, newKey(), { peerAddress }));
      await expect(from('198.51.100.1')).rejects.toMatchObject({ code: 'enrol.wrong-network' });
      await expect(from('2001:db8::1')).rejects.toMatchObject({ code: 'enrol.wrong-network' });
      now = expiresAt;
      await expect(from('192.0.2.9')).rejects.toMatchObject({ code: 'enrol.token-expired' });
      now = new Date(expiresAt.getTime() - 1);
      await expect(from('::ffff:192.0.2.9')).resolves.toBeDefined();
    });

    test.each([
      ['of another key', { publicKey: newKey().raw }],
      ['for another nonce', { nonce: randomBytes(32) }],
      ['for another connection', { exporter: randomBytes(32) }],
      ['cut short', { signature: Buffer.alloc(63) }],
      ['of a key of small order', { publicKey: Buffer.alloc(32) }],
    ])('refuses a signature %s, and leaves the token unused', async (_what, change) => {
      const { text } = await enrolment.createToken();
      const attempt = { ...redemption(text, newKey()), ...change };
      await expect(enrolment.redeem(attempt)).rejects.toMatchObject({ code: 'enrol.proof' });
      await expect(enrolment.redeem(redemption(text, newKey()))).resolves.toBeDefined();
    });

    test('refuses a signature made for another hub', async () => {
      const { text } = await enrolment.createToken();
      const attempt = redemption(text, newKey(), { hub: 'hub.example.net' });
      await expect(enrolment.redeem(attempt)).rejects.toMatchObject({ code: 'enrol.proof' });
    });

    test('refuses a key that has a server already, and then changes nothing', async () => {
      const key = newKey();
      const first = await enrolment.createToken();
      await enrolment.redeem(redemption(first.text, key));
      const before = await servers.list();
      const second = await enrolment.createToken();
      await expect(enrolment.redeem(redemption(second.text, key))).rejects.toMatchObject({
        code: 'enrol.proof',
      });
      expect(await servers.list()).toEqual(before);
      await expect(enrolment.redeem(redemption(second.text, newKey()))).resolves.toBeDefined();
    });

    test('with a token for a server replaces its key and keeps its name', async () => {
      const former = await enrol({ name: 'New Machine' });
      const { text } = await enrolment.createToken({ serverId: former.server.id });
      const { server, agentId } = await enrolment.redeem(redemption(text, newKey()));
      expect(server).toEqual({ ...former.server, agentId });
      expect(agentId).not.toBe(former.agentId);
      expect((await servers.findAgent(former.agentId))?.isRevoked).toBe(true);
      expect((await servers.findAgent(agentId))?.isRevoked).toBe(false);
    });

    test('keeps no token that could be used from a copy of the database', async () => {
      const { text } = await enrolment.createToken();
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
      await expect(enrolment.createToken(request)).rejects.toMatchObject({ code });
    });
  });

  describe('names', () => {
    test('given up stay closed for 90 days to everybody but their last owner', async () => {
      const { server } = await enrol({ name: 'takeover' });
      await servers.rename(server.id, 'moved-on');
      const stranger = await enrol({ ownerId: 'stranger', name: 'takeover' });
      expect(stranger.refused).toEqual({ label: 'takeover', code: 'name.quarantined' });
      await expect(servers.rename(stranger.server.id, 'takeover')).rejects.toMatchObject({
        code: 'name.quarantined',
      });
      expect((await servers.rename(server.id, 'takeover')).label).toBe('takeover');
      await servers.rename(server.id, 'moved-on');
      now = new Date(start.getTime() + 90 * dayMs);
      expect((await servers.rename(stranger.server.id, 'takeover')).label).toBe('takeover');
    });

    test('are free again after a refused rename', async () => {
      const { server } = await enrol({ name: 'stays-mine' });
      await enrol({ ownerId: 'stranger', name: 'not-mine' });
      await expect(servers.rename(server.id, 'not-mine')).rejects.toMatchObject({
        code: 'name.taken',
      });
      expect(await servers.findByLabel('stays-mine')).toEqual(server);
    });

    test('claimed by two at once go to one of them', async () => {
      const claims = await Promise.all(
        Array.from({ length: 20 }, () => enrol({ name: 'one-winner' })),
      );
      expect(claims.filter(({ server }) => server.label === 'one-winner')).toHaveLength(1);
      expect(new Set(claims.map(({ server }) => server.label)).size).toBe(20);
    });

    test('can be swapped by renames at the same moment without an error of the database', async () => {
      const a = await enrol({ name: 'swap-a' });
      const b = await enrol({ ownerId: 'stranger', name: 'swap-b' });
      const outcomes = await Promise.allSettled([
        servers.rename(a.server.id, 'swap-b'),
        servers.rename(b.server.id, 'swap-a'),
      ]);
      const said = outcomes.map((outcome) =>
        outcome.status === 'rejected'
          ? (outcome.reason as { code: string }).code
          : outcome.value.label,
      );
      expect(said.join(' ')).toMatch(/^(swap-b|name\.\w+) (swap-a|name\.\w+)$/);
    });

    test('are limited per owner, also for twenty claims at once', async () => {
      await opened.database.queries.insert(owners).values({ id: 'collector' });
      ({ enrolment, servers } = stores({ ...defaultNameLimits, namesPerOwner: 3 }));
      const claims = await Promise.allSettled(
        Array.from({ length: 20 }, () => enrol({ ownerId: 'collector' })),
      );
      expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
      expect(claims.find(({ status }) => status === 'rejected')).toMatchObject({
        reason: { code: 'name.quota' },
      });
      const [first] = (await servers.list()).filter(({ ownerId }) => ownerId === 'collector');
      await expect(servers.rename(first?.id ?? '', 'within-quota')).resolves.toBeDefined();
    });

    test('change at most ten times a day', async () => {
      await opened.database.queries.insert(owners).values({ id: 'restless' });
      const { server } = await enrol({ ownerId: 'restless' });
      for (let change = 0; change < 10; change++) {
        await servers.rename(server.id, `restless-${change}`);
      }
      await expect(servers.rename(server.id, 'restless-again')).rejects.toMatchObject({
        code: 'name.changes',
      });
      now = new Date(start.getTime() + dayMs);
      await expect(servers.rename(server.id, 'restless-again')).resolves.toBeDefined();
    });

    test.each([
      ['UPPER', 'name.invalid'],
      ['xn--e1afmkfd', 'name.invalid'],
      ['hub', 'name.reserved'],
      ['portal', 'name.reserved'],
    ])('such as %s are refused', async (label, code) => {
      const { server } = await enrol();
      await expect(servers.rename(server.id, label)).rejects.toThrow(
        expect.objectContaining({ code }),
      );
    });
  });

  describe('a server', () => {
    test('that is revoked keeps neither key nor name, for ever', async () => {
      const { server, agentId } = await enrol({ name: 'revoke-me' });
      const revoked = await servers.revoke(server.id);
      expect(revoked).toMatchObject({ label: undefined, agentId: undefined, revokedAt: start });
      expect((await servers.findAgent(agentId))?.isRevoked).toBe(true);
      expect(await servers.findByLabel('revoke-me')).toBeUndefined();
      expect((await servers.list()).map(({ id }) => id)).not.toContain(server.id);
      expect(await servers.list({ includeRevoked: true })).toContainEqual(revoked);
      now = new Date(start.getTime() + 1);
      expect(await servers.revoke(server.id)).toEqual(revoked);
      await expect(servers.rename(server.id, 'back-again')).rejects.toMatchObject({
        code: 'server.unknown',
      });
      await expect(enrolment.createToken({ serverId: server.id })).rejects.toMatchObject({
        code: 'server.unknown',
      });
    });

    test('that nobody knows is no error to look for', async () => {
      expect(await servers.find('018f0000-0000-7000-8000-000000000000')).toBeUndefined();
      expect(await servers.find('not an id')).toBeUndefined();
      expect(await servers.revoke('not an id')).toBeUndefined();
      expect(await servers.findAgent('nobody')).toBeUndefined();
      expect(await servers.findByLabel('nobody')).toBeUndefined();
    });

    test('was last seen when it was seen last, in whichever order it is told', async () => {
      const { server } = await enrol();
      const late = new Date(start.getTime() + 1000);
      await servers.touch(server.id, late);
      await servers.touch(server.id, start);
      expect((await servers.find(server.id))?.lastSeenAt).toEqual(late);
    });

    test('that changes in one process is told to all', async () => {
      const another = await opened.openAnother();
      const heard = new EventEmitter();
      const stop = await new PostgresServerStore(another).watch((id) => void heard.emit('id', id));
      const nextId = () => once(heard, 'id', { signal: AbortSignal.timeout(5000) });

      const enrolled = nextId();
      const { server } = await enrol();
      expect(await enrolled).toEqual([server.id]);

      const renamed = nextId();
      await servers.rename(server.id, `heard-${server.id.slice(-8)}`);
      expect(await renamed).toEqual([server.id]);

      const revoked = nextId();
      await servers.revoke(server.id);
      expect(await revoked).toEqual([server.id]);
      await stop();
      await another.close();
    });

    test('gets a higher epoch with each link', async () => {
      const first = await servers.nextEpoch();
      const epochs = await Promise.all(Array.from({ length: 20 }, () => servers.nextEpoch()));
      expect(new Set(epochs).size).toBe(20);
      expect(epochs.every((epoch) => epoch > first)).toBe(true);
    });
  });
});

interface Key {
  readonly raw: Buffer;
  readonly secret: KeyObject;
}

function newKey(): Key {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return { raw, secret: privateKey };
}

/** What an honest agent sends, with what a test wants changed. */
function redemption(
  text: string,
  key: Key,
  change: Partial<Pick<Redemption, 'name' | 'claim' | 'peerAddress' | 'secret'>> & {
    hub?: string;
  } = {},
): Redemption {
  const { id: tokenId, secret } = parseEnrolmentToken(text);
  const [nonce, exporter] = [randomBytes(32), randomBytes(32)];
  const proof = enrolmentProof({ hubHost: change.hub ?? hubHost, tokenId, nonce, exporter });
  return {
    tokenId,
    secret: change.secret ?? secret,
    publicKey: key.raw,
    signature: sign(null, proof, key.secret),
    nonce,
    exporter,
    peerAddress: change.peerAddress ?? '192.0.2.1',
    claim: change.claim ?? true,
    name: change.name,
  };
}
