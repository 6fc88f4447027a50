import { X509Certificate } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { AcmeCustomer, never } from '../../../test/support/acme-customer.ts';
import { type Asked, ScriptedAuthority } from '../../../test/support/scripted-authority.ts';
import { createLogger } from '../../../shared/log.ts';
import { HttpSolver } from '../challenges/http-01.ts';
import type { Challenge } from '../challenges/solver.ts';
import { KeyRing } from '../life/sealing.ts';
import type { AcmeAuthority } from './acme-authority.ts';
import { AcmeError } from './problem.ts';

let server: ScriptedAuthority;
let customer: AcmeCustomer;
const dayMs = 86_400_000;

beforeEach(async () => {
  server = await ScriptedAuthority.start();
  customer = new AcmeCustomer(server);
});

afterEach(async () => {
  await server.stop();
  const left = [...customer.challenges.challenges.keys()];
  if (left.length > 0) throw new Error(`proofs left behind: ${left.join(', ')}`);
});

function refusal(status: number, type: string, headers: Record<string, string> = {}) {
  const problem = { type: `urn:ietf:params:acme:error:${type}`, detail: 'Its words.' };
  return { status, headers, body: problem };
}

function accountsAsked(): Asked[] {
  return server.asked.filter(({ path }) => path === '/account');
}

async function ringOf(...secrets: string[]): Promise<KeyRing> {
  return KeyRing.open({ secrets, dataDir: '' });
}

function orders(): Asked[] {
  return server.asked.filter(({ path }) => path === '/order');
}

describe('an order', () => {
  test('brings a chain for its names', async () => {
    const names = ['a.films.example', 'b.films.example'];
    const chain = await customer.obtain(customer.authority(), { names });
    expect(new X509Certificate(chain).subjectAltName).toBe(
      'DNS:a.films.example, DNS:b.films.example',
    );
    expect(chain.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  });

  test('of what is proved already presents nothing', async () => {
    server.script = ({ path }) =>
      path.startsWith('/authz')
        ? { body: { ...server.authorization(0), status: 'valid' } }
        : path === '/order/1' && server.countOf('/finalize/1') === 0
          ? { body: { ...server.order(), status: 'ready' } }
          : undefined;
    const presented: Challenge[] = [];
    const solver = new HttpSolver(customer.challenges);
    solver.present = async (challenge) => void presented.push(challenge);
    await customer.obtain(customer.authority(), { solver });
    expect(presented).toEqual([]);
    expect(server.asked.filter(({ path }) => path.startsWith('/challenge'))).toEqual([]);
  });

  test('goes on when the answer to its last question is lost', async () => {
    let isLost = false;
    server.script = ({ path }, response) => {
      if (path !== '/finalize/1' || isLost) return undefined;
      isLost = true;
      response.destroy();
      return 'silence';
    };
    await expect(customer.obtain(customer.authority())).resolves.toContain('BEGIN CERTIFICATE');
    expect(orders()).toHaveLength(1);
  });

  test('says before it is asked to be signed, and is not if that fails', async () => {
    const counts: number[] = [];
    const beforeSigning = async () => void counts.push(server.countOf('/finalize/1'));
    await customer.obtain(customer.authority(), { beforeSigning });
    expect([...counts, server.countOf('/finalize/1')]).toEqual([0, 1]);
    const refused = customer.obtain(customer.authority(), {
      beforeSigning: async () => Promise.reject(new Error('not now')),
    });
    await expect(refused).rejects.toThrow('not now');
    expect(server.countOf('/finalize/1')).toBe(1);
  });

  test('waits while the authority takes its time, as it asks to', async () => {
    let looks = 0;
    server.script = ({ path }) => {
      if (path !== '/order/1' || server.countOf('/finalize/1') === 0) return undefined;
      looks += 1;
      if (looks > 2) return undefined;
      return { headers: { 'retry-after': '1' }, body: { ...server.order(), status: 'processing' } };
    };
    await customer.obtain(customer.authority());
    expect(orders()).toHaveLength(1);
  });

  test('is not placed while the clock is wrong by a day, and says which way', async () => {
    for (const [offMs, words] of [
      [dayMs, /24 hours ahead of that of localhost:\d+; set it/],
      [-dayMs, /24 hours behind that of localhost:\d+; set it/],
    ] as const) {
      const acme = customer.authority({ now: () => new Date(Date.now() + offMs) });
      await expect(customer.obtain(acme)).rejects.toMatchObject({
        code: 'acme.clock',
        kind: 'fix',
        message: expect.stringMatching(words),
      });
    }
    expect(orders()).toEqual([]);
  });

  test('survives a proof that cannot be taken away again, which is logged', async () => {
    const lines: { msg: string; name: string }[] = [];
    const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
    const log = createLogger({ level: 'info', name: 'test' }, destination);
    const solver = new HttpSolver(customer.challenges);
    const cleanUp = solver.cleanUp.bind(solver);
    solver.cleanUp = async (challenge) => {
      await cleanUp(challenge);
      throw new Error('the provider is down');
    };
    await customer.obtain(customer.authority({ log }), { solver });
    expect(lines).toMatchObject([
      { msg: 'proof could not be taken away again', challenge: 'films.example' },
    ]);
  });
});

describe('a profile', () => {
  test('is asked for where the authority has it', async () => {
    const profiles = { shortlived: 'https://acme.example/profiles' };
    server.script = ({ path }) =>
      path === '/dir' ? { body: { ...server.directory(), meta: { profiles } } } : undefined;
    await customer.obtain(customer.authority(), { profile: 'shortlived' });
    expect(orders()[0]?.payload).toMatchObject({ profile: 'shortlived' });
    await expect(
      customer.obtain(customer.authority(), { profile: 'short-lived' }),
    ).rejects.toMatchObject({
      code: 'acme.profile',
      message: expect.stringContaining('set HUB_ACME_PROFILE to one of shortlived'),
    });
    expect(orders()).toHaveLength(1);
  });

  test('is left out where the authority knows none at all', async () => {
    await customer.obtain(customer.authority(), { profile: 'shortlived' });
    expect(orders()[0]?.payload).not.toHaveProperty('profile');
  });
});

describe('an order that replaces another certificate', () => {
  const replaces = 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE';

  test('says so', async () => {
    await customer.obtain(customer.authority(), { replaces });
    expect(orders().map(({ payload }) => payload['replaces'])).toEqual([replaces]);
  });

  test.each(['alreadyReplaced', 'malformed', 'unauthorized'])(
    'is placed as a new one when that is refused as %s',
    async (type) => {
      server.script = ({ path, payload }) =>
        path === '/order' && payload['replaces'] !== undefined ? refusal(409, type) : undefined;
      await customer.obtain(customer.authority(), { replaces });
      expect(orders().map(({ payload }) => payload['replaces'])).toEqual([replaces, undefined]);
    },
  );

  test('is placed once when a limit is reached', async () => {
    server.script = ({ path }) => (path === '/order' ? refusal(429, 'rateLimited') : undefined);
    await expect(customer.obtain(customer.authority(), { replaces })).rejects.toThrow(AcmeError);
    expect(orders()).toHaveLength(1);
  });

  test('does not say so to an authority without renewal windows', async () => {
    server.script = ({ path }) =>
      path === '/dir' ? { body: { ...server.directory(), renewalInfo: undefined } } : undefined;
    await customer.obtain(customer.authority(), { replaces });
    expect(orders().map(({ payload }) => payload['replaces'])).toEqual([undefined]);
  });
});

describe('an account', () => {
  test('is registered once, with contact and terms, and used by all processes', async () => {
    await customer.obtain(customer.authority());
    await customer.obtain(customer.authority());
    expect(accountsAsked().map(({ payload }) => payload)).toEqual([
      { termsOfServiceAgreed: true, contact: ['mailto:operator@films.example'] },
    ]);
  });

  test('is not registered without consent to the terms, which the message names', async () => {
    const meta = { termsOfService: 'https://acme.example/terms.pdf' };
    server.script = ({ path }) =>
      path === '/dir' ? { body: { ...server.directory(), meta } } : undefined;
    const acme = customer.authority({ agreesToTerms: false });
    await expect(customer.obtain(acme)).rejects.toMatchObject({
      code: 'acme.terms',
      message: expect.stringMatching(
        /read https:\/\/acme\.example\/terms\.pdf, then set HUB_ACME_AGREE_TERMS=1/,
      ),
    });
    expect(accountsAsked()).toEqual([]);
  });

  test('is registered under the same key again after a process died before it knew the address', async () => {
    let isDying = true;
    const { accounts } = customer;
    const saveUrl = accounts.saveUrl.bind(accounts);
    accounts.saveUrl = async (account, url) => {
      if (isDying) throw new Error('killed');
      await saveUrl(account, url);
    };
    await expect(customer.obtain(customer.authority())).rejects.toThrow('killed');
    isDying = false;
    await customer.obtain(customer.authority());
    const keys = accountsAsked().map(({ protectedHeader }) =>
      JSON.stringify(protectedHeader['jwk']),
    );
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });

  test('is sealed anew once its secret is replaced, so that the former one can go', async () => {
    await customer.obtain(customer.authority({ keyRing: await ringOf('former') }));
    const before = await customer.accounts.find(server.directoryUrl);
    const changing = customer.authority({ keyRing: await ringOf('new', 'former') });
    await customer.obtain(changing);
    const after = await customer.accounts.find(server.directoryUrl);
    expect(after).toMatchObject({ url: before?.url });
    await customer.obtain(customer.authority({ keyRing: await ringOf('new') }));
    await customer.obtain(changing);
    expect(await customer.accounts.find(server.directoryUrl)).toBe(after);
    expect(server.countOf('/account')).toBe(1);
  });

  test('learns of another address, or of none, with the next start', async () => {
    let contact: unknown = ['mailto:operator@films.example'];
    server.script = ({ path, payload }) => {
      if (path !== '/account/1') return undefined;
      contact = payload['contact'] ?? contact;
      return { body: { status: 'valid', contact } };
    };
    await customer.obtain(customer.authority());
    await customer.obtain(customer.authority());
    expect(server.countOf('/account/1')).toBe(1);
    const restarted = customer.authority({ contact: 'other@films.example' });
    await customer.obtain(restarted);
    await customer.obtain(restarted);
    expect([contact, server.countOf('/account/1')]).toEqual([['mailto:other@films.example'], 3]);
    await customer.obtain(customer.authority({ contact: undefined }));
    expect(contact).toEqual([]);
  });

  test('whose new address is refused gets its certificates all the same', async () => {
    await customer.obtain(customer.authority());
    server.script = ({ path }) =>
      path === '/account/1' ? refusal(400, 'invalidContact') : undefined;
    const lines: string[] = [];
    const log = createLogger(
      { level: 'info', name: 'test' },
      { write: (line) => lines.push(line) },
    );
    const acme = customer.authority({ contact: 'nonsense', log });
    await customer.obtain(acme);
    await customer.obtain(acme);
    expect(lines).toEqual([expect.stringContaining('HUB_ACME_EMAIL')]);
  });

  test('that is there already, as when two first orders meet, is used whatever is said to a change of it', async () => {
    server.script = ({ path }) => {
      if (path === '/account/1') return refusal(400, 'malformed');
      const headers = { location: `${server.url}/account/1` };
      return path === '/account' ? { headers, body: { status: 'valid' } } : undefined;
    };
    await expect(customer.obtain(customer.authority())).resolves.toContain('BEGIN CERTIFICATE');
    expect((await customer.accounts.find(server.directoryUrl))?.url).toMatch(/account\/1$/);
  });

  test('that is unauthorised for one order only stays', async () => {
    server.script = ({ path }) => (path === '/order' ? refusal(403, 'unauthorized') : undefined);
    await expect(customer.obtain(customer.authority())).rejects.toMatchObject({
      code: 'acme.refused',
    });
    expect(await customer.accounts.find(server.directoryUrl)).toBeDefined();
    expect(accountsAsked()).toHaveLength(1);
  });

  test('that stays refused although it is new is replaced once, not for ever', async () => {
    server.script = ({ path }) =>
      path === '/order' ? refusal(400, 'accountDoesNotExist') : undefined;
    await expect(customer.obtain(customer.authority())).rejects.toMatchObject({
      code: 'acme.account',
    });
    expect(accountsAsked()).toHaveLength(2);
  });
});

describe('a time of renewal', () => {
  const id = 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE';
  const start = '2026-12-01T00:00:00Z';
  const end = '2026-12-02T00:00:00Z';

  function answerWith(body: unknown, headers: Record<string, string> = {}): void {
    server.script = ({ path }) => (path === `/renewal/${id}` ? { body, headers } : undefined);
  }

  test('is the window that the authority names', async () => {
    const explanationURL = 'https://acme.example/incident';
    answerWith({ suggestedWindow: { start, end }, explanationURL }, { 'retry-after': '21600' });
    expect(await customer.authority().renewalInfo(id, never)).toEqual({
      start: new Date(start),
      end: new Date(end),
      explanationUrl: explanationURL,
      retryAfterMs: 21_600_000,
    });
  });

  test.each([
    ['1', 60_000],
    ['999999', dayMs],
    ['soon', 6 * 3_600_000],
  ])('is asked for again after %s seconds, within bounds', async (value, retryAfterMs) => {
    answerWith({ suggestedWindow: { start, end } }, { 'retry-after': value });
    expect(await customer.authority().renewalInfo(id, never)).toMatchObject({ retryAfterMs });
  });

  test.each([
    [{}],
    [{ suggestedWindow: { start: end, end: start } }],
    [{ suggestedWindow: { start, end: 'soon' } }],
    [{ suggestedWindow: { start: 0, end: 1 } }],
    ['<html>'],
    [[]],
  ])('is none in %j', async (body) => {
    answerWith(body);
    await expect(customer.authority().renewalInfo(id, never)).rejects.toMatchObject({
      code: 'acme.bad-answer',
    });
  });

  test('is not known for a certificate that the authority does not know', async () => {
    server.script = ({ path }) => (path === '/dir' ? undefined : refusal(404, 'malformed'));
    expect(await customer.authority().renewalInfo(id, never)).toBeUndefined();
  });

  test('is never asked for by what is no id', async () => {
    const acme = customer.authority();
    expect(await acme.renewalInfo('../order', never)).toBeUndefined();
    expect(await acme.renewalInfo('', never)).toBeUndefined();
    expect(server.asked.map(({ path }) => path)).toEqual(['/dir']);
  });

  test('costs one reading of the directory for many certificates', async () => {
    answerWith({ suggestedWindow: { start, end } });
    const acme = customer.authority();
    for (let count = 0; count < 5; count += 1) await acme.renewalInfo(id, never);
    expect(server.countOf('/dir')).toBe(1);
  });
});

describe('a revocation', () => {
  test('gives the reason, and is done where it was done before', async () => {
    const acme = customer.authority();
    const chain = await customer.obtain(acme);
    await acme.revoke(chain, 'cessationOfOperation', never);
    server.script = ({ path }) => (path === '/revoke' ? refusal(400, 'alreadyRevoked') : undefined);
    await acme.revoke(chain, 'superseded', never);
    const asked = server.asked.filter(({ path }) => path === '/revoke');
    expect(asked.map(({ payload }) => payload['reason'])).toEqual([5, 4]);
  });

  test('of what has ended asks nobody', async () => {
    const acme = customer.authority();
    const chain = await customer.obtain(acme);
    const later = customer.authority({ now: () => new Date(Date.now() + 2 * dayMs) });
    await later.revoke(chain, 'superseded', never);
    expect(server.countOf('/revoke')).toBe(0);
  });
});

test.each(['http://acme.example/dir', 'acme.example', 'https://me:secret@acme.example/dir', ''])(
  'the directory %j is refused at once, and a password in it not repeated',
  (directoryUrl) => {
    const open = (): AcmeAuthority => customer.authority({ directoryUrl });
    expect(open).toThrow(/HUB_ACME_DIRECTORY/);
    expect(open).not.toThrow(/secret/);
  },
);
