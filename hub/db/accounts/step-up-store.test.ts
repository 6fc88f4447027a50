import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { goodPassword, strangerAt, TestPeople } from '../../../test/support/people.ts';
import { AccountError, type StepUpChallenge } from '../../accounts/account-error.ts';
import type { Entered } from '../../accounts/login/entry.ts';
import type { Demand, StepUpProof } from '../../accounts/step-up/step-up.ts';

const minuteMs = 60_000;
const config = { level: 'config', action: 'servers.rename', target: 'a' } as const;
const small = { level: 'small', action: 'tokens.rename', target: 'a' } as const;
const revoke = { level: 'destructive', action: 'servers.revoke', target: 'a' } as const;
const totp: StepUpProof = { method: 'totp', code: 'right' };

describe.each(Object.entries(databaseKinds))('a step-up on %s', (_kind, open) => {
  let opened: TestDatabase;
  let people: TestPeople;
  let robin: Entered;

  beforeAll(async () => {
    opened = await open();
    people = new TestPeople(opened.database);
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await people.clear();
    await people.add('robin');
    robin = await people.enter('robin');
    people.factors.set(robin.account.id, ['totp', 'recovery']);
  });

  async function asked(demand: Demand, by = robin): Promise<StepUpChallenge> {
    const error: unknown = await people.stepUp.require(by.login, demand).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof AccountError && error.challenge !== undefined) return error.challenge;
    throw new Error('no proof was asked for', { cause: error });
  }

  const prove = async (id: string, proof: StepUpProof = totp, by = robin) =>
    people.stepUp.prove(by, id, { proof, visit: strangerAt() });

  async function proofFor(demand: Demand, by = robin): Promise<string> {
    const stepped = await prove((await asked(demand, by)).id, totp, by);
    if (stepped.kind !== 'proven') throw new Error('no proof came back');
    return stepped.proof;
  }

  test('lifts this login for ten minutes, under a new secret, and no other login', async () => {
    const other = await people.enter('robin', strangerAt('192.0.2.7')).catch(() => undefined);
    expect(other).toBeUndefined();
    people.factors.clear();
    const second = await people.enter('robin');
    people.factors.set(robin.account.id, ['totp']);
    const stepped = await prove((await asked(config)).id);
    if (stepped.kind !== 'lifted' || stepped.begun === undefined) throw new Error('not lifted');
    const { login, secret } = stepped.begun;
    expect(await people.logins.find(robin.secret, { address: '192.0.2.7' })).toBeUndefined();
    const found = await people.logins.find(secret, { address: '192.0.2.7' });
    expect(found?.login.liftedUntil).toEqual(new Date(people.now.getTime() + 10 * minuteMs));
    await people.stepUp.require(login, config);
    await asked(config, second);
    await asked(revoke, { ...robin, login });
    people.later(10 * minuteMs);
    await asked(config, { ...robin, login });
    expect(await people.counted('step_ups', { result: 'ok' })).toBeGreaterThan(0);
  });

  test('proven several times at once leaves the login to the first, and nobody is signed out', async () => {
    const ids = [await asked(config), await asked(config), await asked(config)].map(({ id }) => id);
    const all = await Promise.all(ids.map(async (id) => prove(id)));
    expect(all.map(({ kind }) => kind)).toEqual(['lifted', 'lifted', 'lifted']);
    const given = all.flatMap((each) => (each.kind === 'lifted' && each.begun ? [each.begun] : []));
    expect(given).toHaveLength(1);
    for (const { secret } of given) {
      const found = await people.logins.find(secret, { address: '192.0.2.7' });
      if (found === undefined) throw new Error('signed out');
      await people.stepUp.require(found.login, config);
    }
  });

  test('for what cannot be taken back counts once, for that deed, its target and this login', async () => {
    const proof = await proofFor(revoke);
    const elsewhere = await asked({ ...revoke, target: 'b', proof });
    expect(elsewhere.methods).toEqual(['totp']);
    await asked({ ...revoke, action: 'servers.release', proof });
    people.factors.clear();
    const second = await people.enter('robin');
    people.factors.set(robin.account.id, ['totp']);
    await asked({ ...revoke, proof }, second);
    await people.stepUp.require(robin.login, { ...revoke, proof });
    await asked({ ...revoke, proof });
  });

  test('spent many times at once counts once', async () => {
    const proof = await proofFor(revoke);
    const all = await Promise.allSettled(
      Array.from({ length: 20 }, () => people.stepUp.require(robin.login, { ...revoke, proof })),
    );
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('is answered once, within ten minutes, by the login that was asked', async () => {
    const { id } = await asked(config);
    people.factors.clear();
    const second = await people.enter('robin');
    people.factors.set(robin.account.id, ['totp']);
    const expired = { code: 'login.expired' };
    await expect(prove(id, totp, second)).rejects.toMatchObject(expired);
    for (const unknown of ['nonsense', '01990000-0000-7000-8000-000000000001']) {
      await expect(prove(unknown)).rejects.toMatchObject(expired);
    }
    await prove(id);
    await expect(prove(id)).rejects.toMatchObject(expired);
    const late = await asked(revoke);
    people.later(10 * minuteMs);
    await expect(prove(late.id)).rejects.toMatchObject(expired);
  });

  test('is offered what the account has: a password only where there is nothing better', async () => {
    expect((await asked(config)).methods).toEqual(['totp', 'recovery']);
    const { id, methods } = await asked(revoke);
    expect(methods).toEqual(['totp']);
    const recovery: StepUpProof = { method: 'recovery', code: 'right' };
    const password: StepUpProof = { method: 'password', password: goodPassword };
    for (const proof of [recovery, password]) {
      await expect(prove(id, proof)).rejects.toMatchObject({ code: 'login.failed' });
    }
    people.factors.clear();
    const alone = await asked(revoke);
    expect(alone.methods).toEqual(['password']);
    await expect(prove(alone.id, { ...password, password: 'no' })).rejects.toMatchObject({
      code: 'login.failed',
    });
    expect(await prove(alone.id, password)).toMatchObject({ kind: 'proven' });
    expect(people.events).toContain('login.step-up-failed');
    expect(people.events).toContain('login.step-up-ok');
  });

  test('that is guessed at is closed by the guard like a sign-in', async () => {
    const { id } = await asked(config);
    const wrong: StepUpProof = { method: 'totp', code: 'wrong' };
    for (let i = 0; i < 5; i++) {
      await expect(prove(id, wrong)).rejects.toMatchObject({ code: 'login.failed' });
    }
    await expect(prove(id)).rejects.toMatchObject({ code: 'login.locked' });
  });

  test('is not asked of a login that may only enrol, nor where it is switched off', async () => {
    await people.stepUp.require({ ...robin.login, restriction: 'enrol' }, revoke);
    const off = new TestPeople(opened.database, { policy: 'off' });
    await off.stepUp.require(robin.login, revoke);
    await expect(people.stepUp.require(robin.login, small)).resolves.toBeUndefined();
    const always = new TestPeople(opened.database, { policy: 'everything' });
    for (const demand of [small, config, revoke])
      await expect(always.stepUp.require(robin.login, demand)).rejects.toMatchObject({
        code: 'login.step-up',
      });
    const seldom = new TestPeople(opened.database, { policy: 'destructive' });
    await seldom.stepUp.require(robin.login, config);
    await expect(seldom.stepUp.require(robin.login, revoke)).rejects.toMatchObject({
      code: 'login.step-up',
    });
  });

  test('through a provider counts if the provider asked anew, where the account is linked', async () => {
    const { id } = await asked(config);
    const from = { authenticatedAt: people.now, visit: strangerAt() };
    await expect(people.stepUp.proveBySso(robin, id, from)).rejects.toMatchObject({
      code: 'login.failed',
    });
  });
});
