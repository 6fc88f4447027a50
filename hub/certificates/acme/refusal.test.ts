import { assert, integer, jsonValue, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { ChallengeKind } from '../challenges/solver.ts';
import { parseProblem } from './problem.ts';
import { inWords, proofRefused, requestRefused } from './refusal.ts';

const refuser = { host: 'acme.example', caaIdentities: ['letsencrypt.org'] };

function problem(type: string, rest: object = {}) {
  return parseProblem({
    type: `urn:ietf:params:acme:error:${type}`,
    detail: 'Its words.',
    ...rest,
  });
}

describe('a request that an authority refuses', () => {
  test.each([
    [
      'rateLimited',
      429,
      'acme.rate-limited',
      'wait',
      /asks again in 34 hours; until then it serves/,
    ],
    ['serverInternal', 500, 'acme.unavailable', 'transient', /asks again in 34 hours/],
    ['caa', 403, 'acme.caa', 'fix', /add the record "0 issue letsencrypt\.org"/],
    ['dns', 400, 'acme.dns', 'fix', /Look at the DNS/],
    ['externalAccountRequired', 403, 'acme.account-binding', 'fix', /set HUB_ACME_EAB_KID and/],
    ['invalidContact', 400, 'acme.contact', 'fix', /HUB_ACME_EMAIL/],
    ['unsupportedContact', 400, 'acme.contact', 'fix', /HUB_ACME_EMAIL/],
    ['accountDoesNotExist', 400, 'acme.account', 'fix', /registers a new account by itself/],
    ['rejectedIdentifier', 400, 'acme.rejected-name', 'fix', /choose another one/],
    ['invalidProfile', 400, 'acme.profile', 'fix', /HUB_ACME_PROFILE/],
    ['badCSR', 400, 'acme.refused', 'fix', /put right/],
    ['ofTheFuture', 400, 'acme.refused', 'fix', /put right/],
  ])('as %s says what to do', (type, status, code, kind, remedy) => {
    const retryAfterMs = 34 * 3_600_000;
    const error = requestRefused(refuser, { status, problem: problem(type), retryAfterMs });
    expect(error).toMatchObject({ code, kind, retryAfterMs });
    expect(error.message).toMatch(/^acme\.example refuses: "Its words"\. /);
    expect(error.message).toMatch(remedy);
  });

  test('as a person has to agree to something, it names the page', () => {
    const asked = problem('userActionRequired', { instance: 'https://acme.example/terms' });
    const error = requestRefused(refuser, { status: 403, problem: asked, retryAfterMs: undefined });
    expect(error.code).toBe('acme.terms');
    expect(error.message).toContain('Open https://acme.example/terms and agree');
  });

  test.each([
    [429, 'acme.rate-limited', 'wait'],
    [503, 'acme.unavailable', 'transient'],
    [418, 'acme.refused', 'fix'],
  ])('by a balancer with %i and no problem document is still told apart', (status, code, kind) => {
    const refusal = { status, problem: undefined, retryAfterMs: undefined };
    const error = requestRefused(refuser, refusal);
    expect(error).toMatchObject({ code, kind });
    expect(error.message).toContain(`with HTTP status ${status}`);
  });

  test('for single names says for which', () => {
    const subproblems = [
      { identifier: { type: 'dns', value: 'a.example' }, detail: 'Too many labels.' },
      'nonsense',
    ];
    const refused = problem('compound', { subproblems });
    const error = requestRefused(refuser, {
      status: 400,
      problem: refused,
      retryAfterMs: undefined,
    });
    expect(error.message).toContain('Its words.; a.example: Too many labels');
  });
});

describe('a proof that an authority does not accept', () => {
  test.each<[ChallengeKind, string, string, RegExp]>([
    ['http-01', 'connection', 'acme.not-proved', /http:\/\/a\.example\/ on port 80/],
    ['http-01', 'dns', 'acme.dns', /Give a\.example an A or AAAA record/],
    ['tls-alpn-01', 'tls', 'acme.not-proved', /on port 443 .* no proxy in between ends the TLS/],
    ['tls-alpn-01', 'dns', 'acme.dns', /Give a\.example an A or AAAA record/],
    [
      'dns-01',
      'unauthorized',
      'acme.not-proved',
      /no such TXT record at _acme-challenge\.a\.example/,
    ],
    ['dns-01', 'dns', 'acme.dns', /Look up TXT _acme-challenge\.a\.example/],
    ['dns-01', 'caa', 'acme.caa', /A CAA record of a\.example, or of a domain above it/],
    ['http-01', 'rejectedIdentifier', 'acme.rejected-name', /choose another one/],
  ])('by %s as %s says what to change', (kind, type, code, remedy) => {
    const error = proofRefused(refuser, 'a.example', kind, problem(type));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/does not accept the proof for a\.example \(.*\): "Its words"/);
    expect(error.message).toMatch(remedy);
  });

  test('without a reason is told as such', () => {
    const error = proofRefused(refuser, 'a.example', 'http-01', undefined);
    expect(error.message).toContain('it does not say why');
  });
});

describe("an authority's words", () => {
  test('are one line without control characters, of bounded length', () => {
    const detail = `\u001b[31mred\u0000\nline\u202e two ${'x'.repeat(5000)}`;
    const words = parseProblem({ detail })?.detail ?? '';
    expect(words).toMatch(/^\[31mred line two x+\.\.\.$/);
    expect(words.length).toBeLessThan(520);
  });

  test.each([[null], ['text'], [[]], [{}], [{ type: 7, detail: 7 }], [42]])(
    'are none in %j',
    (body) => {
      expect(parseProblem(body)).toBeUndefined();
    },
  );

  test.each([['javascript:alert(1)'], ['https://a b'], [`https://a/${'x'.repeat(600)}`], [7]])(
    'hold no page to open when it is %j',
    (instance) => {
      expect(parseProblem({ detail: '', instance })?.instance).toBeUndefined();
    },
  );
});

test('whatever is sent as a problem, a sentence of bounded length comes of it', () => {
  assert(
    property(jsonValue(), string(), integer(), (body, type, status) => {
      const sent = { type: `urn:ietf:params:acme:error:${type}`, detail: body, subproblems: body };
      for (const said of [body, sent, { detail: type, subproblems: [sent, body] }]) {
        const refused = { status, problem: parseProblem(said), retryAfterMs: undefined };
        const { message } = requestRefused(refuser, refused);
        expect(message).not.toMatch(/\p{C}/u);
        expect(message.length).toBeLessThan(5000);
      }
    }),
  );
});

test.each([
  [500, 'a second'],
  [90_000, '90 seconds'],
  [3_600_000, '60 minutes'],
  [34 * 3_600_000, '34 hours'],
  [7 * 86_400_000, '7 days'],
])('%i ms are %s', (ms, words) => {
  expect(inWords(ms)).toBe(words);
});
