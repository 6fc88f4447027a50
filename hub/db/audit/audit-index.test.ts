import { randomUUIDv7 } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { allOf } from '../../audit/audit-index.ts';
import type { ChainRecord } from '../../audit/chain.ts';
import { auditEntries } from '../audit-tables.ts';
import { PostgresAuditIndex } from './audit-index.ts';

const start = new Date('2026-11-22T10:00:00.123Z');

describe.each(Object.entries(databaseKinds))('the audit log on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let index: PostgresAuditIndex;
  const chain = randomUUIDv7();

  beforeAll(async () => {
    opened = await openTestDatabase();
    index = new PostgresAuditIndex(opened.database);
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await opened.database.queries.delete(auditEntries);
  });

  function record(seq: number, change: Partial<ChainRecord> = {}): ChainRecord {
    return {
      chain,
      seq,
      at: new Date(start.getTime() + seq),
      event: 'login.failed',
      actorId: undefined,
      actorName: undefined,
      address: '203.0.113.7',
      target: 'ann',
      server: undefined,
      result: 'denied',
      method: 'password',
      reason: undefined,
      requestId: 'r1',
      hash: String(seq).padStart(64, '0'),
      ...change,
    };
  }

  test('is found as it was written, youngest first, and once however often it is put in', async () => {
    const records = [record(1), record(2, { actorId: 'a1', actorName: 'ann', server: 's1' })];
    await index.insert(records);
    await index.insert([...records, record(3, { target: 'a\0b"\n{},NULL' })]);
    const { items, nextCursor } = await index.find({ limit: 10 });
    expect(items).toEqual([record(3, { target: 'a\uFFFDb"\n{},NULL' }), ...records.toReversed()]);
    expect(nextCursor).toBeUndefined();
  });

  test('is found by kind, area, person, server, address, target, result and time', async () => {
    await index.insert([
      record(1),
      record(2, { event: 'login.ok', result: 'ok', actorId: 'a1', actorName: 'ann' }),
      record(3, { event: 'ban.added', result: 'ok', actorName: 'host', target: '1.2.3.4/32' }),
      // Called so before nobody could be.
      record(5, { event: 'token.revoked', actorId: 'h1', actorName: 'host', address: undefined }),
      record(4, { event: 'server.renamed', server: 's1', address: undefined }),
    ]);
    const seqs = async (query: object): Promise<number[]> =>
      (await index.find({ ...query, limit: 10 })).items.map(({ seq }) => seq);
    expect(await seqs({ events: ['login.failed'] })).toEqual([1]);
    expect(await seqs({ events: ['login.'] })).toEqual([2, 1]);
    expect(await seqs({ events: ['login.ok', 'ban.'] })).toEqual([3, 2]);
    expect(await seqs({ actor: 'a1' })).toEqual([2]);
    expect(await seqs({ actor: 'ann' })).toEqual([2]);
    expect(await seqs({ actor: 'host' })).toEqual([3]);
    expect(await seqs({ actor: 'h1' })).toEqual([5]);
    expect(await seqs({ server: 's1' })).toEqual([4]);
    expect(await seqs({ address: '203.0.113.7', result: 'ok' })).toEqual([3, 2]);
    expect(await seqs({ target: '1.2.3.4/32' })).toEqual([3]);
    const [from, until] = [new Date(start.getTime() + 2), new Date(start.getTime() + 4)];
    expect(await seqs({ from, until })).toEqual([3, 2]);
  });

  test('is read page by page, also of one millisecond, without one twice or none', async () => {
    const records = Array.from({ length: 25 }, (_, at) => record(at + 1, { at: start }));
    await index.insert(records);
    const pages: number[][] = [];
    let cursor: string | undefined;
    do {
      const page = await index.find({ limit: 10, cursor });
      pages.push(page.items.map(({ seq }) => seq));
      cursor = page.nextCursor;
      await index.insert([record(100 + pages.length)]);
    } while (cursor !== undefined);
    expect(pages.map(({ length }) => length)).toEqual([10, 10, 5]);
    expect(pages.flat()).toEqual(records.map(({ seq }) => seq).toReversed());
    const all = [];
    for await (const each of allOf(index, {}, 20)) all.push(each);
    expect(all).toHaveLength(20);
  });

  test.each([
    'x',
    '',
    'MSAyIDM',
    "1' OR 1=1",
    Buffer.from(`1 1 ${'-'.repeat(36)}`).toString('base64url'),
  ])('refuses the cursor %j', async (cursor) => {
    await expect(index.find({ limit: 1, cursor })).rejects.toMatchObject({ code: 'audit.query' });
  });

  test('says how many it has of a stretch, their hashes, and the youngest', async () => {
    await index.insert([record(1), record(2), record(4), record(3, { chain: randomUUIDv7() })]);
    expect(await index.count(chain, { first: 1, last: 3 })).toBe(2);
    expect(await index.hashes(chain, { first: 2, last: 9 })).toEqual(
      new Map([
        [2, record(2).hash],
        [4, record(4).hash],
      ]),
    );
    expect(await index.last(chain)).toEqual(record(4));
    expect(await index.last('no chain')).toBeUndefined();
  });

  test('forgets what is older than it is kept', async () => {
    await index.insert([record(1), record(2), record(3)]);
    expect(await index.prune(new Date(start.getTime() + 3))).toBe(2);
    expect((await index.find({ limit: 10 })).items).toEqual([record(3)]);
  });
});
