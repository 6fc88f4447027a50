import { generateKeyPair } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ForgingProvider } from '../../../test/support/forging-provider.ts';
import { hubUrl, nobody, SsoDesk, visit } from '../../../test/support/sso-desk.ts';
import type { Account } from '../account.ts';
import { transactionMs } from './transaction.ts';

let there: ForgingProvider;
let desk: SsoDesk;
let robin: Account;
beforeEach(async () => {
  there = await ForgingProvider.start();
  desk = new SsoDesk();
  await desk.addProvider({ issuer: there.issuer });
  robin = desk.addAccount();
  desk.link(robin, there.issuer);
});
afterEach(() => there.stop());

type Travel = NonNullable<Parameters<SsoDesk['travel']>[1]>;

async function travel(options: Travel = {}) {
  return desk.travel(there.issuer, {
    onNonce: (nonce) => {
      there.nonce = nonce;
    },
    ...options,
  });
}

describe('the way there', () => {
  it('has code, S256, state, nonce, and the redirect address of the settings', async () => {
    const { url, secret } = await desk.sso.begin('home', { kind: 'sign-in' }, undefined);
    const asked = new URL(url);
    expect(asked.origin + asked.pathname).toBe(`${there.issuer}/authorize`);
    expect(Object.fromEntries(asked.searchParams)).toEqual({
      client_id: 'phlix',
      response_type: 'code',
      scope: 'openid profile email',
      redirect_uri: `${hubUrl}/auth/oidc/home/callback`,
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    expect(url).not.toContain(secret);
  });

  it('asks to sign in anew where it is a step-up', async () => {
    const { account, login } = desk.callerOf(robin);
    const errand = {
      kind: 'step-up',
      accountId: account.id,
      loginId: login.id,
      challengeId: 'x',
    } as const;
    const { url } = await desk.sso.begin('home', errand, '/');
    expect(new URL(url).searchParams.get('prompt')).toBe('login');
    expect(new URL(url).searchParams.get('max_age')).toBe('0');
  });

  it('is closed at a provider that is switched off, or that there is none of', async () => {
    await desk.providers.change('home', { isEnabled: false }, 'host');
    for (const id of ['home', 'nowhere'])
      await expect(desk.sso.begin(id, { kind: 'sign-in' }, '/')).rejects.toMatchObject({
        code: 'sso.unknown',
      });
  });
});

describe('the way back', () => {
  it('signs in whom (issuer, subject) names, and goes where they wanted', async () => {
    const arrival = await travel({ returnTo: '/servers' });
    expect(arrival).toMatchObject({
      kind: 'signed-in',
      outcome: { kind: 'done', account: { id: robin.id } },
      returnTo: '/servers',
    });
    const sent = new URLSearchParams(there.asked.find(({ path }) => path === '/token')?.body);
    expect(sent.get('redirect_uri')).toBe(`${hubUrl}/auth/oidc/home/callback`);
    expect(sent.get('code_verifier')).toMatch(/^[\w-]{43}$/);
  });

  it('is closed to another browser: without the cookie, or with the one of another', async () => {
    const mine = await desk.sso.begin('home', { kind: 'sign-in' }, '/');
    const another = await desk.sso.begin('home', { kind: 'sign-in' }, '/');
    const state = new URL(mine.url).searchParams.get('state') ?? '';
    const query = `?code=c&state=${state}&iss=${there.issuer}`;
    for (const secret of [undefined, another.secret, 'x'.repeat(43), ''])
      await expect(
        desk.sso.finish({ providerId: 'home', query, secret, caller: nobody, visit }),
      ).rejects.toMatchObject({ code: 'sso.expired' });
    expect(there.requestsFor('/token')).toBe(0);
    expect(desk.entries.at(-1)).toMatchObject({
      event: 'login.denied',
      reason: 'sso.expired',
      method: 'sso',
    });
  });

  it('is open once: of twenty callbacks at the same time one is taken', async () => {
    const { url, secret } = await desk.sso.begin('home', { kind: 'sign-in' }, '/');
    const asked = new URL(url).searchParams;
    there.nonce = asked.get('nonce') ?? '';
    const query = `?code=c&state=${asked.get('state')}&iss=${there.issuer}`;
    const callback = async () =>
      desk.sso.finish({ providerId: 'home', query, secret, caller: nobody, visit });
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, callback));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(there.requestsFor('/token')).toBe(1);
  });

  it('is closed after ten minutes', async () => {
    const start = Date.now();
    desk.now = () => new Date(start);
    const change = () => {
      desk.now = () => new Date(start + transactionMs);
    };
    await expect(travel({ change })).rejects.toMatchObject({ code: 'sso.expired' });
  });

  it.each<[string, (query: URLSearchParams) => void, string]>([
    ['another state', (query) => query.set('state', 'x'.repeat(43)), 'sso.expired'],
    ['two states', (query) => query.append('state', 'x'), 'sso.expired'],
    ['no state', (query) => query.delete('state'), 'sso.expired'],
    ['another issuer (mix-up)', (query) => query.set('iss', 'https://evil.example'), 'sso.failed'],
    ['no issuer, though it says it names itself', (query) => query.delete('iss'), 'sso.failed'],
    ['two codes', (query) => query.append('code', 'd'), 'sso.failed'],
    [
      'an error',
      (query) => {
        query.delete('code');
        query.set('error', 'access_denied');
      },
      'sso.denied',
    ],
  ])('is closed with %s', async (_what, change, code) => {
    await expect(travel({ change })).rejects.toMatchObject({ code });
  });

  it('of one provider is closed to what set out for another', async () => {
    const evil = await ForgingProvider.start();
    await desk.addProvider({ id: 'evil', issuer: evil.issuer });
    const { url, secret } = await desk.sso.begin('home', { kind: 'sign-in' }, '/');
    const query = `?code=c&state=${new URL(url).searchParams.get('state')}&iss=${evil.issuer}`;
    const request = { providerId: 'evil', query, secret, caller: nobody, visit };
    await expect(desk.sso.finish(request)).rejects.toMatchObject({ code: 'sso.expired' });
    expect(evil.requestsFor('/token')).toBe(0);
    evil.stop();
  });
});

describe('an answer', () => {
  it.each<[string, () => object]>([
    ['nonce is another', () => ({ claims: { nonce: 'another' } })],
    ['audience is another', () => ({ claims: { aud: 'another' } })],
    [
      'audience is shared with another, for whom it was made',
      () => ({ claims: { aud: ['phlix', 'another'], azp: 'another' } }),
    ],
    ['issuer is another', () => ({ claims: { iss: 'https://evil.example' } })],
    ['time is over for more than a minute', () => ({ claims: { exp: now() - 90 } })],
    ['time has not begun', () => ({ claims: { nbf: now() + 90 } })],
    ['subject is not that of userinfo', () => ({ userinfo: { sub: 'somebody else' } })],
    ['subject is missing', () => ({ claims: { sub: undefined } })],
    ['signature is missing (none)', () => ({ header: { alg: 'none' } })],
    [
      'signature is by a secret that the hub has too (HS256)',
      () => ({ header: { alg: 'HS256' }, key: Buffer.from('client-secret-of-thirty-two-bytes!') }),
    ],
  ])('whose %s signs nobody in', async (_what, forged) => {
    there.forge(forged());
    await expect(travel()).rejects.toMatchObject({ code: 'sso.failed' });
    expect(desk.logins.size).toBe(0);
  });

  it('by a key that the provider does not publish signs nobody in', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    there.forge({ key: privateKey });
    await expect(travel()).rejects.toMatchObject({ code: 'sso.failed' });
  });

  it('may be a minute off', async () => {
    there.forge({ claims: { exp: now() - 30 } });
    await expect(travel()).resolves.toMatchObject({ kind: 'signed-in' });
  });

  it('by an unknown key asks for the keys again, once a minute', async () => {
    await travel();
    expect(there.requestsFor('/keys')).toBe(1);
    there.forge({ header: { kid: 'unknown' } });
    for (let i = 0; i < 3; i++)
      await expect(travel()).rejects.toMatchObject({ code: 'sso.failed' });
    expect(there.requestsFor('/keys')).toBe(1);
  });
});

describe('a provider', () => {
  it('that is away is 503, and is asked again the next time', async () => {
    there.forge({ status: 503 });
    await expect(travel()).rejects.toMatchObject({ code: 'sso.unavailable' });
    there.forge({});
    await expect(travel()).resolves.toMatchObject({ kind: 'signed-in' });
    expect((await desk.providerStore.find('home'))?.answeredAt).toBeDefined();
  });

  it('is read once an hour', async () => {
    let at = 0;
    desk.nowMs = () => at;
    await travel();
    await travel();
    const discovery = '/.well-known/openid-configuration';
    expect(there.requestsFor(discovery)).toBe(1);
    at = 3_600_000;
    await travel();
    expect(there.requestsFor(discovery)).toBe(2);
  });

  it('that calls itself by another name, or leads elsewhere, is refused', async () => {
    for (const metadata of [
      { issuer: 'https://evil.example' },
      { jwks_uri: 'file:///etc/passwd' },
      { authorization_endpoint: 'javascript:alert(1)' },
    ]) {
      there.forge({ metadata });
      await expect(travel()).rejects.toMatchObject({
        code: expect.stringMatching(/^sso\.(failed|unavailable)$/),
      });
    }
  });

  it.each(['http://169.254.169.254', 'https://[fd00:ec2::254]'])(
    'at %s is not asked, even where private networks are open',
    async (issuer) => {
      await desk.providers.remove('home', 'host');
      await desk.addProvider({ issuer, allow: [], allowPrivate: true });
      await expect(travel()).rejects.toMatchObject({ code: 'sso.unavailable' });
    },
  );

  it('whose name turns to this machine is not asked', async () => {
    const turned = new SsoDesk({ resolve: async () => ['127.0.0.1'] });
    await turned.addProvider({ issuer: 'https://idp.example', allow: [] });
    await expect(turned.travel('https://idp.example')).rejects.toMatchObject({
      code: 'sso.unavailable',
    });
  });

  it('that leads inside with its own addresses is not followed', async () => {
    there.forge({ metadata: { token_endpoint: 'http://127.0.0.2:1/token' } });
    await expect(travel()).rejects.toMatchObject({ code: 'sso.unavailable' });
  });
});

describe('somebody whom no account knows', () => {
  const claims = {
    email: 'kim@example.org',
    email_verified: true,
    preferred_username: 'kim',
    sub: 'kim-there',
  };
  const kimThere = (change: object = {}) =>
    there.forge({ claims: { ...claims, ...change }, userinfo: { sub: 'kim-there' } });

  it('is refused, also where an account has the same verified address', async () => {
    desk.addAccount({ username: 'kim', email: 'kim@example.org', emailVerifiedAt: new Date() });
    kimThere();
    await expect(travel()).rejects.toMatchObject({ code: 'sso.unlinked' });
  });

  describe('where an admin wants accounts found by address', () => {
    let kim: Account;
    beforeEach(async () => {
      await desk.providers.change('home', { linksByEmail: true }, 'host');
      kim = desk.addAccount({
        username: 'kim',
        email: 'kim@example.org',
        emailVerifiedAt: new Date(),
      });
    });

    it('is linked, once both sides have proven the address, and the holder is told', async () => {
      kimThere();
      expect(await travel()).toMatchObject({ outcome: { account: { id: kim.id } } });
      expect(desk.notices).toMatchObject([{ kind: 'sso.linked', to: { accountId: kim.id } }]);
    });

    it.each([['"true"'], [1], [false], [undefined]])(
      'is not linked for email_verified %j',
      async (email_verified) => {
        kimThere({ email_verified });
        await expect(travel()).rejects.toMatchObject({ code: 'sso.unlinked' });
      },
    );

    it('is not linked by an address from one document and the word for it from another', async () => {
      there.forge({
        claims: { ...claims, email_verified: undefined },
        userinfo: { sub: 'kim-there', email: 'kim@example.org', email_verified: true },
      });
      await expect(travel()).rejects.toMatchObject({ code: 'sso.unlinked' });
    });

    it.each<[string, () => void]>([
      [
        'was never proven here',
        () => desk.accounts.set(kim.id, { ...kim, emailVerifiedAt: undefined }),
      ],
      ['belongs to an account with a second factor', () => desk.factors.add(kim.id)],
      ['belongs to an admin', () => desk.accounts.set(kim.id, { ...kim, role: 'admin' })],
      [
        'belongs to a suspended account',
        () => desk.accounts.set(kim.id, { ...kim, state: 'suspended' }),
      ],
    ])('is not linked where the address %s', async (_what, change) => {
      change();
      kimThere();
      await expect(travel()).rejects.toMatchObject({ code: 'sso.unlinked' });
    });
  });

  it('gets an account where an admin wants that, as a member', async () => {
    await desk.providers.change('home', { createsAccounts: true }, 'host');
    kimThere();
    const arrival = await travel();
    expect(arrival).toMatchObject({
      outcome: { account: { username: 'kim', role: 'member', email: 'kim@example.org' } },
    });
    expect(await travel()).toMatchObject({ outcome: { account: { username: 'kim' } } });
  });

  it.each([
    ['the hub', { preferred_username: 'host' }, 'kim'],
    ['somebody else, in another alphabet', { preferred_username: 'r\u043Ebin' }, 'kim'],
    ['nobody can', { preferred_username: 'x', email: 'system@example.org' }, /^guest-[0-9a-f]{8}$/],
  ])('who is called there as %s gets another name here', async (_, claims, username) => {
    await desk.providers.change('home', { createsAccounts: true }, 'host');
    kimThere(claims);
    const arrival = await travel();
    const name = 'outcome' in arrival && 'account' in arrival.outcome && arrival.outcome.account;
    expect(name && name.username).toMatch(username);
  });
});

describe('linking', () => {
  it('needs the login that set out', async () => {
    const caller = desk.callerOf(robin);
    const kim = desk.addAccount({ username: 'kim' });
    const errand = {
      kind: 'link',
      accountId: kim.id,
      loginId: desk.callerOf(kim).login.id,
    } as const;
    for (const stranger of [nobody, caller])
      await expect(travel({ errand, caller: stranger })).rejects.toMatchObject({
        code: 'sso.expired',
      });
  });

  it('is refused where the person opens another account, or another person opens this one', async () => {
    const kim = desk.addAccount({ username: 'kim' });
    const asKim = desk.callerOf(kim);
    await expect(travel({ errand: errandOf(asKim), caller: asKim })).rejects.toMatchObject({
      code: 'sso.conflict',
    });
    const asRobin = desk.callerOf(robin);
    there.forge({ claims: { sub: 'another' }, userinfo: { sub: 'another' } });
    await expect(travel({ errand: errandOf(asRobin), caller: asRobin })).rejects.toMatchObject({
      code: 'sso.conflict',
    });
    there.forge({ claims: { sub: 'kim-there' }, userinfo: { sub: 'kim-there' } });
    expect(await travel({ errand: errandOf(asKim), caller: asKim })).toMatchObject({
      kind: 'linked',
      link: { accountId: kim.id },
    });
    expect(desk.notices).toMatchObject([{ kind: 'sso.linked' }]);
    expect(desk.entries.at(-1)).toMatchObject({ event: 'account.sso-linked' });
  });
});

describe('a step-up', () => {
  it('holds when the provider asked anew', async () => {
    expect(await stepUp({ claims: { auth_time: now() } })).toMatchObject({
      kind: 'stepped-up',
      steppedUp: { proof: 'question' },
    });
  });

  it.each<[string, () => object]>([
    ['does not say when', () => ({})],
    ['asked hours ago', () => ({ claims: { auth_time: now() - 3600 } })],
  ])('fails when it %s', async (_what, forged) => {
    await expect(stepUp(forged())).rejects.toMatchObject({ code: 'login.failed' });
  });

  it('fails by another person of the provider', async () => {
    const change = { claims: { sub: 'another', auth_time: now() }, userinfo: { sub: 'another' } };
    await expect(stepUp(change)).rejects.toMatchObject({ code: 'sso.conflict' });
  });
});

describe('groups', () => {
  const roleMap = { admin: ['admins'], owner: ['owners'], member: [] };
  beforeEach(async () => {
    await desk.providers.change('home', { roleMap }, 'host');
    desk.addAccount({ username: 'first', role: 'admin' });
  });

  it('make an admin only with a second factor, and take back what they gave', async () => {
    there.forge({ claims: { groups: ['admins'] } });
    await travel();
    expect(roleNow()).toBe('owner');
    there.forge({ claims: { groups: ['admins'], amr: ['pwd', 'mfa'] } });
    await travel();
    expect(roleNow()).toBe('admin');
    there.forge({ claims: { groups: ['admins'] } });
    await expect(travel()).rejects.toMatchObject({ code: 'sso.factor' });
    there.forge({ claims: { groups: [] } });
    await travel();
    expect(roleNow()).toBe('member');
  });

  it('say nothing of who is an admin by the word of this hub', async () => {
    desk.accounts.set(robin.id, { ...robin, role: 'admin' });
    there.forge({ claims: { groups: ['owners'] } });
    await travel();
    expect(roleNow()).toBe('admin');
  });

  it('give nothing without a map', async () => {
    await desk.providers.change('home', { roleMap: { admin: [], owner: [], member: [] } }, 'host');
    there.forge({ claims: { groups: ['admin', 'admins'], amr: ['mfa'] } });
    await travel();
    expect(roleNow()).toBe('owner');
  });
});

describe('logout', () => {
  const event = 'http://schemas.openid.net/event/backchannel-logout';
  const logoutToken = async (change: object = {}) => {
    const iat = Math.floor(Date.now() / 1000);
    const claims = {
      iss: there.issuer,
      aud: 'phlix',
      iat,
      exp: iat + 120,
      jti: `${Math.random()}`,
      events: { [event]: {} },
    };
    return there.idToken({ ...claims, ...change }, 'logout+jwt');
  };

  it('goes on at the provider, with its own token', async () => {
    const arrival = await travel();
    const [login] = desk.logins.values();
    if (login === undefined || arrival.kind !== 'signed-in') throw new Error('no login');
    const url = new URL((await desk.logout.endSessionUrl(login)) ?? '');
    expect(url.origin + url.pathname).toBe(`${there.issuer}/logout`);
    expect(url.searchParams.get('post_logout_redirect_uri')).toBe(`${hubUrl}/`);
    expect(url.searchParams.get('id_token_hint')).toMatch(/^ey/);
    expect(await desk.logout.endSessionUrl({ id: 'another' })).toBeUndefined();
  });

  it('goes on at the provider after a second factor of the hub, for whoever gave that one', async () => {
    desk.asksFactor = true;
    there.forge({ claims: { sid: 'one' } });
    await travel();
    const { login } = desk.callerOf(robin);
    await desk.providerLogins.claim('another', login);
    expect(await desk.logout.endSessionUrl(login)).toBeUndefined();
    const somebody = { id: login.id, accountId: 'another' };
    await desk.providerLogins.claim('t', somebody);
    expect(await desk.logout.endSessionUrl(login)).toBeUndefined();
    await travel();
    await desk.providerLogins.claim('t', login);
    expect(await desk.logout.endSessionUrl(login)).toMatch(/id_token_hint=ey/);
    // Once.
    await expect(desk.providerLogins.claim('t', login)).resolves.toBeUndefined();
    there.forge({});
    expect(await desk.logout.endByProvider('home', await logoutToken({ sid: 'one' }))).toBe(1);
  });

  it('at the provider ends the login here: that one by its sid, all by their subject', async () => {
    there.forge({ claims: { sid: 'one' } });
    await travel();
    there.forge({ claims: { sid: 'two' } });
    await travel();
    there.forge({});
    expect(await desk.logout.endByProvider('home', await logoutToken({ sid: 'one' }))).toBe(1);
    expect(desk.logins.size).toBe(1);
    await desk.logout.endByProvider('home', await logoutToken({ sub: 'robin-there' }));
    expect(desk.logins.size).toBe(0);
    expect(desk.entries.at(-1)).toMatchObject({ event: 'login.ended', method: 'sso' });
  });

  it('leaves logins by password alone', async () => {
    desk.callerOf(robin);
    await desk.logout.endByProvider('home', await logoutToken({ sub: 'robin-there' }));
    expect(desk.logins.size).toBe(1);
  });

  it.each<[string, object]>([
    ['has a nonce: an ID token', { sid: 'one', nonce: 'x' }],
    ['says no event', { sid: 'one', events: {} }],
    ['means nobody', {}],
    ['is for another', { sid: 'one', aud: 'another' }],
    ['is of another', { sid: 'one', iss: 'https://evil.example' }],
    ['is an hour old', { sid: 'one', iat: Math.floor(Date.now() / 1000) - 3600 }],
  ])('by a token that %s ends nothing', async (_what, change) => {
    there.forge({ claims: { sid: 'one' } });
    await travel();
    there.forge({});
    await expect(
      desk.logout.endByProvider('home', await logoutToken(change)),
    ).rejects.toMatchObject({ code: 'sso.failed' });
    expect(desk.logins.size).toBe(1);
  });

  it('by the same token twice is refused', async () => {
    const token = await logoutToken({ sid: 'one' });
    await desk.logout.endByProvider('home', token);
    await expect(desk.logout.endByProvider('home', token)).rejects.toMatchObject({
      code: 'sso.failed',
    });
  });
});

function now(): number {
  return Math.floor(Date.now() / 1000);
}

function roleNow(): string | undefined {
  return desk.accounts.get(robin.id)?.role;
}

function errandOf({ account, login }: ReturnType<SsoDesk['callerOf']>) {
  return { kind: 'link', accountId: account.id, loginId: login.id } as const;
}

async function stepUp(change: Parameters<ForgingProvider['forge']>[0]) {
  there.forge(change);
  const caller = desk.callerOf(robin);
  return travel({
    errand: { ...errandOf(caller), kind: 'step-up', challengeId: 'question' },
    caller,
  });
}
