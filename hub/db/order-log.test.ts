import { randomUUIDv7 } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { dayMs, start } from '../../test/support/stores.ts';
import type { OrderRecord } from '../certificates/life/certificate.ts';
import { PostgresOrderLog } from './order-log.ts';
import { authorityOrders } from './schema.ts';

const authority = 'https://ca.test/dir';
const everybody = (): undefined => undefined;
const refusal = { notBefore: new Date(start.getTime() + dayMs), limit: 'orders' };

function orderAt(at: Date, change: Partial<OrderRecord> = {}): Omit<OrderRecord, 'outcome'> {
  const names = ['movies.tv.test'];
  return { certificateId: randomUUIDv7(), authority, names, at, kind: 'new', ...change };
}

const look = { allSince: start, certificatesSince: start };

describe.each(Object.entries(databaseKinds))('orders on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let log: PostgresOrderLog;

  beforeAll(async () => {
    opened = await openTestDatabase();
    log = new PostgresOrderLog(opened.database);
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await opened.database.queries.delete(authorityOrders);
  });

  async function opens(record: Omit<OrderRecord, 'outcome'>): Promise<string> {
    const id = await log.open(record, look, everybody);
    if (typeof id !== 'string') throw new Error(`refused by ${id.limit}`);
    return id;
  }

  test('are kept with their outcome, oldest first, each authority’s by itself', async () => {
    const later = new Date(start.getTime() + 1000);
    const [second, first] = [orderAt(later, { kind: 'replacement' }), orderAt(start)];
    const id = await opens(second);
    await opens(first);
    await opens(orderAt(start, { authority: 'https://other.test/dir' }));
    await log.close(id, 'issued');
    expect(await log.since(authority, start)).toEqual([
      { ...first, outcome: 'open' },
      { ...second, outcome: 'issued' },
    ]);
    expect(await log.since(authority, later)).toEqual([{ ...second, outcome: 'issued' }]);
  });

  test('are admitted one at a time, however many processes ask for the last place', async () => {
    const admit = (past: readonly OrderRecord[]) => (past.length < 3 ? undefined : refusal);
    const another = await opened.openAnother();
    const logs = [log, new PostgresOrderLog(another)];
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        (logs[number % 2] ?? log).open(orderAt(start), look, admit),
      ),
    );
    expect(outcomes.filter((outcome) => typeof outcome === 'string')).toHaveLength(3);
    expect(outcomes).toContainEqual(refusal);
    expect(await log.since(authority, start)).toHaveLength(3);
    await another.close();
  });

  test('of a holder that died are closed by the next one of the same certificate', async () => {
    const left = orderAt(start);
    await opens(left);
    const seen: OrderRecord[] = [];
    await log.open(left, look, (past) => {
      seen.push(...past);
      return undefined;
    });
    expect(seen).toEqual([{ ...left, outcome: 'failed' }]);
    const outcomes = (await log.since(authority, start)).map(({ outcome }) => outcome);
    expect(outcomes.toSorted((a, b) => a.localeCompare(b))).toEqual(['failed', 'open']);
  });

  test('of a holder that died are closed also if the next one is refused', async () => {
    const left = orderAt(start);
    await opens(left);
    expect(await log.open(left, look, () => refusal)).toEqual(refusal);
    expect(await log.since(authority, start)).toEqual([{ ...left, outcome: 'failed' }]);
  });

  test('of long ago are asked for as far as they stand for certificates', async () => {
    const [issued, failed] = [await opens(orderAt(start)), await opens(orderAt(start))];
    const exempt = await opens(orderAt(start, { kind: 'replacement' }));
    await log.close(issued, 'issued');
    await log.close(failed, 'failed');
    await log.close(exempt, 'issued');
    const now = new Date(start.getTime() + dayMs);
    await log.close(await opens(orderAt(now)), 'failed');
    const seen: OrderRecord[] = [];
    await log.open(orderAt(now), { allSince: now, certificatesSince: start }, (past) => {
      seen.push(...past);
      return refusal;
    });
    expect(seen).toMatchObject([
      { at: start, outcome: 'issued', kind: 'new' },
      { at: now, outcome: 'failed' },
    ]);
  });

  test('are forgotten when no limit can count them any more', async () => {
    await opens(orderAt(start));
    const recent = orderAt(new Date(start.getTime() + 29 * dayMs));
    await opens(recent);
    expect(await log.since(authority, start)).toHaveLength(2);
    const last = orderAt(new Date(start.getTime() + 31 * dayMs));
    await opens(last);
    expect(await log.since(authority, start)).toMatchObject([recent, last]);
  });
});
