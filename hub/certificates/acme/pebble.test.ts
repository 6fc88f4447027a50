import { X509Certificate } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { AcmeCustomer, never } from '../../../test/support/acme-customer.ts';
import { AcmeFront, type AcmeFrontOptions } from '../../../test/support/acme-front.ts';
import { MemoryChallengeStore } from '../../../test/support/memory-certificates.ts';
import { hasParts } from '../../../test/support/parts.ts';
import { Pebble, type PebbleOptions } from '../../../test/support/pebble.ts';
import { ProvingGround, TestDnsProvider } from '../../../test/support/proving-ground.ts';
import { DnsSolver } from '../challenges/dns-01.ts';
import { TlsAlpnSolver } from '../challenges/tls-alpn-01.ts';
import { Authoritative } from '../dns/authoritative.ts';
import type { DnsProvider } from '../dns/provider.ts';
import { Propagation } from '../dns/propagation.ts';
import { ariIdOf } from './ari-id.ts';
import { Conversation } from './conversation.ts';
import { Directories } from './directory.ts';
import { Exchange } from './exchange.ts';
import { AcmeError } from './problem.ts';

const domain = 'films.example';
const hourMs = 3_600_000;
const challengeName = `_acme-challenge.${domain}`;
let challenges: MemoryChallengeStore;
let ground: ProvingGround;
let pebble: Pebble;
let front: AcmeFront | undefined;
let customer: AcmeCustomer;

beforeEach(async () => {
  challenges = new MemoryChallengeStore();
  ground = await ProvingGround.start(challenges, domain);
  front = undefined;
});

afterEach(async () => {
  await front?.stop();
  await pebble.stop();
  await ground.stop();
  const left = [...challenges.challenges.keys()];
  if (left.length > 0) throw new Error(`proofs left behind: ${left.join(', ')}`);
});

async function startPebble(options: Partial<PebbleOptions> = {}): Promise<void> {
  const { httpPort, tlsPort } = ground;
  pebble = await Pebble.start({ dnsServer: ground.dns.server, httpPort, tlsPort, ...options });
  customer = new AcmeCustomer(pebble, challenges);
}

async function startFront(options: Partial<AcmeFrontOptions> = {}): Promise<AcmeFront> {
  await startPebble();
  const { directoryUrl, trust } = pebble;
  front = await AcmeFront.start({ directoryUrl, trust, ...options });
  customer = new AcmeCustomer(front, challenges);
  return front;
}

function dnsSolver(provider: DnsProvider): DnsSolver {
  const asked = { resolvers: [ground.dns.server], asksResolversOnly: true };
  const authoritative = new Authoritative(asked);
  const visibility = new Propagation(authoritative, { firstPauseMs: 50, timeoutMs: 10_000 });
  return new DnsSolver({ provider, aliases: authoritative, visibility, store: challenges });
}

async function failureOf(work: Promise<unknown>): Promise<AcmeError> {
  const error: unknown = await work.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (error instanceof AcmeError) return error;
  throw error;
}

/** Speaks with the hub's account, as somebody would who has its key. */
async function withAccount(question: Parameters<Conversation['ask']>[0]): Promise<void> {
  const exchange = new Exchange(pebble);
  const directory = await new Directories(exchange, wallClock).read(never);
  const account = await customer.accounts.find(pebble.directoryUrl);
  const conversation = new Conversation({
    exchange,
    directory,
    accountKey: account?.sealedKey.toString() ?? '',
    accountUrl: account?.url,
    signal: never,
    now: wallClock,
  });
  await conversation.ask(question);
}

function wallClock(): Date {
  return new Date();
}

describe.skipIf(!hasParts('pebble'))('with Pebble, a certificate', () => {
  test('comes by http-01, for each key kind, and hangs on its root', async () => {
    await startPebble();
    const acme = customer.authority();
    const root = new X509Certificate(await pebble.root());
    for (const keyKind of ['ecdsa', 'rsa'] as const) {
      const chain = await customer.obtain(acme, { names: [`a.${domain}`, domain], keyKind });
      const [leaf, issuer] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
      const parsed = new X509Certificate(leaf ?? '');
      expect(parsed.subjectAltName).toContain(`DNS:a.${domain}`);
      expect(parsed.publicKey.asymmetricKeyType).toBe(keyKind === 'rsa' ? 'rsa' : 'ec');
      expect(new X509Certificate(issuer ?? '').verify(root.publicKey)).toBe(true);
    }
  });

  test('comes by tls-alpn-01', async () => {
    await startPebble();
    const solver = new TlsAlpnSolver({ store: challenges });
    const chain = await customer.obtain(customer.authority(), { solver, names: [`a.${domain}`] });
    expect(new X509Certificate(chain).subjectAltName).toBe(`DNS:a.${domain}`);
  });

  test('comes by dns-01 for a wildcard and its apex, through a CNAME', async () => {
    await startPebble();
    ground.dns.set(challengeName, 'CNAME', 'films.acme.test');
    const provider = new TestDnsProvider(ground.dns);
    const names = [`*.${domain}`, domain];
    const chain = await customer.obtain(customer.authority(), {
      solver: dnsSolver(provider),
      names,
    });
    expect(new X509Certificate(chain).subjectAltName).toBe(`DNS:*.${domain}, DNS:${domain}`);
    expect(provider.added.map((record) => record.split(' ')[0])).toEqual([
      'films.acme.test',
      'films.acme.test',
    ]);
    expect(ground.dns.asked).toContain(`TXT ${challengeName}`);
  });

  test('comes although the zone shows its record late', async () => {
    await startPebble();
    const provider = new TestDnsProvider(ground.dns, 1500);
    const names = [`*.${domain}`];
    const solver = dnsSolver(provider);
    const chain = await customer.obtain(customer.authority(), { solver, names });
    expect(new X509Certificate(chain).subjectAltName).toBe(`DNS:*.${domain}`);
  });

  test('comes although half of all nonces are refused', async () => {
    await startPebble({ rejectedNoncesPercent: 50 });
    const orders = [1, 2, 3, 4, 5].map(async () => customer.obtain(customer.authority()));
    expect(new Set(await Promise.all(orders)).size).toBe(5);
  });

  test('of a minute is taken for one', async () => {
    await startPebble({ certificateLifeSeconds: 60 });
    const { validToDate } = new X509Certificate(await customer.obtain(customer.authority()));
    expect(validToDate.getTime()).toBeLessThan(Date.now() + 61_000);
  });

  test('comes twice at once, with one account', async () => {
    await startPebble();
    const names = [`a.${domain}`];
    const orders = ['ecdsa', 'rsa'] as const;
    const byHttp = orders.map(async (keyKind) =>
      customer.obtain(customer.authority(), { names, keyKind }),
    );
    const solver = new TlsAlpnSolver({ store: challenges });
    const byTls = orders.map(async (keyKind) =>
      customer.obtain(customer.authority(), { names, keyKind, solver }),
    );
    const chains = await Promise.all([...byHttp, ...byTls]);
    expect(new Set(chains).size).toBe(4);
    const registered = pebble.program.output.match(/There are now \d+ accounts in memory/g);
    expect(registered?.at(-1)).toBe('There are now 1 accounts in memory');
  });

  test('is not ordered while the clock is wrong by a day', async () => {
    await startPebble();
    for (const offMs of [24 * hourMs, -24 * hourMs]) {
      const acme = customer.authority({ now: () => new Date(Date.now() + offMs) });
      const error = await failureOf(customer.obtain(acme));
      expect(error).toMatchObject({ code: 'acme.clock', kind: 'fix' });
      expect(error.message).toMatch(/24 hours (ahead of|behind) that of localhost/);
    }
    expect(pebble.program.output).not.toContain('Added order');
  });

  test('that is revoked is revoked, and once more is no error', async () => {
    await startPebble();
    const acme = customer.authority();
    const chain = await customer.obtain(acme);
    await acme.revoke(chain, 'cessationOfOperation', never);
    expect(await pebble.statusOf(new X509Certificate(chain).serialNumber)).toBe('Revoked');
    await acme.revoke(chain, 'cessationOfOperation', never);
  });
});

describe.skipIf(!hasParts('pebble'))('with Pebble, an account', () => {
  const hmacKey = Buffer.from('a key of thirty-two bytes for it').toString('base64url');
  const externalAccounts = { 'kid-1': hmacKey };

  test('bound to a customer is served, also when it is registered a second time', async () => {
    await startPebble({ externalAccounts });
    const externalAccount = { kid: 'kid-1', hmacKey };
    await customer.obtain(customer.authority({ externalAccount }));
    const account = await customer.accounts.find(pebble.directoryUrl);
    if (account === undefined) throw new Error('no account');
    await customer.accounts.remove(account);
    await customer.accounts.insert({ ...account, url: undefined });
    await customer.obtain(customer.authority({ externalAccount }));
    expect((await customer.accounts.find(pebble.directoryUrl))?.url).toBe(account.url);
  });

  test.each([
    ['an unknown key id', { kid: 'kid-2', hmacKey }],
    ['a wrong HMAC key', { kid: 'kid-1', hmacKey: hmacKey.toUpperCase() }],
  ])('with %s is told which settings to compare', async (_what, externalAccount) => {
    await startPebble({ externalAccounts });
    const error = await failureOf(customer.obtain(customer.authority({ externalAccount })));
    expect(error).toMatchObject({ code: 'acme.account-binding', kind: 'fix' });
    expect(error.message).toContain('Compare HUB_ACME_EAB_KID and HUB_ACME_EAB_HMAC_KEY');
  });

  test('bound to nobody is told what to get before anything is sent', async () => {
    await startPebble({ externalAccounts });
    const error = await failureOf(customer.obtain(customer.authority()));
    expect(error).toMatchObject({ code: 'acme.account-binding', kind: 'fix' });
    expect(error.message).toContain('set HUB_ACME_EAB_KID and HUB_ACME_EAB_HMAC_KEY');
  });

  test('that agreed to no terms is told where they stand', async () => {
    await startPebble();
    const acme = customer.authority({ agreesToTerms: false });
    const error = await failureOf(customer.obtain(acme));
    expect(error.code).toBe('acme.terms');
    expect(error.message).toMatch(/read data:\S+, then set HUB_ACME_AGREE_TERMS=1/);
  });

  test('that was deactivated is replaced, and the order placed', async () => {
    await startPebble();
    await customer.obtain(customer.authority());
    const before = await customer.accounts.find(pebble.directoryUrl);
    await withAccount((client) => client.updateAccount({ status: 'deactivated' }));
    await customer.obtain(customer.authority());
    const after = await customer.accounts.find(pebble.directoryUrl);
    expect(after?.url).not.toBe(before?.url);
  });

  test('that the authority has forgotten is replaced, and the order placed', async () => {
    await startPebble();
    await customer.obtain(customer.authority());
    const { port } = pebble;
    await pebble.stop();
    const { dns, httpPort, tlsPort } = ground;
    pebble = await Pebble.start({ dnsServer: dns.server, httpPort, tlsPort, port });
    const chain = await customer.obtain(customer.authority({ trust: pebble.trust }));
    expect(chain).toContain('BEGIN CERTIFICATE');
  });

  test('with an address that is none is told which setting to change', async () => {
    await startPebble();
    const error = await failureOf(customer.obtain(customer.authority({ contact: 'nobody' })));
    expect(error.code).toBe('acme.contact');
    expect(error.message).toContain('HUB_ACME_EMAIL');
  });
});

describe.skipIf(!hasParts('pebble'))('with Pebble, a name', () => {
  test('whose TXT record is another one is told where it was looked for', async () => {
    await startPebble();
    ground.dns.set(challengeName, 'TXT', 'something-else');
    const solver = dnsSolver({ name: 'elsewhere', add: async () => {}, remove: async () => {} });
    solver.wait = async () => {};
    const names = [`*.${domain}`];
    const error = await failureOf(customer.obtain(customer.authority(), { solver, names }));
    expect(error).toMatchObject({ code: 'acme.not-proved', kind: 'fix' });
    expect(error.message).toContain(`no such TXT record at ${challengeName}`);
    expect(error.message).toContain('HUB_DNS_PROVIDER');
  });

  test('that leads to another web server is told what must answer', async () => {
    await startPebble();
    const solver = new TlsAlpnSolver({ store: new MemoryChallengeStore() });
    const error = await failureOf(customer.obtain(customer.authority(), { solver }));
    expect(error.code).toBe('acme.not-proved');
    expect(error.message).toContain(`must reach this hub at ${domain} on port 443`);
  });

  test('that leads to nobody is told which port must be open', async () => {
    await startPebble({ httpPort: 1 });
    const error = await failureOf(customer.obtain(customer.authority()));
    expect(error.code).toBe('acme.not-proved');
    expect(error.message).toContain('port 80 from the whole internet');
    expect(error.message).toContain('refused');
  });

  test('that does not exist is told so', async () => {
    await startPebble();
    const names = ['nowhere.example'];
    const error = await failureOf(customer.obtain(customer.authority(), { names }));
    expect(error.message).toMatch(/Give nowhere\.example an A or AAAA record|must reach this hub/);
  });
});

describe.skipIf(!hasParts('pebble'))('with Pebble behind a front', () => {
  test('an order has its profile, and the next one replaces it in the window', async () => {
    const profiles = { shortlived: 'six days' };
    const front = await startFront({ profiles });
    const acme = customer.authority();
    const chain = await customer.obtain(acme, { profile: 'shortlived' });
    const replaces = ariIdOf(chain);
    const { validFromDate, validToDate } = new X509Certificate(chain);
    const info = await acme.renewalInfo(replaces, never);
    expect(info?.start.getTime()).toBeGreaterThan(validFromDate.getTime());
    expect(info?.end.getTime()).toBeLessThan(validToDate.getTime());
    expect(info?.retryAfterMs).toBe(6 * hourMs);

    const window = { start: new Date(Date.now() - hourMs), end: new Date(Date.now() + hourMs) };
    front.windows.set(replaces, window);
    expect(await acme.renewalInfo(replaces, never)).toMatchObject(window);

    await customer.obtain(acme, { profile: 'shortlived', replaces });
    await customer.obtain(acme, { profile: 'shortlived', replaces });
    expect(front.orders).toEqual([
      { names: [domain], profile: 'shortlived', replaces: undefined },
      { names: [domain], profile: 'shortlived', replaces },
      { names: [domain], profile: 'shortlived', replaces: undefined },
    ]);
  });

  test('a limit of 34 hours is thrown at once, and no order passes', async () => {
    const front = await startFront();
    front.refuse = (path) =>
      path.startsWith('/order')
        ? { status: 429, type: 'rateLimited', retryAfter: '122400' }
        : undefined;
    const startedAt = performance.now();
    const error = await failureOf(customer.obtain(customer.authority()));
    expect(error).toMatchObject({ code: 'acme.rate-limited', retryAfterMs: 34 * hourMs });
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    expect(front.orders).toEqual([]);
  });

  test('an authority that is down is left, and the order placed when it is back', async () => {
    const front = await startFront();
    front.isDown = true;
    const error = await failureOf(customer.obtain(customer.authority()));
    expect(error).toMatchObject({ code: 'acme.unreachable', kind: 'transient' });
    front.isDown = false;
    await customer.obtain(customer.authority());
  });

  test('an attempt that is given up leaves no proof and goes no further', async () => {
    const front = await startFront();
    const givenUp = new AbortController();
    front.refuse = (path) => {
      if (path.startsWith('/chalZ')) givenUp.abort(new Error('the lease is lost'));
      return undefined;
    };
    const { signal } = givenUp;
    await expect(customer.obtain(customer.authority(), { signal })).rejects.toThrow(
      'the lease is lost',
    );
    expect(front.asked.filter((line) => line.includes('finalize'))).toEqual([]);
  });
});
