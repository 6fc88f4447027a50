import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { goodPassword, strangerAt, TestPeople } from '../../../test/support/people.ts';
import type { Account } from '../../accounts/account.ts';

const minuteMs = 60_000;
const wrong = 'seven moons eat a violet tractor';
const failed = { code: 'login.failed' };
const expired = { code: 'login.expired' };

describe.each(Object.entries(databaseKinds))('a sign-in on %s', (_kind, open) => {
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
    robin = await people.add('robin');
  });

  async function begun(): Promise<string> {
    const step = await people.tryPassword('robin', goodPassword);
    if (step.kind !== 'factor') throw new Error('no second factor was asked for');
    return step.transaction;
  }

  const answer = async (secret: string, code = 'right') =>
    people.signIn.withFactor(secret, { method: 'totp', code }, strangerAt());

  test('fails in the same words for whatever is not right', async () => {
    await people.add('ada');
    await people.accounts.suspend((await people.accounts.findByName('ada')) ?? robin, 'host');
    people.factors.set(robin.id, ['totp']);
    const secret = await begun();
    const errors = await Promise.all(
      [
        people.tryPassword('nobody', wrong),
        people.tryPassword('robin', wrong),
        people.tryPassword('ada', goodPassword),
        people.tryPassword('robin\0', goodPassword),
        people.tryPassword('', ''),
        people.tryPassword('robin', 'x'.repeat(1025)),
        answer(secret, 'wrong'),
      ].map((tried) =>
        tried.then(
          () => undefined,
          (error: Error) => error,
        ),
      ),
    );
    expect(new Set(errors.map((error) => error?.message)).size).toBe(1);
    for (const error of errors) expect(error).toMatchObject(failed);
  });

  test('makes one hash for a name that nobody has, as for any other', async () => {
    const before = people.passwords.hashes;
    await expect(people.tryPassword('nobody', wrong)).rejects.toMatchObject(failed);
    await expect(people.tryPassword('robin', wrong)).rejects.toMatchObject(failed);
    expect(people.passwords.hashes - before).toBe(2);
  });

  test('with a second factor opens nothing before it', async () => {
    people.factors.set(robin.id, ['totp', 'recovery']);
    const step = await people.tryPassword('robin', goodPassword);
    expect(step).toMatchObject({ kind: 'factor', methods: ['totp', 'recovery'] });
    expect(await people.logins.list(robin)).toEqual([]);
    const secret = step.kind === 'factor' ? step.transaction : '';
    expect(await people.logins.find(secret, { address: '192.0.2.7' })).toBeUndefined();
    const done = await answer(secret);
    expect(done).toMatchObject({ kind: 'done', login: { methods: ['password', 'totp'] } });
    await expect(answer(secret)).rejects.toMatchObject(expired);
  });

  test('is over after ten minutes, and after five wrong codes', async () => {
    people.factors.set(robin.id, ['totp']);
    const late = await begun();
    people.later(10 * minuteMs);
    await expect(answer(late)).rejects.toMatchObject(expired);
    const guessed = await begun();
    for (let i = 0; i < 5; i++) await expect(answer(guessed, 'x')).rejects.toMatchObject(failed);
    people.later(15 * minuteMs);
    await expect(answer(guessed)).rejects.toMatchObject(expired);
  });

  test('answered many times at once ends in one login', async () => {
    people.factors.set(robin.id, ['totp']);
    const secret = await begun();
    const all = await Promise.allSettled(Array.from({ length: 4 }, () => answer(secret)));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await people.logins.list(robin)).toHaveLength(1);
  });

  test('takes no factor that the account does not have', async () => {
    people.factors.set(robin.id, ['passkey']);
    await expect(answer(await begun())).rejects.toMatchObject(failed);
  });

  test('by a recovery code opens what makes the account safe again, and nothing else', async () => {
    people.factors.set(robin.id, ['totp', 'recovery']);
    const proof = { method: 'recovery', code: 'right' } as const;
    const done = await people.signIn.withFactor(await begun(), proof, strangerAt());
    expect(done).toMatchObject({ kind: 'done', login: { restriction: 'enrol' } });
  });

  test('by passkey needs neither name nor password', async () => {
    people.factors.set(robin.id, ['passkey']);
    const { secret } = await people.signIn.begin();
    const done = await people.signIn.withPasskey(secret, { account: robin.id }, strangerAt());
    expect(done).toMatchObject({ kind: 'done', login: { methods: ['passkey'] } });
    const again = people.signIn.withPasskey(secret, { account: robin.id }, strangerAt());
    await expect(again).rejects.toMatchObject(expired);
    await expect(
      people.signIn.withPasskey(undefined, { account: robin.id }, strangerAt()),
    ).rejects.toMatchObject(expired);
  });

  test('of somebody who lost the phone goes by recovery code alone', async () => {
    people.standings.set(robin.id, { isLocked: true, methods: ['recovery'] });
    expect(await people.tryPassword('robin', goodPassword)).toMatchObject({
      kind: 'factor',
      methods: ['recovery'],
    });
    const { secret } = await people.signIn.begin();
    await expect(
      people.signIn.withPasskey(secret, { account: robin.id }, strangerAt()),
    ).rejects.toMatchObject(failed);
    const sso = { accountId: robin.id, isMultiFactor: true };
    await expect(people.signIn.withSso(sso, strangerAt())).rejects.toMatchObject(failed);
  });

  test('by a provider asks for the factor, unless the provider did', async () => {
    people.factors.set(robin.id, ['totp']);
    const sso = (isMultiFactor: boolean) =>
      people.signIn.withSso({ accountId: robin.id, isMultiFactor }, strangerAt());
    expect(await sso(false)).toMatchObject({ kind: 'factor' });
    expect(await sso(true)).toMatchObject({
      kind: 'done',
      login: { methods: ['sso', 'sso-factor'] },
    });
  });

  test('from a new network or a new browser is told to the account, once', async () => {
    const kinds = () => people.notices.map(({ kind }) => kind);
    const first = await people.enter('robin', strangerAt('203.0.113.1'));
    expect(kinds()).toEqual([]);
    await people.enter('robin', strangerAt('203.0.113.200', { browser: first.browser }));
    expect(kinds()).toEqual([]);
    await people.enter('robin', strangerAt('203.0.113.201'));
    expect(kinds()).toEqual(['login.new-device']);
    await people.enter('robin', strangerAt('198.51.100.1'));
    expect(kinds()).toEqual(['login.new-device', 'login.new-network']);
    expect(people.notices.at(-1)?.facts).toMatchObject({ network: '198.51.100.0/24' });
    expect(people.events).toContain('login.network-new');
  });

  test('is noted with its address, and never with what was typed for a password', async () => {
    await expect(people.tryPassword('robin', wrong)).rejects.toMatchObject(failed);
    await expect(people.tryPassword('x\n y ip=1', wrong)).rejects.toMatchObject(failed);
    await people.enter('robin');
    expect(people.noted.filter(({ event }) => event.startsWith('login.'))).toMatchObject([
      { event: 'login.failed', target: 'robin', address: '192.0.2.7', reason: 'password' },
      { event: 'login.failed', target: undefined },
      { event: 'login.ok', actor: { name: 'robin' }, method: 'password' },
    ]);
    expect(JSON.stringify(people.noted)).not.toContain(wrong);
    expect(await people.counted('logins', { result: 'ok', method: 'password' })).toBeGreaterThan(0);
  });
});
