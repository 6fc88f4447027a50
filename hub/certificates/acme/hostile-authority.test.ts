import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { gzipSync } from 'node:zlib';

import 'reflect-metadata';
import { PublicKey } from '@peculiar/x509';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { AcmeCustomer, type Ordering } from '../../../test/support/acme-customer.ts';
import { within } from '../../../test/support/deadline.ts';
import { ScriptedAuthority } from '../../../test/support/scripted-authority.ts';
import { HttpSolver } from '../challenges/http-01.ts';
import type { AcmeAuthorityOptions } from './acme-authority.ts';
import { generateKeyPair } from '../key-pair.ts';
import { AcmeError } from './problem.ts';

let server: ScriptedAuthority;
let customer: AcmeCustomer;
const hourMs = 3_600_000;
const names = ['films.example'];

beforeEach(async () => {
  server = await ScriptedAuthority.start();
  customer = new AcmeCustomer(server);
});

afterEach(async () => {
  await server.stop();
  const left = [...customer.challenges.challenges.keys()];
  if (left.length > 0) throw new Error(`proofs left behind: ${left.join(', ')}`);
});

interface Failure {
  readonly error: AcmeError;
  readonly tookMs: number;
}

/** What an order ends with; anything but an AcmeError fails the test. */
async function failureOf(
  options: Partial<AcmeAuthorityOptions> = {},
  ordering: Ordering = {},
): Promise<Failure> {
  const patience = { proofMs: 400, finishMs: 400 };
  const startedAt = performance.now();
  const error: unknown = await customer
    .obtain(customer.authority({ patience, requestMs: 2000, ...options }), ordering)
    .then(
      () => new Error('it brought a certificate'),
      (reason: unknown) => reason,
    );
  if (!(error instanceof AcmeError)) throw error;
  return { error, tookMs: performance.now() - startedAt };
}

function refusal(status: number, type: string, headers: Record<string, string> = {}) {
  return { status, headers, body: { type: `urn:ietf:params:acme:error:${type}`, detail: 'No.' } };
}

describe('an authority that never comes to an end', () => {
  test('with a proof is given up', async () => {
    server.believes = false;
    const { error } = await failureOf();
    expect(error).toMatchObject({ code: 'acme.unfinished', kind: 'transient' });
    expect(error.message).toContain('the proof for films.example');
  });

  test('with an order is given up', async () => {
    server.script = ({ path }) =>
      path === '/order/1' ? { body: { ...server.order(), status: 'processing' } } : undefined;
    const { error } = await failureOf();
    expect(error).toMatchObject({ code: 'acme.unfinished', retryAfterMs: undefined });
  });

  test('and asks for an hour is left at once, with what it asked for', async () => {
    server.script = ({ path }) =>
      path === '/order/1'
        ? {
            headers: { 'retry-after': '3600' },
            body: { ...server.order(), status: 'processing' },
          }
        : undefined;
    const { error, tookMs } = await failureOf({ patience: { proofMs: 60_000, finishMs: 60_000 } });
    expect(error).toMatchObject({ code: 'acme.unfinished', retryAfterMs: hourMs });
    expect(error.message).toContain('wants to be asked again in 60 minutes');
    expect(tookMs).toBeLessThan(15_000);
  });

  test('with one answer is not waited for', async () => {
    server.script = ({ path }) => (path === '/order' ? 'silence' : undefined);
    const { error } = await failureOf({ requestMs: 1000 });
    expect(error).toMatchObject({ code: 'acme.unreachable', kind: 'transient' });
    expect(error.message).toContain('does not answer within a second');
  });

  test('with the body of one answer is not waited for', async () => {
    let timer: NodeJS.Timeout | undefined;
    server.script = ({ path }, response) => {
      if (path !== '/order') return undefined;
      response.writeHead(201, { 'content-type': 'application/json' });
      timer = setInterval(() => response.write(' '), 50);
      return 'silence';
    };
    const { error } = await failureOf({ requestMs: 1000 });
    clearInterval(timer);
    expect(error.code).toBe('acme.unreachable');
  });
});

describe('a limit', () => {
  test('of 34 hours is thrown at once, and nothing is slept', async () => {
    server.script = ({ path }) =>
      path === '/order' ? refusal(429, 'rateLimited', { 'retry-after': '122400' }) : undefined;
    const { error, tookMs } = await failureOf();
    expect(error).toMatchObject({
      code: 'acme.rate-limited',
      kind: 'wait',
      retryAfterMs: 34 * hourMs,
    });
    expect(tookMs).toBeLessThan(15_000);
    expect(server.countOf('/order')).toBe(1);
  });

  test.each(['/dir', '/nonce', '/account', '/order', '/authz/0', '/challenge/0', '/certificate/1'])(
    'at %s is told as one',
    async (path) => {
      server.script = (asked) =>
        asked.path === path ? refusal(429, 'rateLimited', { 'retry-after': '7200' }) : undefined;
      const { error } = await failureOf();
      expect(error).toMatchObject({ code: 'acme.rate-limited', retryAfterMs: 2 * hourMs });
    },
  );
});

describe('an authority that is down', () => {
  test('in the middle of an order ends the attempt, not the hub', async () => {
    server.script = ({ path }, response) => {
      if (path !== '/authz/0' || server.countOf('/challenge/0') === 0) return undefined;
      response.destroy();
      return 'silence';
    };
    const { error } = await failureOf();
    expect(error).toMatchObject({ code: 'acme.unreachable', kind: 'transient' });
  });

  test('behind a balancer says when to come back', async () => {
    server.script = () => ({
      status: 503,
      headers: { 'retry-after': '60' },
      body: '<h1>Soon</h1>',
    });
    const { error } = await failureOf();
    expect(error).toMatchObject({ code: 'acme.unavailable', retryAfterMs: 60_000 });
  });

  test('altogether is said by its name', async () => {
    await server.stop();
    const { error } = await failureOf();
    expect(error.code).toBe('acme.unreachable');
    expect(error.message).toMatch(/^localhost:\d+ cannot be reached \(.*ECONNREFUSED/);
    server = await ScriptedAuthority.start();
  });

  test('because the name is not known says so', async () => {
    const { error } = await failureOf({ directoryUrl: 'https://acme.invalid/dir' });
    expect(error.code).toBe('acme.unreachable');
    expect(error.message).toMatch(/acme\.invalid cannot be reached .*check this machine's DNS/);
  });
});

test('an authority whose own certificate is not trusted hears nothing', async () => {
  const { error } = await failureOf({ trust: undefined });
  expect(error).toMatchObject({ code: 'acme.untrusted', kind: 'fix' });
  expect(error.message).toContain('HUB_ACME_CA_FILE');
  expect(server.asked).toEqual([]);
});

test.each([
  ['has ended', -91 * 24, 'acme.untrusted', "check this machine's clock"],
  ['begins tomorrow', 25, 'acme.clock', 'the clock of this machine is behind'],
])('an authority whose own certificate %s is told so', async (_what, sinceHours, code, words) => {
  await server.stop();
  server = await ScriptedAuthority.start(new Date(Date.now() + sinceHours * hourMs));
  const { error } = await failureOf({ directoryUrl: server.directoryUrl, trust: server.trust });
  expect(error).toMatchObject({ code, kind: 'fix' });
  expect(error.message).toContain(words);
});

test('an authority that accepts connections and never speaks TLS is given up, and the socket closed', async () => {
  const closed = Promise.withResolvers<void>();
  const mute = createServer((socket) => {
    socket.on('error', () => undefined).on('close', () => closed.resolve());
    socket.resume();
  });
  await once(mute.listen(0, '127.0.0.1'), 'listening');
  const { port } = mute.address() as AddressInfo;
  const directoryUrl = `https://localhost:${port}/dir`;
  expect((await failureOf({ directoryUrl, requestMs: 200 })).error.code).toBe('acme.unreachable');
  await within(closed.promise, 5000, () => 'the end of the connection');
  mute.close();
});

describe('an account', () => {
  test.each([
    ['on another host', { location: 'https://169.254.169.254/account' }],
    ['without an address', {}],
  ])('%s is not taken', async (_what, headers: Record<string, string>) => {
    server.script = ({ path }) =>
      path === '/account' ? { status: 201, headers, body: { status: 'valid' } } : undefined;
    expect((await failureOf()).error.code).toBe('acme.bad-answer');
    expect((await customer.accounts.find(server.directoryUrl))?.url).toBeUndefined();
  });

  test('is kept when nobody answers the question whether it is still one', async () => {
    server.script = ({ path }) => {
      if (path === '/order') return refusal(403, 'unauthorized');
      return path === '/account/1' ? refusal(500, 'serverInternal') : undefined;
    };
    expect((await failureOf()).error.code).toBe('acme.refused');
    expect(await customer.accounts.find(server.directoryUrl)).toBeDefined();
  });
});

describe('nonces', () => {
  test('that are all refused end after a bounded number of questions', async () => {
    server.script = ({ method }) => (method === 'POST' ? refusal(400, 'badNonce') : undefined);
    const { error } = await failureOf();
    expect(error).toMatchObject({ code: 'acme.nonce', kind: 'transient' });
    expect(server.asked.length).toBeLessThan(30);
  });

  test('that are refused ten times in a row are borne', async () => {
    let refused = 0;
    server.script = ({ path }) => {
      if (path !== '/order' || refused === 10) return undefined;
      refused += 1;
      return refusal(400, 'badNonce');
    };
    expect(await customer.obtain(customer.authority())).toContain('BEGIN CERTIFICATE');
  });

  test('are never sent twice', async () => {
    let count = 0;
    server.script = ({ method }) => {
      count += 1;
      return method === 'POST' && count % 3 === 0 ? refusal(400, 'badNonce') : undefined;
    };
    await customer.obtain(customer.authority());
    const nonces = server.asked.flatMap(({ protectedHeader: { nonce } }) => nonce ?? []);
    expect(nonces.length).toBeGreaterThan(5);
    expect(new Set(nonces).size).toBe(nonces.length);
  });
});

describe('an address on another host', () => {
  const elsewhere = 'https://169.254.169.254/latest';

  test.each([
    ['newOrder', () => ({ ...server.directory(), newOrder: elsewhere })],
    ['newNonce', () => ({ ...server.directory(), newNonce: 'http://localhost/nonce' })],
    ['newAccount', () => ({ ...server.directory(), newAccount: '/account' })],
  ])('as %s of the directory is not asked', async (_name, directory) => {
    server.script = ({ path }) => (path === '/dir' ? { body: directory() } : undefined);
    const { error } = await failureOf();
    expect(error.code).toBe('acme.bad-answer');
    expect(error.message).toContain('another host');
  });

  test.each([
    ['authorization', () => ({ ...server.order(), authorizations: [elsewhere] })],
    ['finalize', () => ({ ...server.order(), status: 'ready', finalize: elsewhere })],
    ['certificate', () => ({ ...server.order(), status: 'valid', certificate: elsewhere })],
  ])('as %s of an order is not asked', async (_name, order) => {
    server.script = ({ path }) =>
      path === '/order'
        ? { status: 201, headers: { location: `${server.url}/order/1` }, body: order() }
        : path === '/order/1'
          ? { body: order() }
          : undefined;
    const { error } = await failureOf();
    expect(error.code).toBe('acme.bad-answer');
  });

  test('that it redirects to is named and not followed', async () => {
    server.script = ({ path }) =>
      path === '/order' ? { status: 307, headers: { location: elsewhere } } : undefined;
    const { error } = await failureOf();
    expect(error.code).toBe('acme.bad-answer');
    expect(error.message).toContain('redirects to 169.254.169.254');
  });
});

describe('what no ACME server answers', () => {
  const nonsense = [null, 7, [], {}, '', 'text', { status: 'valid' }, { status: 'invalid' }];
  const resources = ['/dir', '/order', '/authz/0', '/order/1', '/finalize/1'];
  const cases = resources.flatMap((path) => nonsense.map((body) => [path, body] as const));

  test.each(cases)('at %s, such as %j, ends as an AcmeError', async (path, body) => {
    answering(path, body);
    const { error } = await failureOf();
    expect(error.code).toMatch(/^acme\.(bad-answer|not-proved|refused)$/);
  });

  test.each(nonsense)('to a registration, such as %j, does no harm', async (body) => {
    answering('/account', body);
    await expect(customer.obtain(customer.authority())).resolves.toContain('BEGIN CERTIFICATE');
  });

  test.each([
    ['larger than any', 'x'.repeat(300 * 1024), {}, 'more than 256 KiB'],
    ['packed', gzipSync('x'.repeat(1e7)), { 'content-encoding': 'gzip' }, 'no ACME directory'],
    ['no JSON at all', '{"newNonce":', {}, 'no ACME directory'],
  ])('because it is %s is no directory', async (_what, bytes, headers, words) => {
    server.script = ({ path }, response: ServerResponse) => {
      if (path !== '/dir') return undefined;
      response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(bytes);
      return 'silence';
    };
    const { error } = await failureOf();
    expect(error.code).toBe('acme.bad-answer');
    expect(error.message).toContain(words);
  });
});

describe('a proof', () => {
  test('for a name that was not ordered is not given', async () => {
    offering({ identifier: { type: 'dns', value: 'bank.example' } });
    const presented: string[] = [];
    const solver = new HttpSolver(customer.challenges);
    solver.present = async ({ name }) => void presented.push(name);
    expect((await failureOf({}, { solver })).error.code).toBe('acme.bad-answer');
    expect(presented).toEqual([]);
  });

  test.each(['../../etc/passwd', 'short', 'x'.repeat(300), 'a b c d e f g h i j k l m n', 7])(
    'with the token %.20j is not given',
    async (token) => {
      const url = `${server.url}/challenge/0`;
      offering({ challenges: [{ type: 'http-01', status: 'pending', url, token }] });
      expect((await failureOf()).error.code).toBe('acme.bad-answer');
    },
  );

  test('of more names than were ordered is not given', async () => {
    const authorizations = Array.from({ length: 1000 }, (_, at) => `${server.url}/authz/${at}`);
    server.script = ({ path }) =>
      path === '/order'
        ? {
            status: 201,
            headers: { location: `${server.url}/order/1` },
            body: { ...server.order(), authorizations },
          }
        : undefined;
    expect((await failureOf()).error.code).toBe('acme.bad-answer');
    expect(server.countOf('/authz/0')).toBe(0);
  });

  test('of a wildcard by http-01 is refused before anything is presented', async () => {
    const { error } = await failureOf({}, { names: ['*.films.example'] });
    expect(error.code).toBe('acme.challenge');
    expect(error.message).toContain('a wildcard is proved by dns-01 only: set HUB_DNS_PROVIDER');
  });

  test('whose challenge lies on another host is taken away again', async () => {
    const [offer] = server.authorization(0)['challenges'] as object[];
    offering({ challenges: [{ ...offer, url: 'https://169.254.169.254/latest' }] });
    expect((await failureOf()).error.code).toBe('acme.bad-answer');
  });

  test.each(['deactivated', 'expired', 'revoked', 'invalid', 'dreaming'])(
    'that has become %s ends the order',
    async (status) => {
      offering({ status });
      expect((await failureOf()).error.code).toBe('acme.not-proved');
    },
  );

  test('that fails takes all others away too', async () => {
    const three = ['a.films.example', 'b.films.example', 'c.films.example'];
    server.believes = false;
    server.script = ({ path }) =>
      path === '/authz/1' && server.countOf('/challenge/1') > 0
        ? { body: { ...server.authorization(1), status: 'invalid' } }
        : undefined;
    const patience = { proofMs: 60_000, finishMs: 60_000 };
    const { error, tookMs } = await failureOf({ patience }, { names: three });
    expect(error).toMatchObject({ code: 'acme.not-proved' });
    expect(error.message).toContain('b.films.example');
    expect(tookMs).toBeLessThan(20_000);
  });
});

describe('a certificate', () => {
  test.each([
    ['for another key', 'is for another key', foreignChain],
    ['without a chain', 'is none', () => 'nothing'],
    ['with a private key in it', 'is none', () => '-----BEGIN PRIVATE KEY-----\nAAAA\n'],
    ['that is damaged', 'cannot be read', (usual: string) => usual.replace(/MII\w{9}/, 'AAAA')],
    ['with fifty issuers', 'has 50 issuers', (usual: string) => usual + issuerOf(usual).repeat(49)],
    [
      'with the wrong issuer',
      'issuers that did not sign each other',
      async (usual: string) => leafOf(usual) + leafOf(await foreignChain()),
    ],
  ])('%s is not used', async (_what, words, chain) => {
    sending(chain);
    const { error } = await failureOf();
    expect(error).toMatchObject({ code: 'acme.wrong-certificate', kind: 'transient' });
    expect(error.message).toContain(words);
  });

  test.each([
    ['lacks a name', 'does not cover films.example', ['other.example'], hours(-1, 24)],
    ['has more names', 'that nobody asked for', [...names, 'bank.example'], hours(-1, 24)],
    ['has ended', 'ended on', names, hours(-48, -24)],
    ['begins tomorrow', 'only', names, hours(24, 48)],
  ])('that %s is not used', async (_what, words, signedNames, life) => {
    const sign = server.sign.bind(server);
    server.sign = async (publicKey) => sign(publicKey, signedNames, life);
    const { error } = await failureOf();
    expect(error.code).toBe('acme.wrong-certificate');
    expect(error.message).toContain(words);
  });
});

describe('an attempt that is given up', () => {
  const places = ['/dir', '/account', '/order', '/authz/0', '/challenge/0', '/order/1'];

  test.each([...places, '/certificate/1'])('at %s stops there, and cleans up', async (place) => {
    const givenUp = new AbortController();
    const reason = new Error('the lease is lost');
    let asked = 0;
    server.script = ({ path }) => {
      if (givenUp.signal.aborted) asked += 1;
      if (path !== place) return undefined;
      givenUp.abort(reason);
      return 'silence';
    };
    const { signal } = givenUp;
    await expect(customer.obtain(customer.authority(), { signal })).rejects.toBe(reason);
    expect(asked).toBe(0);
  });

  test('while a proof spreads stops there, and cleans up', async () => {
    const givenUp = new AbortController();
    const solver = new HttpSolver(customer.challenges);
    solver.wait = async (_challenge?: unknown, signal?: AbortSignal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
        givenUp.abort(new Error('the lease is lost'));
      });
    const { signal } = givenUp;
    await expect(customer.obtain(customer.authority(), { solver, signal })).rejects.toThrow(
      'the lease is lost',
    );
    expect(server.countOf('/challenge/0')).toBe(0);
  });
});

function hours(from: number, to: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now + from * hourMs), notAfter: new Date(now + to * hourMs) };
}

/** Sends what `chain` makes of the certificate that was signed. */
function sending(chain: (usual: string) => string | Promise<string>): void {
  let made: string | undefined;
  server.script = ({ path }) => (path === '/certificate/1' ? { body: made ?? '' } : undefined);
  const sign = server.sign.bind(server);
  server.sign = async (...args) => (made = await chain(await sign(...args)));
}

async function foreignChain(): Promise<string> {
  const other = await ScriptedAuthority.start();
  const { publicKey } = await generateKeyPair('ecdsa');
  await other.stop();
  return other.sign(await PublicKey.create(publicKey), names, hours(-1, 24));
}

function leafOf(chain: string): string {
  return `${chain.split(/(?<=-----END CERTIFICATE-----)/)[0]}\n`;
}

function issuerOf(chain: string): string {
  return `${chain.split(/(?<=-----END CERTIFICATE-----)/)[1]?.trim()}\n`;
}

function answering(path: string, body: unknown): void {
  const headers = { location: `${server.url}/order/1` };
  server.script = (asked) =>
    asked.path === path ? { status: path === '/order' ? 201 : 200, headers, body } : undefined;
}

function offering(changed: object) {
  server.script = ({ path }) =>
    path === '/authz/0' ? { body: { ...server.authorization(0), ...changed } } : undefined;
}
