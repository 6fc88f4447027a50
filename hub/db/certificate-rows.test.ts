import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { EventEmitter, once } from 'node:events';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { start } from '../../test/support/stores.ts';
import type { CertificateWish } from '../certificates/life/certificate.ts';
import { PostgresCertificateStore } from './certificate-store.ts';
import type { Database } from './connect.ts';
import { sql } from './drizzle.ts';
import { certificates, probes } from './schema.ts';

function wishFor(name: string): CertificateWish {
  return {
    names: [name],
    keyKind: 'ecdsa',
    authority: 'https://ca.test/dir',
    challenge: 'http-01',
    profile: undefined,
    serverId: undefined,
  };
}

describe.each(Object.entries(databaseKinds))('rows of certificates on %s', (_kind, open) => {
  let opened: TestDatabase;
  let store: PostgresCertificateStore;
  /** As another process of the hub has it. */
  let anothersDatabase: Database;
  let another: PostgresCertificateStore;

  beforeAll(async () => {
    opened = await open();
    anothersDatabase = await opened.openAnother();
    store = new PostgresCertificateStore(opened.database);
    another = new PostgresCertificateStore(anothersDatabase);
  });
  afterAll(async () => {
    await anothersDatabase.close();
    await opened.close();
  });
  beforeEach(async () => {
    await opened.database.queries.delete(certificates);
  });

  test('keep the time of the next attempt whatever bytes an authority answers with, and not all of them', async () => {
    await store.reconcile([wishFor('hub.test')], start);
    const [{ id } = { id: '' }] = await store.list();
    const lease = (await store.takeLease(id, 60_000)) ?? { certificateId: id, fence: 0 };
    const message = `no\0such\ud800 ${'<p>'.repeat(100_000)}`;
    const lastError = { code: 'acme.refused', message, at: start };
    const nextTryAt = new Date(start.getTime() + 600_000);
    expect(await store.saveAttempts(lease, { failures: 1, nextTryAt, lastError })).toBe(true);
    const attempts = (await store.find(id))?.attempts;
    expect(attempts?.nextTryAt).toEqual(nextTryAt);
    expect(attempts?.lastError?.message).toMatch(/^no such. <p>/);
    expect(attempts?.lastError?.message.length).toBeLessThan(5000);
  });

  test('of which very many changed are told as "anything may have changed"', async () => {
    const heard = new EventEmitter();
    const stop = await another.watch((id) => void heard.emit('id', id));
    const told = once(heard, 'id', { signal: AbortSignal.timeout(5000) });
    const wishes = Array.from({ length: 200 }, (_, number) => wishFor(`name-${number}.test`));
    await store.reconcile(wishes, start);
    expect(await told).toEqual([undefined]);
    await stop();
  });

  test('that changed while a connection was cut are told of when it is back', async () => {
    const heard = new EventEmitter();
    const stop = await another.watch((id) => void heard.emit('id', id));
    const told = once(heard, 'id', { signal: AbortSignal.timeout(10_000) });
    await opened.database.queries.execute(sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()`);
    await store.reconcile([wishFor('hub.test')], start);
    const [id] = await told;
    const [certificate] = await another.list();
    expect([undefined, certificate?.id]).toContain(id);
    expect(certificate?.names).toEqual(['hub.test']);
    await stop();
  });

  test('are probed without leaving anything behind, also not what others left', async () => {
    const left = { id: randomUUIDv7(), bytes: randomBytes(32), at: start };
    await opened.database.queries.insert(probes).values(left);
    await Promise.all([store.probe(), another.probe()]);
    expect(await opened.database.queries.select().from(probes)).toEqual([]);
  });
});
