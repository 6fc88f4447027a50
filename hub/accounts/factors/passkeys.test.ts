import { generateKeyPairSync, randomUUID } from 'node:crypto';

import { generateSync } from 'otplib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { Authenticator, type Twist } from '../../../test/support/authenticator.ts';
import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import {
  doer,
  openFactorRooms,
  relyingParty,
  Told,
  type FactorRooms,
} from '../../../test/support/factors.ts';
import { passkeyChallenges } from '../../db/factor-tables.ts';

const start = new Date('2026-11-22T10:00:00Z');
const transaction = 'the transaction of this browser';

describe.each(Object.entries(databaseKinds))('passkeys on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let now: Date;
  let told: Told;
  let rooms: FactorRooms;
  let robin: { id: string; username: string };

  beforeAll(async () => {
    opened = await openTestDatabase();
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    now = start;
    told = new Told();
    robin = { id: randomUUID(), username: 'robin' };
    rooms = await openFactorRooms(opened.database, { told, now: () => now });
  });

  const register = async (
    key: Authenticator,
    {
      account = robin,
      twist = {},
      name = 'My key',
    }: { account?: typeof robin; twist?: Twist; name?: string } = {},
  ) => {
    const offer = await rooms.passkeys.offer(account, 'a login');
    const response = key.register(offer, twist);
    return rooms.passkeys.register(account.id, response, { binding: 'a login', name, doer });
  };
  const signIn = async (key: Authenticator, twist: Twist = {}) => {
    const question = await rooms.factors.askPasskey(transaction);
    return rooms.factors.identify(key.answer(question, twist), transaction);
  };
  const later = (ms: number): void => {
    now = new Date(now.getTime() + ms);
  };

  test('sign in without a name being asked, and are told when they are added', async () => {
    const key = new Authenticator();
    const passkey = await register(key, { name: '  Blue\u202e key\n' });
    expect(passkey).toMatchObject({ name: 'Blue key', isBackupEligible: false });
    expect(await signIn(key)).toBe(robin.id);
    expect(await signIn(key)).toBe(robin.id);
    expect(await rooms.passkeys.list(robin.id)).toMatchObject([{ counter: 2, lastUsedAt: now }]);
    expect(told.kinds).toEqual(['factor.added']);
    expect(told.noted).toMatchObject([{ event: 'mfa.enrolled', method: 'passkey' }]);
  });

  test('are asked for by the host of the settings, discoverable, with the user verified', async () => {
    const offer = await rooms.passkeys.offer(robin, 'a login');
    expect(offer).toMatchObject({
      rp: { id: relyingParty.id },
      attestation: 'none',
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    const question = await rooms.factors.askPasskey(transaction);
    expect(question).toMatchObject({ rpId: relyingParty.id, userVerification: 'required' });
    expect(question).toMatchObject({ allowCredentials: undefined });
    for (const { challenge } of [offer, question] as { challenge: string }[]) {
      expect(Buffer.from(challenge, 'base64url')).toHaveLength(32);
    }
    const kept = await opened.database.queries.select().from(passkeyChallenges);
    const asked = [offer, question] as { challenge: string }[];
    for (const { challenge } of asked) expect(JSON.stringify(kept)).not.toContain(challenge);
  });

  const lies: Record<string, Twist> = {
    'for another challenge': { challenge: 'A'.repeat(43) },
    'at another origin': { origin: 'https://evil.phlix.media' },
    'at a port of the same host': { origin: `${relyingParty.origin}:8443` },
    'for the parent of our name': { rpId: 'phlix.test' },
    'without verifying the user': { isUserVerified: false },
    'as if it were the other ceremony': { type: 'webauthn.payment' },
  };

  test.each(Object.entries(lies))('that answer %s are refused', async (_what, twist) => {
    await expect(register(new Authenticator(), { twist })).rejects.toMatchObject({
      code: 'passkey.refused',
    });
    const key = new Authenticator();
    await register(key);
    expect(await signIn(key, twist)).toBeUndefined();
    expect(await signIn(key)).toBe(robin.id);
  });

  test.each<[string, Twist]>([
    [
      'signed by another key',
      { signsWith: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
    ],
    ['that name another account', { userHandle: Buffer.from(randomUUID()).toString('base64url') }],
    ['whose key may suddenly be copied', { isBackupEligible: true }],
  ])('answers %s are refused', async (_what, twist) => {
    const key = new Authenticator();
    await register(key);
    expect(await signIn(key, twist)).toBeUndefined();
  });

  test('an answer counts once, whether it was right or wrong', async () => {
    const key = new Authenticator();
    await register(key);
    const question = await rooms.factors.askPasskey(transaction);
    const wrong = key.answer(question, { isUserVerified: false });
    expect(await rooms.factors.identify(wrong, transaction)).toBeUndefined();
    const right = key.answer(question);
    expect(await rooms.factors.identify(right, transaction)).toBeUndefined();
    const next = key.answer(await rooms.factors.askPasskey(transaction));
    expect(await rooms.factors.identify(next, transaction)).toBe(robin.id);
    expect(await rooms.factors.identify(next, transaction)).toBeUndefined();
  });

  test('of one answer twenty times at once, at two processes, one counts', async () => {
    const key = new Authenticator();
    await register(key);
    const second = await opened.openAnother();
    const other = await openFactorRooms(second, { now: () => now });
    const answer = key.answer(await rooms.factors.askPasskey(transaction));
    const tries = Array.from({ length: 20 }, async (_, index) =>
      (index % 2 === 0 ? rooms : other).factors.identify(answer, transaction),
    );
    expect((await Promise.all(tries)).filter((found) => found === robin.id)).toHaveLength(1);
    await second.close();
  });

  test('an answer is of use to the browser that asked, for five minutes', async () => {
    const key = new Authenticator();
    await register(key);
    const stolen = key.answer(await rooms.factors.askPasskey(transaction));
    expect(await rooms.factors.identify(stolen, 'the transaction of another')).toBeUndefined();
    const late = key.answer(await rooms.factors.askPasskey(transaction));
    later(5 * 60_000);
    expect(await rooms.factors.identify(late, transaction)).toBeUndefined();
  });

  test('a counter that goes back is refused, noted and told: there are two of this key', async () => {
    const key = new Authenticator();
    await register(key, { name: 'Blue key' });
    key.counter = 40;
    expect(await signIn(key)).toBe(robin.id);
    told.notices.length = 0;
    for (const counter of [41, 40, 1]) expect(await signIn(key, { counter })).toBeUndefined();
    expect(told.notices).toHaveLength(3);
    expect(told.notices[0]).toMatchObject({
      kind: 'factor.cloned',
      to: { kind: 'account', accountId: robin.id },
      facts: { factor: 'Blue key' },
    });
    expect(told.noted.at(-1)).toMatchObject({ event: 'mfa.failed', reason: 'counter' });
    key.counter = 100;
    expect(await signIn(key)).toBe(robin.id);
  });

  test('a clone is not suspected for a signature that is wrong', async () => {
    const key = new Authenticator();
    await register(key);
    await signIn(key);
    told.notices.length = 0;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(await signIn(key, { counter: 1, signsWith: privateKey })).toBeUndefined();
    expect(told.notices).toEqual([]);
  });

  test('that count nothing go on for ever', async () => {
    const key = new Authenticator({ counts: false });
    await register(key);
    for (let time = 0; time < 3; time++) expect(await signIn(key)).toBe(robin.id);
  });

  test("of one account prove nothing in another's step-up", async () => {
    const [ofRobin, ofMallory] = [new Authenticator(), new Authenticator()];
    await register(ofRobin);
    const mallory = { id: randomUUID(), username: 'mallory' };
    await register(ofMallory, { account: mallory });
    const question = await rooms.factors.askPasskey('a login', robin.id);
    expect(question).toMatchObject({ allowCredentials: [{ id: ofRobin.id }] });
    const proof = { method: 'passkey', response: ofMallory.answer(question) } as const;
    expect(await rooms.factors.check(robin.id, proof, 'a login')).toBe(false);
    // Nor does an answer that was meant for signing in without a name.
    const open = await rooms.factors.askPasskey('a login');
    const other = { method: 'passkey', response: ofRobin.answer(open) } as const;
    expect(await rooms.factors.check(robin.id, other, 'a login')).toBe(false);
    const own = await rooms.factors.askPasskey('a login', robin.id);
    const right = { method: 'passkey', response: ofRobin.answer(own) } as const;
    expect(await rooms.factors.check(robin.id, right, 'a login')).toBe(true);
  });

  test('one key is one passkey: nobody registers what is registered', async () => {
    const key = new Authenticator();
    await register(key);
    const mallory = { id: randomUUID(), username: 'mallory' };
    await expect(register(key, { account: mallory })).rejects.toMatchObject({
      code: 'passkey.refused',
    });
    expect(await signIn(key, { userHandle: null })).toBe(robin.id);
  });

  test('are twenty at most, also where two are added at once', async () => {
    for (let count = 0; count < 19; count++) await register(new Authenticator());
    const keys = [new Authenticator(), new Authenticator()];
    const offers = await Promise.all(keys.map(async () => rooms.passkeys.offer(robin, 'a login')));
    const outcomes = await Promise.allSettled(
      keys.map(async (key, index) =>
        rooms.passkeys.register(robin.id, key.register(offers[index] ?? {}), {
          binding: 'a login',
          name: '',
          doer,
        }),
      ),
    );
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(await rooms.passkeys.list(robin.id)).toHaveLength(20);
    await expect(rooms.passkeys.offer(robin, 'a login')).rejects.toMatchObject({
      code: 'passkey.limit',
    });
  });

  test('the last factor stays, also where the last two are removed at once', async () => {
    const one = await register(new Authenticator());
    await expect(rooms.passkeys.remove(robin.id, one.id, doer)).rejects.toMatchObject({
      code: 'mfa.last-factor',
    });
    const { secret } = await rooms.totp.start(robin);
    const epoch = Math.floor(now.getTime() / 1000);
    await rooms.totp.confirm(robin.id, generateSync({ secret, epoch }), doer);
    const outcomes = await Promise.allSettled([
      rooms.passkeys.remove(robin.id, one.id, doer),
      rooms.totp.remove(robin.id, doer),
    ]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(await rooms.factors.methodsOf(robin.id)).toHaveLength(1);
  });

  test('are renamed and removed by their own account only', async () => {
    const [one, two] = [await register(new Authenticator()), await register(new Authenticator())];
    const stranger = randomUUID();
    for (const id of [one.id, 'no id at all']) {
      await expect(rooms.passkeys.rename(stranger, id, 'Mine')).rejects.toMatchObject({
        code: 'passkey.unknown',
      });
      await expect(rooms.passkeys.remove(stranger, id, doer)).rejects.toMatchObject({
        code: 'passkey.unknown',
      });
    }
    expect(await rooms.passkeys.rename(robin.id, one.id, 'Red')).toMatchObject({ name: 'Red' });
    expect(await rooms.passkeys.rename(robin.id, one.id, ' ')).toMatchObject({ name: 'Passkey' });
    await rooms.passkeys.remove(robin.id, two.id, doer);
    expect(told.kinds.at(-1)).toBe('factor.removed');
    expect(await rooms.passkeys.list(robin.id)).toMatchObject([{ id: one.id }]);
  });

  test('asking without answering keeps five challenges of a sign-in, and none for long', async () => {
    const count = async () =>
      (await opened.database.queries.select().from(passkeyChallenges)).length;
    await opened.database.queries.delete(passkeyChallenges);
    for (let asked = 0; asked < 12; asked++) {
      later(1000);
      await rooms.factors.askPasskey(transaction);
    }
    expect(await count()).toBe(5);
    later(5 * 60_000 + 1);
    await rooms.factors.askPasskey('another');
    expect(await count()).toBe(1);
  });

  const nonsense: unknown[] = [
    {},
    { id: 7, rawId: 7, type: 'public-key', response: {} },
    { id: 'a', rawId: 'b', type: 'public-key', response: {} },
    { id: 'a', rawId: 'a', type: 'public-key', response: null },
    { id: 'a', rawId: 'a', type: 'public-key', response: { clientDataJSON: 'bm9wZQ' } },
    { id: 'a'.repeat(1e6), rawId: 'a'.repeat(1e6), type: 'public-key', response: {} },
    { __proto__: { id: 'a' } },
  ];

  test.each(nonsense)('nonsense proves nothing (%#)', async (json) => {
    const response = json as Record<string, unknown>;
    expect(await rooms.factors.identify(response, transaction)).toBeUndefined();
    const options = { binding: 'a login', name: '', doer };
    await expect(rooms.passkeys.register(robin.id, response, options)).rejects.toMatchObject({
      code: 'passkey.refused',
    });
  });

  test('an answer with broken bytes behind a right challenge is refused, and nothing fails', async () => {
    const key = new Authenticator();
    await register(key);
    for (const field of ['authenticatorData', 'signature']) {
      const answer = key.answer(await rooms.factors.askPasskey(transaction));
      Object.assign(answer['response'] as object, { [field]: 'AAAA' });
      expect(await rooms.factors.identify(answer, transaction)).toBeUndefined();
    }
    const offer = await rooms.passkeys.offer(robin, 'a login');
    const response = new Authenticator().register(offer);
    Object.assign(response['response'] as object, { attestationObject: 'oWNmbXQ' });
    const options = { binding: 'a login', name: '', doer };
    await expect(rooms.passkeys.register(robin.id, response, options)).rejects.toMatchObject({
      code: 'passkey.refused',
    });
  });
});
