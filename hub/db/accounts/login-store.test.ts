import { EventEmitter, once } from 'node:events';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { strangerAt, TestPeople } from '../../../test/support/people.ts';
import type { Account } from '../../accounts/account.ts';
import { sql } from '../drizzle.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const home = { address: '192.0.2.7' };

describe.each(Object.entries(databaseKinds))('logins on %s', (_kind, open) => {
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
    await people.add('ada', { role: 'admin' });
    robin = await people.add('robin');
  });

  test('are found by their secret, of which the database has the hash alone', async () => {
    const { login, secret } = await people.enter('robin');
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const found = await people.logins.find(secret, home);
    expect(found).toMatchObject({ account: { id: robin.id }, login: { id: login.id } });
    expect(found?.login.software).toBe('Firefox on Linux');
    const { rows } = await opened.database.queries.execute(sql`
      SELECT l::text || a::text AS dump FROM logins l, accounts a`);
    expect(JSON.stringify(rows)).not.toContain(secret);
    const { rows: hashes } = await opened.database.queries.execute<{ hash: string }>(
      sql`SELECT encode(secret_hash, 'base64') AS hash FROM logins`,
    );
    const stolen = hashes.map(({ hash }) => hash.replaceAll('+', '-').replaceAll('/', '_'));
    for (const text of stolen) {
      expect(await people.logins.find(text.replace(/=+$/, ''), home)).toBeUndefined();
    }
  });

  test('are not adopted: a secret that somebody planted opens nothing', async () => {
    const planted = 'A'.repeat(43);
    await people.enter('robin', strangerAt('192.0.2.7', { browser: planted }));
    for (const secret of [planted, '', 'x', `${planted}\0`]) {
      expect(await people.logins.find(secret, home)).toBeUndefined();
    }
  });

  test('change their secret when they come to mean more, and the former opens nothing', async () => {
    const { login, secret, account } = await people.enter('robin');
    const renewed = await people.logins.renew(login, account, { methods: ['password', 'totp'] });
    if (renewed === undefined || renewed === 'renewed') throw new Error('not renewed');
    expect(await people.logins.find(secret, home)).toBeUndefined();
    expect(await people.logins.find(renewed.secret, home)).toMatchObject({
      login: { id: login.id, methods: ['password', 'totp'] },
    });
  });

  test('change it once for all that ask for it at the same moment, and what one was given stays good', async () => {
    const { login, secret, account } = await people.enter('robin');
    const lift = { liftedUntil: new Date(people.now.getTime() + minuteMs) };
    const renewed = await Promise.all(
      Array.from({ length: 5 }, async () => people.logins.renew(login, account, lift)),
    );
    const given = renewed.filter((each) => each !== 'renewed');
    expect(given).toHaveLength(1);
    const [begun] = given;
    expect(await people.logins.find(secret, home)).toBeUndefined();
    expect(await people.logins.find(begun?.secret ?? '', home)).toMatchObject({
      login: { id: login.id, ...lift },
    });
    await people.logins.end(login);
    expect(await people.logins.renew(login, account, lift)).toBeUndefined();
  });

  test('end after a week without use, and after thirty days in any case', async () => {
    const { secret } = await people.enter('robin');
    for (let day = 0; day < 29; day += 6) {
      people.later(Math.min(6, 29 - day) * dayMs);
      expect(await people.logins.find(secret, home)).toBeDefined();
    }
    people.later(dayMs);
    expect(await people.logins.find(secret, home)).toBeUndefined();
    const { secret: idle } = await people.enter('robin');
    people.later(7 * dayMs - 1);
    expect(await people.logins.find(idle, home)).toBeDefined();
    people.later(7 * dayMs);
    expect(await people.logins.find(idle, home)).toBeUndefined();
    expect(await people.logins.list(robin)).toEqual([]);
  });

  test('of admins end after an hour without use, and after twelve', async () => {
    const { secret } = await people.enter('ada');
    people.later(hourMs);
    expect(await people.logins.find(secret, home)).toBeUndefined();
    const { secret: busy } = await people.enter('ada');
    for (let half = 0; half < 23; half++) {
      people.later(30 * minuteMs);
      expect(await people.logins.find(busy, home)).toBeDefined();
    }
    people.later(30 * minuteMs);
    expect(await people.logins.find(busy, home)).toBeUndefined();
  });

  test('outlive the process that began them', async () => {
    const { secret } = await people.enter('robin');
    const another = await opened.openAnother();
    expect(await new TestPeople(another).logins.find(secret, home)).toBeDefined();
    await another.close();
  });

  test('are listed, ended one by one, all others, or all', async () => {
    const first = await people.enter('robin', strangerAt('198.51.100.1'));
    const second = await people.enter('robin', strangerAt('198.51.100.2'));
    const third = await people.enter('robin', strangerAt('198.51.100.3'));
    const foreign = await people.enter('ada');
    const ids = async () => (await people.logins.list(robin)).map(({ id }) => id);
    expect(await ids()).toEqual([third.login.id, second.login.id, first.login.id]);
    const another = { accountId: robin.id, id: foreign.login.id };
    expect(await people.logins.end(another)).toBe(false);
    expect(await people.logins.end(second.login)).toBe(true);
    expect(await people.logins.endOthers(first.login)).toBe(1);
    expect(await ids()).toEqual([first.login.id]);
    expect(await people.logins.endAll(robin.id)).toBe(1);
    expect(await people.logins.find(foreign.secret, home)).toBeDefined();
    expect(await people.counted('logins_ended')).toBeGreaterThanOrEqual(3);
  });

  test('that end are told to every process within a second', async () => {
    const another = await opened.openAnother();
    const process = new TestPeople(another);
    await process.logins.start();
    const heard = new EventEmitter();
    process.logins.onEnded((id) => void heard.emit('ended', id));
    const { login } = await people.enter('robin');
    const told = once(heard, 'ended', { signal: AbortSignal.timeout(1000) });
    await people.logins.end(login);
    expect(await told).toEqual([login.id]);
    await process.logins.stop();
    await another.close();
  });

  test('are as many at once as is allowed: the oldest goes', async () => {
    const capped = new TestPeople(opened.database, { limits: { loginsPerAccount: 2 } });
    const [first, second, third] = [
      await capped.enter('robin'),
      await capped.enter('robin'),
      await capped.enter('robin'),
    ];
    expect(await people.logins.find(first.secret, home)).toBeUndefined();
    expect(await people.logins.find(second.secret, home)).toBeDefined();
    expect(await people.logins.find(third.secret, home)).toBeDefined();
  });

  test('go on from the networks of their account only, and what tries otherwise is noted', async () => {
    const { secret } = await people.enter('robin');
    await people.stores.accounts.change(robin.id, { networks: ['192.0.2.0/24'] });
    expect(await people.logins.find(secret, { address: '192.0.2.200' })).toBeDefined();
    for (const address of ['192.0.3.1', '2001:db8::1', undefined]) {
      expect(await people.logins.find(secret, { address })).toBeUndefined();
    }
    expect(people.noted.filter(({ event }) => event === 'login.denied')).toHaveLength(3);
    expect(await people.counted('login_networks_refused')).toBeGreaterThanOrEqual(3);
    await expect(people.enter('robin', strangerAt('192.0.3.1'))).rejects.toMatchObject({
      code: 'login.failed',
    });
    expect(people.noted.at(-1)).toMatchObject({ event: 'login.failed', reason: 'network' });
  });

  test('of somebody who is suspended open nothing at once', async () => {
    const { secret } = await people.enter('robin');
    await people.accounts.suspend(robin, 'host');
    expect(await people.logins.find(secret, home)).toBeUndefined();
    await expect(people.enter('robin')).rejects.toMatchObject({ code: 'login.failed' });
    await people.accounts.resume(robin, 'host');
    await people.enter('robin');
  });
});
