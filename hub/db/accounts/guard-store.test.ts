import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { goodPassword, strangerAt, TestPeople } from '../../../test/support/people.ts';
import type { Account } from '../../accounts/account.ts';
import type { Closed } from '../../accounts/login/guard.ts';
import { sql } from '../drizzle.ts';

const minuteMs = 60_000;
const wrong = 'seven moons eat a violet tractor';
const refused = { code: 'login.failed' };
const locked = { code: 'login.locked' };

describe.each(Object.entries(databaseKinds))('failed sign-ins on %s', (_kind, open) => {
  let opened: TestDatabase;
  let people: TestPeople;
  let robin: Account;

  beforeAll(async () => {
    opened = await open();
    people = new TestPeople(opened.database);
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await people.clear();
    robin = await people.add('Robin', { email: 'robin@lake.example' });
  });

  /** Each from another address, so that only the account's count grows. */
  async function failAt(name: string, times: number, first = 1): Promise<void> {
    for (let i = first; i < first + times; i++) {
      await expect(
        people.tryPassword(name, wrong, strangerAt(`198.51.100.${i}`)),
      ).rejects.toMatchObject(refused);
    }
  }

  async function failFrom(address: string, times: number, name = 'nobody'): Promise<void> {
    for (let i = 0; i < times; i++) {
      await expect(
        people.tryPassword(`${name}${i}`, wrong, strangerAt(address)),
      ).rejects.toMatchObject(refused);
    }
  }

  test('of one address are ten in ten minutes, then it waits a quarter of an hour', async () => {
    await failFrom('192.0.2.9', 10);
    const late = people.tryPassword('Robin', goodPassword, strangerAt('192.0.2.9'));
    await expect(late).rejects.toMatchObject({ ...locked, retryAfterMs: 15 * minuteMs });
    await people.enter('Robin', strangerAt('192.0.2.10'));
    people.later(15 * minuteMs - 1);
    await expect(
      people.tryPassword('Robin', goodPassword, strangerAt('192.0.2.9')),
    ).rejects.toMatchObject({ ...locked, retryAfterMs: 1 });
    people.later(1);
    await people.enter('Robin', strangerAt('192.0.2.9'));
    expect(people.closed).toHaveLength(1);
    expect(await people.counted('logins', { result: 'locked' })).toBeGreaterThan(1);
  });

  test('of one address are given back by a success, and forgotten by none', async () => {
    await failFrom('192.0.2.9', 9);
    await people.enter('Robin', strangerAt('192.0.2.9'));
    await failFrom('192.0.2.9', 1, 'else');
    await expect(
      people.tryPassword('Robin', goodPassword, strangerAt('192.0.2.9')),
    ).rejects.toMatchObject(locked);
  });

  test('that go on after the pause close the address for thirty days', async () => {
    await failFrom('192.0.2.9', 10);
    people.later(15 * minuteMs);
    await failFrom('192.0.2.9', 10, 'else');
    const late = people.tryPassword('Robin', goodPassword, strangerAt('192.0.2.9'));
    await expect(late).rejects.toMatchObject({ retryAfterMs: 30 * 24 * 60 * minuteMs });
    expect(people.closed.map(({ what, isForDays }) => [what, isForDays])).toEqual([
      ['192.0.2.9', false],
      ['192.0.2.9', true],
    ]);
  });

  test('of a /64 and of an address mapped into IPv6 are those of one client', async () => {
    for (let i = 0; i < 10; i++) await failFrom(`2001:db8:1:2::${i + 1}`, 1, `v6-${i}`);
    await expect(
      people.tryPassword('Robin', goodPassword, strangerAt('2001:db8:1:2:ffff::1')),
    ).rejects.toMatchObject(locked);
    await people.enter('Robin', strangerAt('2001:db8:1:3::1'));
  });

  test('of whom no proxy named are counted by that proxy', async () => {
    const unnamed = { address: undefined, peer: '10.0.0.2', userAgent: undefined };
    for (let i = 0; i < 10; i++) {
      await expect(people.tryPassword(`n${i}`, wrong, unnamed)).rejects.toMatchObject(refused);
    }
    await expect(people.tryPassword('x', wrong, unnamed)).rejects.toMatchObject(locked);
    const other = { ...unnamed, peer: '10.0.0.3' };
    await expect(people.tryPassword('x', wrong, other)).rejects.toMatchObject(refused);
  });

  test('to one account are five, by name, by e-mail, in whatever case; then one in thirty seconds', async () => {
    await failAt('Robin', 2);
    await failAt('ROBIN', 1, 3);
    await failAt('robin@LAKE.example', 2, 4);
    const stranger = () => people.tryPassword('robin', wrong, strangerAt('198.51.100.99'));
    await expect(stranger()).rejects.toMatchObject({ ...locked, retryAfterMs: 30_000 });
    people.later(30_000);
    await expect(stranger()).rejects.toMatchObject(refused);
    await expect(stranger()).rejects.toMatchObject(locked);
    people.later(30_000);
    await people.enter('robin', strangerAt('198.51.100.98'));
    await failAt('robin', 5, 50);
  });

  test('to a name that nobody has are answered like those to an account', async () => {
    await failAt('ghost', 5);
    await expect(
      people.tryPassword('GHOST', wrong, strangerAt('198.51.100.99')),
    ).rejects.toMatchObject({ ...locked, retryAfterMs: 30_000 });
  });

  test('keep nobody out who comes with a browser that the account knows', async () => {
    const { browser } = await people.enter('Robin', strangerAt('192.0.2.9'));
    await failAt('Robin', 5);
    await failFrom('192.0.2.9', 10);
    const known = strangerAt('192.0.2.9', { browser });
    const again = await people.enter('Robin', known);
    await expect(
      people.tryPassword('Robin', goodPassword, strangerAt('192.0.2.9')),
    ).rejects.toMatchObject(locked);
    await expect(people.tryPassword('Robin', goodPassword, known)).rejects.toMatchObject(locked);
    await people.enter('Robin', strangerAt('192.0.2.9', { browser: again.browser }));
  });

  test('of a known browser are counted by themselves, and make it a stranger', async () => {
    const { browser } = await people.enter('Robin');
    const known = strangerAt('192.0.2.9', { browser });
    for (let i = 0; i < 5; i++) {
      await expect(people.tryPassword('Robin', wrong, known)).rejects.toMatchObject(refused);
    }
    await failAt('Robin', 5);
    await expect(people.tryPassword('Robin', goodPassword, known)).rejects.toMatchObject(locked);
  });

  test('with a browser that another account knows are a stranger’s', async () => {
    await people.add('ada');
    const { browser } = await people.enter('ada');
    await failAt('Robin', 5);
    await expect(
      people.tryPassword('Robin', goodPassword, strangerAt('192.0.2.9', { browser })),
    ).rejects.toMatchObject(locked);
  });

  test('of a hundred tries at the same moment are ten', async () => {
    const all = await Promise.allSettled(
      Array.from({ length: 100 }, (_, i) =>
        people.tryPassword(`many${i}`, wrong, strangerAt('192.0.2.9')),
      ),
    );
    const codes = all.map(
      (one) => one.status === 'rejected' && (one.reason as { code: string }).code,
    );
    expect(codes.filter((code) => code === 'login.failed')).toHaveLength(10);
    expect(codes.filter((code) => code === 'login.locked')).toHaveLength(90);
  });

  test('behind a right password are five, and then the account is told', async () => {
    people.factors.set(robin.id, ['totp']);
    const code = async (from: string) => {
      const step = await people.tryPassword('Robin', goodPassword, strangerAt(from));
      if (step.kind !== 'factor') throw new Error('no second factor was asked for');
      const proof = { method: 'totp', code: 'wrong' } as const;
      return people.signIn.withFactor(step.transaction, proof, strangerAt(from));
    };
    for (let i = 1; i <= 5; i++)
      await expect(code(`203.0.113.${i}`)).rejects.toMatchObject(refused);
    await expect(code('203.0.113.9')).rejects.toMatchObject(locked);
    expect(people.notices.map(({ kind }) => kind)).toEqual(['login.attacked']);
    expect(people.events.filter((event) => event === 'mfa.failed')).toHaveLength(5);
    people.later(15 * minuteMs);
    await expect(code('203.0.113.10')).rejects.toMatchObject(refused);
  });

  test('are known to every process, and to one that starts anew', async () => {
    await failFrom('192.0.2.9', 10);
    const another = await opened.openAnother();
    const process = new TestPeople(another);
    await expect(
      process.tryPassword('Robin', goodPassword, strangerAt('192.0.2.9')),
    ).rejects.toMatchObject(locked);
    await another.close();
  });

  test('fill no table, and whoever is refused stays refused', async () => {
    await failFrom('192.0.2.9', 10);
    await failAt('Robin', 3);
    await opened.database.queries.execute(sql`
      INSERT INTO login_failures (key, failures, since, day_failures, day_since, forgotten_at)
      SELECT 'account:?' || n, 1, ${start(people)}::timestamptz, 1, ${start(people)}::timestamptz,
        ${start(people)}::timestamptz + interval '1 day'
      FROM generate_series(1, 100000) AS n`);
    await people.stores.guard.sweep(people.now, 1000);
    const { rows } = await opened.database.queries.execute<{ kept: number }>(
      sql`SELECT count(*)::int AS kept FROM login_failures`,
    );
    expect(rows[0]?.kept).toBe(1000);
    await expect(
      people.tryPassword('Robin', goodPassword, strangerAt('192.0.2.9')),
    ).rejects.toMatchObject(locked);
    await failAt('Robin', 2, 60);
    await expect(
      people.tryPassword('Robin', wrong, strangerAt('198.51.100.200')),
    ).rejects.toMatchObject(locked);
  });

  test('that wait are listed, and an admin opens the door again', async () => {
    await failFrom('192.0.2.9', 10);
    const [closed] = await people.guard.listClosed({ limit: 10 });
    expect(closed).toMatchObject({ kind: 'address', what: '192.0.2.9', failures: 10 });
    await people.guard.open({ kind: 'address', what: '192.0.2.9' });
    expect(await people.guard.listClosed({ limit: 10 })).toEqual([]);
    await people.enter('Robin', strangerAt('192.0.2.9'));
  });

  test('that wait are listed page by page, however many they are, those that wait longest first', async () => {
    await opened.database.queries.execute(sql`
      INSERT INTO login_failures (key, failures, since, day_failures, day_since, until, forgotten_at)
      SELECT 'address:198.51.100.' || n, 10, ${start(people)}::timestamptz, 10, ${start(people)}::timestamptz,
        ${start(people)}::timestamptz + (n % 3 + 1) * interval '1 minute', ${start(people)}::timestamptz + interval '1 day'
      FROM generate_series(1, 250) AS n`);
    const seen: Closed[] = [];
    for (;;) {
      const page = await people.guard.listClosed({ after: seen.at(-1), limit: 100 });
      seen.push(...page);
      if (page.length < 100) break;
    }
    expect(new Set(seen.map(({ what }) => what)).size).toBe(250);
    expect(seen).toHaveLength(250);
    const times = seen.map(({ until }) => until.getTime());
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });
});

function start({ now }: TestPeople): string {
  return now.toISOString();
}
