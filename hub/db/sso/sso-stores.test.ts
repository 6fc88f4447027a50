import { randomBytes, randomUUIDv7 } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import type { SsoLink } from '../../accounts/sso/link.ts';
import type { Provider } from '../../accounts/sso/provider.ts';
import { newAccount } from '../../accounts/setup.ts';
import { ssoProviders } from '../sso-tables.ts';
import { ssoStores, type SsoStores } from './sso-stores.ts';

const now = new Date('2026-03-01T12:00:00Z');
const provider: Provider = {
  id: 'home',
  name: 'Home',
  preset: 'keycloak',
  issuer: 'https://idp.example.org/realms/home',
  clientId: 'phlix',
  sealedSecret: Buffer.from('sealed'),
  scopes: ['openid', 'email'],
  groupsClaim: 'groups',
  roleMap: { admin: ['admins', "o'brien's, {}"], owner: [], member: ['all'] },
  mfa: { acr: ['2'], amr: ['mfa'] },
  linksByEmail: true,
  createsAccounts: false,
  allowPrivate: true,
  allow: ['169.254.1.2/32'],
  isEnabled: true,
  createdAt: now,
  answeredAt: undefined,
};

describe.each(Object.entries(databaseKinds))('single sign-on on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let stores: SsoStores;
  beforeAll(async () => {
    opened = await openTestDatabase();
    stores = ssoStores(opened.database);
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await opened.database.queries.delete(ssoProviders);
  });

  test('a provider comes back as it was written, is changed whole, and goes with its links', async () => {
    await stores.providers.insert(provider);
    expect(await stores.providers.find('home')).toEqual(provider);
    const changed = { ...provider, name: 'Else', sealedSecret: undefined, isEnabled: false };
    expect(await stores.providers.replace(changed)).toBe(true);
    await stores.providers.noteAnswer('home', now);
    expect(await stores.providers.list()).toEqual([{ ...changed, answeredAt: now }]);
    const made = person();
    await stores.links.insert(link(made.account.id), made);
    expect(await stores.providers.remove('home')).toBe(true);
    expect(await stores.links.listOf(made.account.id)).toEqual([]);
    expect(await stores.providers.replace(changed)).toBe(false);
  });

  test('one id and one issuer are one provider', async () => {
    await stores.providers.insert(provider);
    for (const twin of [
      { ...provider, issuer: 'https://else.example' },
      { ...provider, id: 'else' },
    ])
      await expect(stores.providers.insert(twin)).rejects.toMatchObject({ code: 'sso.exists' });
  });

  test('a person opens one account, and an account is opened by one person of a provider, also for twenty at once', async () => {
    await stores.providers.insert(provider);
    const [one, other] = [person(), person()];
    await stores.links.insert(link(one.account.id, { subject: 'first' }), one);
    await stores.links.insert(link(other.account.id, { subject: 'second' }), other);
    for (const [accountId, subject] of [
      [other.account.id, 'first'],
      [one.account.id, 'third'],
    ] as const)
      await expect(stores.links.insert(link(accountId, { subject }))).rejects.toMatchObject({
        code: 'sso.conflict',
      });
    const made = Array.from({ length: 20 }, () => person());
    const tries = await Promise.allSettled(
      made.map(async (each) =>
        stores.links.insert(link(each.account.id, { subject: 'racing' }), each),
      ),
    );
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('a link is found by issuer and subject, noted, counted for admins, and removed by its holder alone', async () => {
    await stores.providers.insert(provider);
    const made = person('admin');
    const mine = link(made.account.id, { subject: 'me' });
    await stores.links.insert(mine, made);
    expect(await stores.links.find(provider.issuer, 'me')).toEqual(mine);
    expect(await stores.links.find('https://else.example', 'me')).toBeUndefined();
    await stores.links.noteUse(mine.id, { at: now, name: 'Robin', givenRole: 'admin' });
    expect(await stores.links.listOf(made.account.id)).toEqual([
      { ...mine, lastUsedAt: now, name: 'Robin', givenRole: 'admin' },
    ]);
    expect(await stores.links.countLinkedAdmins()).toBe(1);
    await stores.providers.replace({ ...provider, isEnabled: false });
    expect(await stores.links.countLinkedAdmins()).toBe(0);
    expect(await stores.links.remove(mine.id, randomUUIDv7())).toBeUndefined();
    expect(await stores.links.remove('nonsense', made.account.id)).toBeUndefined();
    expect(await stores.links.remove(mine.id, made.account.id)).toMatchObject({ id: mine.id });
  });

  test('what a browser set out for is taken once, with its state, in time', async () => {
    const [secretHash, stateHash, other] = [randomBytes(32), randomBytes(32), randomBytes(32)];
    const sealed = Buffer.from('sealed');
    const expiresAt = new Date(now.getTime() + 1000);
    await stores.transactions.insert({ secretHash, stateHash, sealed, expiresAt }, now);
    expect(await stores.transactions.take(secretHash, other, now)).toBeUndefined();
    expect(await stores.transactions.take(secretHash, stateHash, expiresAt)).toBeUndefined();
    const takes = await Promise.all(
      Array.from({ length: 20 }, async () => stores.transactions.take(secretHash, stateHash, now)),
    );
    expect(takes.filter((taken) => taken !== undefined)).toEqual([sealed]);
  });

  test('a logout token counts once', async () => {
    const until = new Date(now.getTime() + 1000);
    const use = async () => stores.links.useLogoutToken('https://a.example', 'jti', until, now);
    expect([await use(), await use()]).toEqual([true, false]);
    expect(await stores.links.useLogoutToken('https://b.example', 'jti', until, now)).toBe(true);
  });

  test('local sign-in is open until a time, the last one that was said', async () => {
    expect(await stores.localLogin.openUntil()).toBeUndefined();
    await stores.localLogin.open(new Date(0));
    await stores.localLogin.open(now);
    expect(await stores.localLogin.openUntil()).toEqual(now);
    await stores.localLogin.close();
    expect(await stores.localLogin.openUntil()).toBeUndefined();
  });
});

function link(accountId: string, change: Partial<SsoLink> = {}): SsoLink {
  return {
    id: randomUUIDv7(),
    accountId,
    providerId: 'home',
    issuer: provider.issuer,
    subject: randomUUIDv7(),
    name: undefined,
    givenRole: undefined,
    linkedAt: now,
    lastUsedAt: undefined,
    ...change,
  };
}

function person(role: 'admin' | 'member' = 'member') {
  const username = `p${randomUUIDv7()}`;
  const account = newAccount({ username, email: undefined }, { role, at: now });
  return { account, passwordHash: undefined };
}
