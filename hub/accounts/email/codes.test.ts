import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { doer } from '../../../test/support/factors.ts';
import { TestMail } from '../../../test/support/mailed.ts';
import { strangerAt } from '../../../test/support/people.ts';
import { emailCodes } from '../../db/factor-tables.ts';
import { sql } from '../../db/drizzle.ts';
import type { Account } from '../account.ts';
import { newEmailCode } from './codes.ts';

const minute = 60_000;
const wrongCode = (code: string): string => (code === '000000' ? '000001' : '000000');

test('a code is six digits, each as likely in each place, the first too', () => {
  const codes = Array.from({ length: 20_000 }, newEmailCode);
  for (const code of codes) expect(code).toMatch(/^[0-9]{6}$/);
  for (const place of [0, 5]) {
    const counts = new Map<string, number>();
    for (const code of codes) {
      const digit = code[place] ?? '';
      counts.set(digit, (counts.get(digit) ?? 0) + 1);
    }
    expect([...counts.keys()].toSorted().join('')).toBe('0123456789');
    // 2,000 of each; six standard deviations are 255.
    for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(260);
  }
});

describe.each(Object.entries(databaseKinds))('codes by mail on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let mail: TestMail;
  let robin: Account;

  beforeAll(async () => {
    opened = await openTestDatabase();
  }, 120_000);
  afterAll(() => opened.close());
  beforeEach(async () => {
    mail = await TestMail.open(opened.database);
    await mail.people.clear();
    await opened.database.queries.execute(sql`DELETE FROM email_sends`);
    robin = await mail.people.add('robin', { email: 'robin@example.org' });
  });

  const send = async (binding = 'a sign-in', visit = strangerAt()): Promise<void> =>
    mail.factors.sendCode(robin.id, binding, visit);
  const check = async (code: string, binding = 'a sign-in'): Promise<boolean> =>
    mail.factors.check(robin.id, { method: 'email', code }, binding);

  test('count once, for the sign-in that asked', async () => {
    await send('browser 1');
    const code = await mail.lastCode();
    expect(await check(code, 'browser 2')).toBe(false);
    expect(await check(code, 'browser 1')).toBe(true);
    expect(await check(code, 'browser 1')).toBe(false);
  });

  test('come in text alone, without a link, with who asked and from where', async () => {
    await send();
    const [letter] = await mail.delivered();
    expect(letter?.to).toBe('robin@example.org');
    expect(letter?.subject).not.toMatch(/\d{6}/);
    expect(letter?.text).toMatch(/Firefox on Linux\nFrom: 192\.0\.2\.7/);
    expect(letter?.text).not.toMatch(/https?:|www\.|<|phlix\.test/);
  });

  test('of twenty tries at once with the right one, at two processes, one counts', async () => {
    await send();
    const code = await mail.lastCode();
    const second = await opened.openAnother();
    const other = await TestMail.open(second);
    const tries = Array.from({ length: 20 }, async (_, index) =>
      (index % 2 === 0 ? mail : other).codes.check(robin.id, code, 'a sign-in'),
    );
    expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1);
    await second.close();
  });

  test('are burned by the fifth wrong try, however many come at once', async () => {
    await send();
    const code = await mail.lastCode();
    for (let tries = 0; tries < 4; tries++) expect(await check(wrongCode(code))).toBe(false);
    await send('another sign-in');
    const other = await mail.lastCode();
    expect(await check(wrongCode(code))).toBe(false);
    expect(await check(code)).toBe(false);
    const guesses = Array.from({ length: 30 }, async () =>
      check(wrongCode(other), 'another sign-in'),
    );
    await Promise.all(guesses);
    expect(await check(other, 'another sign-in')).toBe(false);
    const rows = await opened.database.queries.select().from(emailCodes);
    const own = rows.filter(({ accountId }) => accountId === robin.id);
    expect(own.map(({ tries }) => tries)).toEqual([5, 5]);
  });

  test('end after five minutes, and with the next one', async () => {
    await send();
    const late = await mail.lastCode();
    mail.people.later(5 * minute);
    expect(await check(late)).toBe(false);
    await send();
    const former = await mail.lastCode();
    await send();
    const code = await mail.lastCode();
    // Once in a million times they are the same.
    expect(former !== code && (await check(former))).toBe(false);
    expect(await check(code)).toBe(true);
  });

  test('are sent three times in ten minutes to an account, however many are asked for at once', async () => {
    const asked = Array.from({ length: 8 }, async (_, index) =>
      send('a sign-in', strangerAt(`192.0.2.${index}`)).then(
        () => 'sent',
        ({ code, retryAfterMs }) => [code, retryAfterMs],
      ),
    );
    const outcomes = await Promise.all(asked);
    expect(outcomes.filter((each) => each === 'sent')).toHaveLength(3);
    expect(outcomes).toContainEqual(['account.letters', 10 * minute]);
    expect(await mail.delivered()).toHaveLength(3);
    expect(mail.told.counted.filter((event) => event === 'letter-refused')).toHaveLength(5);
    mail.people.later(10 * minute);
    await send();
    expect(await mail.delivered()).toHaveLength(4);
  });

  test('are sent five times in five minutes for whoever asks from one network', async () => {
    const names = ['ann', 'bob', 'cat', 'dan', 'eve', 'fay'];
    const accounts = [];
    for (const name of names)
      accounts.push(await mail.people.add(name, { email: `${name}@example.org` }));
    const asked = accounts.map(async ({ id }, index) =>
      mail.factors.sendCode(id, id, strangerAt(`2001:db8:1:2::${index}`)),
    );
    const refused = (await Promise.allSettled(asked)).filter(({ status }) => status === 'rejected');
    expect(refused).toMatchObject([{ reason: { code: 'account.letters' } }]);
    await mail.factors.sendCode(robin.id, 'x', strangerAt('2001:db8:1:3::1'));
    mail.people.later(5 * minute);
    await mail.factors.sendCode(robin.id, 'x', strangerAt('2001:db8:1:2::9'));
  });

  test('are for proven addresses of active accounts, and never for admins', async () => {
    const { stores } = mail.people;
    const methods = async (): Promise<readonly string[]> => mail.factors.methodsOf(robin.id);
    expect(await methods()).toEqual(['email']);
    await mail.people.add('ada', { role: 'admin' });
    for (const change of [
      () => stores.accounts.changeStanding(robin.id, { role: 'admin' }),
      () => stores.accounts.changeStanding(robin.id, { role: 'owner', state: 'suspended' }),
      () => stores.accounts.changeStanding(robin.id, { state: 'active' }),
    ])
      await change();
    expect(await methods()).toEqual(['email']);
    await stores.accounts.changeStanding(robin.id, { role: 'admin' });
    expect(await methods()).toEqual([]);
    await stores.accounts.changeStanding(robin.id, { role: 'member' });
    const unproven = { email: 'robin@example.org', emailVerifiedAt: undefined };
    await stores.accounts.change(robin.id, unproven);
    expect(await methods()).toEqual([]);
  });

  test('are answered and counted alike for whoever has no mailbox, an app, or is an admin', async () => {
    const ann = await mail.people.add('ann');
    const ada = await mail.people.add('ada', { role: 'admin', email: 'ada@example.org' });
    for (const [index, { id }] of [ann, ada].entries()) {
      const visit = strangerAt(`198.51.100.${index}`);
      for (let times = 0; times < 3; times++) await mail.factors.sendCode(id, 'x', visit);
      await expect(mail.factors.sendCode(id, 'x', visit)).rejects.toMatchObject({
        code: 'account.letters',
      });
    }
    expect(await mail.delivered()).toEqual([]);
    const rows = await opened.database.queries.select().from(emailCodes);
    expect(rows.filter(({ accountId }) => accountId === ann.id)).toHaveLength(1);
  });

  test('are not offered beside a passkey or an app: a mailbox is less', async () => {
    await opened.database.queries.execute(sql`
      INSERT INTO totp_secrets (id, account_id, sealed_secret, created_at, confirmed_at)
      VALUES (${randomUUID()}, ${robin.id}, '\\x00', now(), now())`);
    await mail.rooms.recovery.regenerate(robin.id, doer);
    expect(await mail.factors.methodsOf(robin.id)).toEqual(['totp', 'recovery']);
    await send();
    expect(await mail.delivered()).toEqual([]);
  });

  test.each(['12345', '1234567', '１２３４５６', '12 456', '', '12345\n', '-12345'])(
    'of the shape of %j are none',
    async (code) => {
      await expect(check(code)).rejects.toMatchObject({ code: 'mfa.malformed' });
    },
  );

  test('stand nowhere in the database, and a row that is moved opens nothing', async () => {
    const mallory = await mail.people.add('mallory', { email: 'mallory@example.org' });
    await mail.factors.sendCode(mallory.id, 'hers', strangerAt());
    const code = await mail.lastCode();
    await opened.database.queries.execute(sql`
      UPDATE email_codes SET account_id = ${robin.id} WHERE account_id = ${mallory.id}`);
    expect(await check(code, 'hers')).toBe(false);
    const rows = await opened.database.queries.select().from(emailCodes);
    expect(JSON.stringify(rows)).not.toContain(code);
    expect(JSON.stringify(mail.told.noted)).not.toContain(code);
  });

  test('are gone with the lock that follows a lost phone', async () => {
    await send();
    const code = await mail.lastCode();
    await mail.rooms.standings.lock(robin.id, mail.people.now);
    expect(await mail.codes.check(robin.id, code, 'a sign-in')).toBe(false);
    expect(await mail.factors.methodsOf(robin.id)).toEqual([]);
  });
});
