import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { goodPassword, strangerAt, TestPeople } from '../../../test/support/people.ts';
import type { Account } from '../../accounts/account.ts';

const minuteMs = 60_000;
const tokyo = { latitude: 35.68, longitude: 139.69, accuracyKm: 20 };
const london = { latitude: 51.51, longitude: -0.13, accuracyKm: 100 };
const near = { latitude: 51.9, longitude: 0.3, accuracyKm: 50 };
const home = '198.51.100.7';
const away = '203.0.113.7';
const done = { kind: 'done' };
const asked = { kind: 'factor' };
const refused = { code: 'login.failed' };

describe.each(Object.entries(databaseKinds))('a sign-in on %s', (_kind, open) => {
  let opened: TestDatabase;
  let people: TestPeople;
  let blocking: TestPeople;
  let notifying: TestPeople;
  let robin: Account;

  beforeAll(async () => {
    opened = await open();
    const trusted = ['198.51.100.0/24'];
    people = new TestPeople(opened.database, { trusted });
    blocking = new TestPeople(opened.database, { travelAction: 'block' });
    notifying = new TestPeople(opened.database, { travelAction: 'notify' });
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    for (const each of [people, blocking, notifying]) {
      await each.clear();
      each.places.set(home, { spot: london, country: 'GB' });
      each.places.set('198.51.100.8', { spot: near, country: 'GB' });
      each.places.set('2001:db8:1::7', { spot: tokyo, country: 'JP' });
      each.places.set(away, { spot: tokyo, country: 'JP' });
    }
    robin = await people.add('robin');
    await people.enter('robin', strangerAt(home));
  });

  const from = async (
    address: string,
    { trust, by = people }: { trust?: string; by?: TestPeople } = {},
  ) =>
    by.tryPassword(
      'robin',
      goodPassword,
      strangerAt(address, { ...(trust !== undefined && { trust }) }),
    );
  const told = (by = people) => by.notices.filter(({ kind }) => kind === 'login.travel');
  const factor = (by = people) => by.factors.set(robin.id, ['totp']);

  test('ten minutes later in Tokyo is asked for a second factor even of a trusted browser', async () => {
    factor();
    people.later(10 * minuteMs);
    expect(await from(home, { trust: 'trusted' })).toMatchObject(done);
    expect(told()).toEqual([]);
    for (const address of [away, '2001:db8:1::7'])
      expect(await from(address, { trust: 'trusted' })).toMatchObject(asked);
    expect(told()).toHaveLength(2);
    expect(told()[0]?.facts).toMatchObject({ isRefused: false, address: away });
    expect(people.events.filter((event) => event === 'login.travel')).toHaveLength(2);
    expect(people.travelled).toEqual(['first', 'near', 'far', 'far']);
  });

  test('that fails, or that waits for its second factor, moves nobody', async () => {
    factor();
    people.later(10 * minuteMs);
    await expect(
      people.tryPassword('robin', 'wrong words here', strangerAt(away)),
    ).rejects.toMatchObject(refused);
    const waiting = await from(away);
    people.later(5 * minuteMs);
    expect(await from(home, { trust: 'trusted' })).toMatchObject(done);
    if (waiting.kind !== 'factor') throw new Error('no factor was asked for');
    const proof = { method: 'totp', code: 'right' } as const;
    await people.signIn.withFactor(waiting.transaction, proof, strangerAt(away));
    people.travelled.length = 0;
    expect(await from(home, { trust: 'trusted' })).toMatchObject(asked);
    expect(people.travelled).toEqual(['far']);
  });

  test('as near as a map can tell, or after the time of a flight, is nothing', async () => {
    factor();
    people.later(minuteMs);
    expect(await from('198.51.100.8', { trust: 'trusted' })).toMatchObject(done);
    people.later(24 * 60 * minuteMs);
    expect(await from(away, { trust: 'trusted' })).toMatchObject(done);
    expect(told()).toEqual([]);
  });

  test('from nobody knows where is let alone, and changes nothing', async () => {
    factor();
    people.later(10 * minuteMs);
    expect(await from('192.168.1.7', { trust: 'trusted' })).toMatchObject(done);
    expect(await from(away, { trust: 'trusted' })).toMatchObject(asked);
    expect(people.travelled).toEqual(['first', 'unknown', 'far']);
  });

  test('by a clock that was set back is compared all the same', async () => {
    factor();
    people.later(-60 * minuteMs);
    expect(await from(home, { trust: 'trusted' })).toMatchObject(done);
    expect(await from(away, { trust: 'trusted' })).toMatchObject(asked);
  });

  test('without a second factor to ask for is told of', async () => {
    people.later(10 * minuteMs);
    expect(await from(away)).toMatchObject(done);
    expect(told()).toHaveLength(1);
  });

  test('is only told of where that is wished', async () => {
    factor(notifying);
    notifying.later(10 * minuteMs);
    expect(await from(away, { by: notifying, trust: 'trusted' })).toMatchObject(done);
    expect(told(notifying)).toHaveLength(1);
  });

  test('is refused where that is wished, by a passkey too, and shuts no address out', async () => {
    blocking.later(10 * minuteMs);
    for (let tries = 0; tries < 12; tries++)
      await expect(from(away, { by: blocking })).rejects.toMatchObject(refused);
    const { secret } = await blocking.signIn.begin();
    const passkey = blocking.signIn.withPasskey(secret, { account: robin.id }, strangerAt(away));
    await expect(passkey).rejects.toMatchObject(refused);
    expect(blocking.closed).toEqual([]);
    expect(blocking.events).not.toContain('login.failed');
    expect(told(blocking)[0]?.facts).toMatchObject({ isRefused: true });
    expect(await from(home, { by: blocking })).toMatchObject(done);
  });

  test('in a trusted network is asked for no second factor with a browser that the account knows', async () => {
    factor();
    const { browser } = await people.signIn.enter(
      robin,
      { method: 'invitation', restriction: undefined },
      strangerAt(home),
    );
    const known = (address: string) =>
      people.tryPassword('robin', goodPassword, strangerAt(address, { browser }));
    expect(await known('192.0.2.7')).toMatchObject(asked);
    expect(await from(home)).toMatchObject(asked);
    expect(await known(home)).toMatchObject({
      ...done,
      login: { methods: ['password', 'trusted-network'] },
    });
  });

  test('of an admin is asked for it in a trusted network as anywhere, and so is whose address is unknown', async () => {
    factor();
    const how = { method: 'invitation', restriction: undefined } as const;
    const { browser } = await people.signIn.enter(robin, how, strangerAt(home));
    const nowhere = { address: undefined, userAgent: undefined, browser, peer: home };
    expect(
      await people.signIn.withPassword({ name: 'robin', password: goodPassword }, nowhere),
    ).toMatchObject(asked);
    const ada = await people.add('ada', { role: 'admin' });
    people.factors.set(ada.id, ['totp']);
    const hers = (await people.signIn.enter(ada, how, strangerAt(home))).browser;
    const visit = strangerAt(home, { browser: hers });
    expect(await people.tryPassword('ada', goodPassword, visit)).toMatchObject(asked);
  });
});
