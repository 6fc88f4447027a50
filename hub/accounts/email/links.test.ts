import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { TestMail } from '../../../test/support/mailed.ts';
import { strangerAt } from '../../../test/support/people.ts';
import { emailLinks } from '../../db/factor-tables.ts';
import { sql } from '../../db/drizzle.ts';
import { AccountError } from '../account-error.ts';
import type { Account } from '../account.ts';

const minute = 60_000;
const dead = { code: 'account.link' };
const another = 'nine copper kettles under the stairs';

describe.each(Object.entries(databaseKinds))('links by mail on %s', (_kind, openTestDatabase) => {
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
    for (const table of ['email_sends', 'email_links'])
      await opened.database.queries.execute(sql`DELETE FROM ${sql.identifier(table)}`);
    robin = await mail.people.add('robin', { email: 'robin@example.org' });
  });

  const changeEmail = async (email: string | undefined): Promise<Account> =>
    mail.people.accounts.changeEmail(robin, email, 'host');
  const proven = async (): Promise<boolean> =>
    (await mail.people.accounts.find(robin.id))?.emailVerifiedAt !== undefined;

  const ask = async (name: string, address = '192.0.2.7'): Promise<void> =>
    mail.forgotten.ask(name, strangerAt(address));
  const choose = async (secret: string, password = another): Promise<void> =>
    mail.forgotten.choose(secret, password, strangerAt());

  describe('that confirm an address', () => {
    test('do so once, for whoever has the mailbox', async () => {
      await mail.verification.send(await changeEmail('new@example.org'), strangerAt());
      const [letter] = await mail.delivered();
      expect(letter).toMatchObject({ to: 'new@example.org' });
      expect(letter?.text).toMatch(/^https:\/\/hub\.phlix\.test\/verify-email#[\w-]{43}$/m);
      const secret = await mail.lastSecret();
      const tries = [1, 2, 3].map(async () => mail.verification.prove(secret, strangerAt()));
      const outcomes = await Promise.allSettled(tries);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await proven()).toBe(true);
      await expect(mail.verification.prove(secret, strangerAt())).rejects.toMatchObject(dead);
    });

    test('prove the address that they were sent to and no other', async () => {
      await mail.verification.send(await changeEmail('new@example.org'), strangerAt());
      const secret = await mail.lastSecret();
      await changeEmail('other@example.org');
      await expect(mail.verification.prove(secret, strangerAt())).rejects.toMatchObject(dead);
      expect(await proven()).toBe(false);
    });

    test('do not take an address that somebody else has proven', async () => {
      await mail.people.add('jay', { email: 'jay@example.org' });
      await mail.verification.send(await changeEmail('Jay@example.org'), strangerAt());
      const proving = mail.verification.prove(await mail.lastSecret(), strangerAt());
      await expect(proving).rejects.toMatchObject({ code: 'account.exists' });
      expect(await proven()).toBe(false);
    });

    test('come after word to the address that was proven until then', async () => {
      await changeEmail('new@example.org');
      const to = { kind: 'account', accountId: robin.id, formerEmail: 'robin@example.org' };
      expect(mail.people.notices).toMatchObject([{ kind: 'email.changed', to }]);
    });

    test('are good for a day', async () => {
      await mail.verification.send(await changeEmail('new@example.org'), strangerAt());
      const secret = await mail.lastSecret();
      mail.people.later(24 * 60 * minute);
      await expect(mail.verification.prove(secret, strangerAt())).rejects.toMatchObject(dead);
    });

    test('are not sent where there is nothing to prove, nor a fourth time', async () => {
      await expect(mail.verification.send(robin, strangerAt())).rejects.toMatchObject({
        code: 'account.email',
      });
      const changed = await changeEmail('new@example.org');
      for (let times = 0; times < 3; times++) await mail.verification.send(changed, strangerAt());
      await expect(mail.verification.send(changed, strangerAt())).rejects.toMatchObject({
        code: 'account.letters',
      });
      await mail.verification.offer(changed, strangerAt());
      expect(await mail.delivered()).toHaveLength(3);
    });

    test('choose no password, and those that do confirm no address', async () => {
      await mail.verification.send(await changeEmail('new@example.org'), strangerAt());
      const choosing = mail.forgotten.choose(await mail.lastSecret(), another, strangerAt());
      await expect(choosing).rejects.toMatchObject(dead);
      await mail.people.stores.accounts.change(robin.id, {
        email: 'robin@example.org',
        emailVerifiedAt: mail.people.now,
      });
      await mail.forgotten.ask('robin', strangerAt());
      const proving = mail.verification.prove(await mail.lastSecret(), strangerAt());
      await expect(proving).rejects.toMatchObject(dead);
    });
  });

  describe('of those who forgot a password', () => {
    test('choose another once, end every login, and sign nobody in', async () => {
      const { login, secret: session } = await mail.people.enter('robin');
      await ask('robin@example.org');
      const [letter] = await mail.delivered();
      expect(letter?.text).toMatch(/^https:\/\/hub\.phlix\.test\/reset-password#[\w-]{43}$/m);
      const secret = await mail.lastSecret();
      expect(await mail.people.logins.find(session, { address: undefined })).toBeDefined();
      const tries = [1, 2, 3, 4].map(async (each) => choose(secret, `${another} ${each}`));
      const outcomes = await Promise.allSettled(tries);
      const won = outcomes.findIndex(({ status }) => status === 'fulfilled');
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await mail.people.logins.list(robin)).toEqual([]);
      expect(login.accountId).toBe(robin.id);
      await expect(choose(secret)).rejects.toMatchObject(dead);
      await expect(mail.people.enter('robin')).rejects.toMatchObject({ code: 'login.failed' });
      const entered = await mail.people.tryPassword('robin', `${another} ${won + 1}`);
      expect(entered.kind).toBe('done');
      expect(mail.told.kinds).toEqual(['password.changed']);
    });

    test('leave the second factor asked for, and trust no browser any more', async () => {
      mail.people.factors.set(robin.id, ['totp']);
      await ask('robin');
      await choose(await mail.lastSecret());
      const outcome = await mail.people.tryPassword('robin', another);
      expect(outcome).toMatchObject({ kind: 'factor', methods: ['totp'] });
    });

    test('are kept where the new password will not do', async () => {
      await ask('robin');
      const secret = await mail.lastSecret();
      await expect(choose(secret, 'short')).rejects.toMatchObject({
        code: 'account.password-weak',
      });
      await choose(secret);
    });

    test('are good for 30 minutes, and not after the password or the address has changed', async () => {
      await ask('robin');
      const late = await mail.lastSecret();
      mail.people.later(30 * minute);
      await expect(choose(late)).rejects.toMatchObject(dead);
      await ask('robin');
      const overtaken = await mail.lastSecret();
      await mail.people.accounts.setPassword(robin, another, 'host');
      await expect(choose(overtaken)).rejects.toMatchObject(dead);
      await ask('robin');
      const moved = await mail.lastSecret();
      await changeEmail('elsewhere@example.org');
      await expect(choose(moved)).rejects.toMatchObject(dead);
    });

    test('are answered alike for everybody, and sent to proven addresses alone', async () => {
      await mail.people.add('jay');
      const kim = await mail.people.add('kim', { email: 'kim@example.org' });
      await mail.people.stores.accounts.changeStanding(kim.id, { state: 'suspended' });
      const lee = await mail.people.add('lee', { email: 'lee@example.org' });
      await mail.people.stores.accounts.change(lee.id, {
        email: 'lee@example.org',
        emailVerifiedAt: undefined,
      });
      const max = await mail.people.add('max', { email: 'max@example.org' });
      await opened.database.queries.execute(sql`
        UPDATE accounts SET password_hash = NULL WHERE id = ${max.id}`);
      const names = ['nobody', 'nobody@example.org', 'jay', 'kim', 'lee', 'lee@example.org', 'max'];
      for (const [index, name] of names.entries())
        expect(await ask(name, `192.0.2.${index}`)).toBeUndefined();
      expect(await mail.delivered()).toEqual([]);
      expect(mail.told.noted.map(({ event, result }) => `${event} ${result}`)).toEqual(
        names.map(() => 'login.reset-asked denied'),
      );
    });

    test('go to admins only who prove something else as well', async () => {
      const ada = await mail.people.add('ada', { role: 'admin', email: 'ada@example.org' });
      await ask('ada');
      expect(await mail.delivered()).toEqual([]);
      await opened.database.queries.execute(sql`
        INSERT INTO totp_secrets (id, account_id, sealed_secret, created_at, confirmed_at)
        VALUES (${randomUUID()}, ${ada.id}, '\\x00', now(), now())`);
      await ask('ada');
      expect(await mail.delivered()).toHaveLength(1);
    });

    test('are three for an account, whoever asks and without a word; five for an address, with one', async () => {
      for (let address = 1; address <= 5; address++) await ask('robin', `192.0.2.${address}`);
      expect(await mail.delivered()).toHaveLength(3);
      for (let times = 0; times < 5; times++) await ask(`name${times}`, '198.51.100.1');
      await expect(ask('another', '198.51.100.1')).rejects.toMatchObject({
        code: 'account.letters',
      });
      // A stranger who asks for somebody's password takes no code from them.
      await mail.factors.sendCode(robin.id, 'a sign-in', strangerAt('192.0.2.9'));
      expect(await mail.delivered()).toHaveLength(4);
    });

    test('are not there where passwords open nothing', async () => {
      await ask('robin');
      const secret = await mail.lastSecret();
      mail.requireOpen = async () => {
        throw new AccountError('login.disabled', 'single sign-on only');
      };
      await expect(ask('robin')).rejects.toMatchObject({ code: 'login.disabled' });
      await expect(choose(secret)).rejects.toMatchObject({ code: 'login.disabled' });
    });

    test('are gone with the lock that follows a lost phone, and no row opens anything', async () => {
      await ask('robin');
      const secret = await mail.lastSecret();
      const rows = await opened.database.queries.select().from(emailLinks);
      expect(JSON.stringify(rows)).not.toContain(secret);
      await mail.rooms.standings.lock(robin.id, mail.people.now);
      await expect(choose(secret)).rejects.toMatchObject(dead);
    });
  });
});
