import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { EventEmitter, once } from 'node:events';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import {
  certificateStoreKinds,
  type OpenCertificateStore,
} from '../../test/support/certificate-stores.ts';
import { dayMs, start } from '../../test/support/stores.ts';
import type {
  CertificateStore,
  CertificateWish,
  IssuedCertificate,
  ManagedCertificate,
} from '../certificates/life/certificate.ts';

const authority = 'https://ca.test/dir';

function wishFor(name: string, change: Partial<CertificateWish> = {}): CertificateWish {
  return {
    names: [name],
    keyKind: 'ecdsa',
    authority,
    challenge: 'http-01',
    profile: undefined,
    serverId: undefined,
    ...change,
  };
}

function issuedNow(): IssuedCertificate {
  return {
    chain: '-----BEGIN CERTIFICATE-----',
    sealedKey: randomBytes(48),
    authority,
    ariId: 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE',
    notBefore: start,
    notAfter: new Date(start.getTime() + 45 * dayMs),
  };
}

const drawn = {
  window: { start, end: new Date(start.getTime() + dayMs) },
  selectedAt: new Date(start.getTime() + 1000),
  askAgainAt: new Date(start.getTime() + 6000),
};

const failed = {
  failures: 2,
  nextTryAt: new Date(start.getTime() + 600_000),
  lastError: { code: 'acme.rate-limited', message: 'Too many orders.', at: start },
};

const later = new Date(start.getTime() + 1000);

/** Long enough for no test to see its end. */
const longMs = 600_000;

describe.each(Object.entries(certificateStoreKinds))('certificates in %s', (_kind, openStore) => {
  let opened: OpenCertificateStore;
  let store: CertificateStore;
  /** As another process of the hub has it. */
  let another: CertificateStore;

  beforeAll(async () => {
    opened = await openStore();
    ({ store, another } = opened);
  });
  afterAll(() => opened.close());
  beforeEach(() => opened.clear());

  /** The only one there is. */
  async function only(): Promise<ManagedCertificate> {
    const [certificate, ...others] = await store.list();
    expect(others).toEqual([]);
    if (certificate === undefined) throw new Error('no certificate is stored');
    return certificate;
  }

  async function begun(wish: CertificateWish = wishFor('hub.test')): Promise<string> {
    await store.reconcile([wish], start);
    return (await only()).id;
  }

  async function leased(id: string) {
    const lease = await store.takeLease(id, longMs);
    if (lease === undefined) throw new Error('another holds the lease');
    return lease;
  }

  describe('that are wished for', () => {
    test('are there with nothing issued yet, and once each', async () => {
      const wish = wishFor('hub.test', { names: ['*.tv.test', 'tv.test'], profile: 'tlsserver' });
      await store.reconcile([wish, { ...wish }], start);
      await store.reconcile([wish], new Date(start.getTime() + 1));
      expect(await only()).toEqual({
        ...wish,
        id: expect.any(String),
        createdAt: start,
        issued: undefined,
        renewal: { window: undefined, selectedAt: undefined, askAgainAt: undefined },
        attempts: { failures: 0, nextTryAt: undefined, lastError: undefined },
        releasedAt: undefined,
      });
      expect(await store.find((await only()).id)).toEqual(await only());
    });

    test('are others for another kind of key, authority or set of names', async () => {
      const wishes = [
        wishFor('hub.test'),
        wishFor('hub.test', { keyKind: 'rsa' }),
        wishFor('hub.test', { authority: 'https://other.test/dir' }),
        wishFor('hub.test', { names: ['hub.test', 'tv.test'] }),
      ];
      await store.reconcile(wishes, start);
      const found = await store.list();
      expect(found).toHaveLength(4);
      for (const wish of wishes) expect(found).toContainEqual(expect.objectContaining(wish));
    });

    test('may be proven in another way, or follow another profile, and stay the same', async () => {
      const id = await begun();
      const wish = wishFor('hub.test', { challenge: 'dns-01', profile: 'shortlived' });
      await store.reconcile([wish], start);
      expect(await only()).toMatchObject({ ...wish, id });
    });

    test('by two processes at once are there once each', async () => {
      const names = Array.from({ length: 50 }, (_, number) => `name-${number}.test`);
      const wishes = names.map((name) => wishFor(name));
      const stores = [store, another, store, another];
      await Promise.all(stores.map((each) => each.reconcile(wishes, start)));
      const found = (await store.list()).map((certificate) => String(certificate.names));
      expect(found.toSorted()).toEqual(names.toSorted());
    });

    test('may be ten thousand, with a hundred names each', async () => {
      const wishes = Array.from({ length: 10_000 }, (_, number) => wishFor(`name-${number}.test`));
      const label = 'a'.repeat(60);
      const names = Array.from({ length: 100 }, (_, number) => `${number}.${label}.${label}.test`);
      wishes.push(wishFor('', { names }));
      await store.reconcile(wishes, start);
      await store.reconcile(wishes.toReversed(), start);
      expect((await store.versions()).size).toBe(10_001);
    });
  });

  describe('that nobody wishes for any more', () => {
    test('are released, and go on if they are wished for again', async () => {
      const id = await begun();
      const lease = await leased(id);
      await store.saveIssued(lease, issuedNow(), drawn);
      await store.dropLease(lease);
      await store.reconcile([], later);
      expect(await only()).toMatchObject({ id, releasedAt: later });
      await store.reconcile([], new Date(later.getTime() + 1));
      expect((await only()).releasedAt).toEqual(later);
      await store.reconcile([wishFor('hub.test')], later);
      expect(await only()).toMatchObject({ id, releasedAt: undefined, renewal: drawn });
    });

    test('do not come back once somebody has begun to retire them, also if he died then', async () => {
      const id = await begun();
      await store.reconcile([], start);
      const lease = await leased(id);
      expect(await store.beginRetiring(lease)).toBe(true);
      await store.reconcile([wishFor('hub.test')], later);
      const [former, next] = await store.list();
      expect(former).toMatchObject({ id, releasedAt: start });
      expect(next).toMatchObject({ issued: undefined, releasedAt: undefined });
    });

    test('go on under the hands of whoever was at work on them', async () => {
      const id = await begun();
      const lease = await leased(id);
      await store.reconcile([], start);
      await store.reconcile([wishFor('hub.test')], later);
      expect(await store.saveIssued(lease, issuedNow(), drawn)).toBe(true);
      expect(await only()).toMatchObject({ id, releasedAt: undefined, issued: { authority } });
    });

    test('are retired by the lease’s holder alone, and not once they are wished for again', async () => {
      const id = await begun();
      const lease = await leased(id);
      expect(await store.beginRetiring(lease)).toBe(false);
      await store.reconcile([], start);
      expect(await store.beginRetiring({ ...lease, fence: lease.fence - 1 })).toBe(false);
      await store.reconcile([wishFor('hub.test')], start);
      expect(await store.beginRetiring(lease)).toBe(false);
    });

    test('are either retired or wished for again, never both, when it happens at once', async () => {
      for (let round = 0; round < 10; round++) {
        await opened.clear();
        const id = await begun();
        await store.reconcile([], start);
        const lease = await leased(id);
        const [isRetiring] = await Promise.all([
          another.beginRetiring(lease),
          store.reconcile([wishFor('hub.test')], later),
        ]);
        const living = (await store.list()).filter(({ releasedAt }) => releasedAt === undefined);
        expect(living.map((certificate) => certificate.id === id)).toEqual([!isRetiring]);
      }
    });

    test('are gone with their keys once they are removed', async () => {
      const id = await begun();
      const lease = await leased(id);
      await store.reconcile([], start);
      expect(await store.remove(lease)).toBe(true);
      expect(await store.find(id)).toBeUndefined();
      expect(await store.remove(lease)).toBe(false);
      expect(await store.extendLease(lease, longMs)).toBe(false);
    });
  });

  describe('of a name', () => {
    const name = 'movies.tv.test';

    test('that goes to another server of its owner go with it', async () => {
      const former = await opened.enrol('operator');
      const id = await begun(wishFor(name, { serverId: former }));
      const serverId = await opened.enrol('operator');
      await store.reconcile([wishFor(name, { serverId })], start);
      expect(await only()).toMatchObject({ id, serverId, releasedAt: undefined });
    });

    test('that goes to another owner stay behind with their keys', async () => {
      const former = await opened.enrol('operator');
      const id = await begun(wishFor(name, { serverId: former }));
      await store.saveIssued(await leased(id), issuedNow(), drawn);
      const serverId = await opened.enrol('stranger');
      await store.reconcile([wishFor(name, { serverId })], later);
      const [left, next] = await store.list();
      expect(left).toMatchObject({ id, serverId: former, releasedAt: later });
      expect(next).toMatchObject({ serverId, issued: undefined, releasedAt: undefined });
    });

    test('stay behind also when the server itself goes to another owner', async () => {
      const serverId = await opened.enrol('operator');
      const id = await begun(wishFor(name, { serverId }));
      await opened.handOver(serverId, 'stranger');
      await store.reconcile([wishFor(name, { serverId })], later);
      const [left, next] = await store.list();
      expect(left).toMatchObject({ id, releasedAt: later });
      expect(next).toMatchObject({ serverId, releasedAt: undefined });
    });

    test('do not come back to another owner either', async () => {
      const id = await begun(wishFor(name, { serverId: await opened.enrol('operator') }));
      await store.reconcile([], start);
      await store.reconcile([wishFor(name, { serverId: await opened.enrol('stranger') })], later);
      expect((await store.list()).map((found) => [found.id === id, found.releasedAt])).toEqual([
        [true, start],
        [false, undefined],
      ]);
    });
  });

  describe('a lease', () => {
    test('is taken by one of two processes', async () => {
      const id = await begun();
      const takers = Array.from({ length: 20 }, (_, number) => (number % 2 ? store : another));
      const taken = await Promise.all(takers.map((taker) => taker.takeLease(id, longMs)));
      expect(taken.filter((lease) => lease !== undefined)).toHaveLength(1);
    });

    test('is free again when it was given back', async () => {
      const id = await begun();
      const first = await leased(id);
      await store.dropLease(first);
      const second = await leased(id);
      expect(second.fence).toBeGreaterThan(first.fence);
      await store.dropLease(first);
      expect(await another.takeLease(id, longMs)).toBeUndefined();
    });

    test('whose holder went silent goes to another, and what the holder still writes is refused', async () => {
      const id = await begun();
      const lost = (await store.takeLease(id, 1)) ?? { certificateId: id, fence: 0 };
      const lease = await expect
        .poll(() => another.takeLease(id, longMs))
        .toBeDefined()
        .then(() => ({ certificateId: id, fence: lost.fence + 1 }));
      const before = await only();
      expect(await store.extendLease(lost, longMs)).toBe(false);
      expect(await store.saveIssued(lost, issuedNow(), drawn)).toBe(false);
      expect(await store.saveAttempts(lost, failed)).toBe(false);
      expect(await store.saveRenewal(lost, drawn)).toBe(false);
      expect(await store.remove(lost)).toBe(false);
      await store.dropLease(lost);
      expect(await only()).toEqual(before);
      expect(await another.saveRenewal(lease, drawn)).toBe(true);
    });

    test('that is over is kept by whoever comes back before another took it', async () => {
      const id = await begun();
      const lease = (await store.takeLease(id, 1)) ?? { certificateId: id, fence: 0 };
      expect(await store.saveIssued(lease, issuedNow(), drawn)).toBe(true);
      expect(await store.extendLease(lease, longMs)).toBe(true);
      expect(await another.takeLease(id, longMs)).toBeUndefined();
    });

    test('of what nobody knows is nobody’s', async () => {
      expect(await store.takeLease(randomUUIDv7(), longMs)).toBeUndefined();
      expect(await store.takeLease('not an id', longMs)).toBeUndefined();
      expect(await store.find('not an id')).toBeUndefined();
      await store.hasten('not an id');
    });
  });

  describe('what was achieved', () => {
    test('is kept as it was said, and success forgets the failures', async () => {
      const id = await begun();
      const lease = await leased(id);
      await store.saveAttempts(lease, failed);
      expect((await only()).attempts).toEqual(failed);
      const issued = issuedNow();
      await store.saveIssued(lease, issued, drawn);
      expect(await only()).toMatchObject({
        issued,
        renewal: drawn,
        attempts: { failures: 0, nextTryAt: undefined, lastError: undefined },
      });
      const undrawn = { window: undefined, selectedAt: undefined, askAgainAt: start };
      await store.saveRenewal(lease, undrawn);
      expect(await only()).toMatchObject({ issued, renewal: undrawn });
    });

    test('that was hastened stays due, whatever window is told meanwhile, until the next one', async () => {
      const id = await begun();
      const lease = await leased(id);
      await store.saveIssued(lease, issuedNow(), drawn);
      await another.hasten(id);
      const { renewal } = await only();
      expect(renewal.selectedAt).not.toEqual(drawn.selectedAt);
      await store.saveRenewal(lease, drawn);
      expect((await only()).renewal).toEqual({ ...drawn, selectedAt: renewal.selectedAt });
      await store.saveIssued(lease, issuedNow(), drawn);
      expect((await only()).renewal).toEqual(drawn);
    });

    test('is due at once when it is hastened', async () => {
      const id = await begun();
      await store.saveAttempts(await leased(id), failed);
      await store.hasten(id);
      const { renewal, attempts } = await only();
      expect(renewal.selectedAt?.getTime()).toBeLessThanOrEqual(Date.now());
      expect(attempts).toEqual({ ...failed, nextTryAt: undefined });
    });
  });

  describe('a change', () => {
    test('is told to all processes, each with its id, and gives it another version', async () => {
      const heard = new EventEmitter();
      const stop = await another.watch((id) => void heard.emit('id', id));
      let version: string | undefined;
      const tells = async (change: () => Promise<unknown>) => {
        const told = once(heard, 'id', { signal: AbortSignal.timeout(5000) });
        await change();
        const [id] = await told;
        const next = (await another.versions()).get(id);
        expect(next).not.toBe(version);
        version = next;
        return id;
      };
      const id = await tells(() => store.reconcile([wishFor('hub.test')], start));
      expect(id).toBe((await only()).id);
      const lease = await leased(id);
      expect(await tells(() => store.saveIssued(lease, issuedNow(), drawn))).toBe(id);
      expect(await tells(() => store.saveAttempts(lease, failed))).toBe(id);
      expect(await tells(() => store.saveRenewal(lease, drawn))).toBe(id);
      expect(await tells(() => store.hasten(id))).toBe(id);
      expect(await tells(() => store.reconcile([], start))).toBe(id);
      expect(await tells(() => store.remove(lease))).toBe(id);
      await stop();
    });
  });
});
