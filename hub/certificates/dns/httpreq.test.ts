import { afterEach, beforeEach, expect, test } from 'vitest';

import { Secret } from '../../../shared/settings/secret.ts';
import { startLocalApi, type LocalApi } from '../../../test/support/dns-apis/local-api.ts';
import { challengeRecord } from './challenge-record.ts';
import { DnsError } from './failure.ts';
import { Httpreq } from './httpreq.ts';

const record = { name: '_acme-challenge.movies.example.org', value: 'the-value' };
const calm = (): AbortSignal => AbortSignal.timeout(15_000);

let api: LocalApi;
beforeEach(async () => {
  api = await startLocalApi(({ headers, path }) => {
    const expected = `Basic ${Buffer.from('hub:top-secret').toString('base64')}`;
    if (headers.authorization !== expected) return { status: 401, body: 'who are you?' };
    return ['/hook/present', '/hook/cleanup'].includes(path)
      ? { status: 200 }
      : { status: 404, body: 'no such hook' };
  });
});
afterEach(async () => api.stop());

function open(options: { password?: string; path?: string; isRaw?: boolean } = {}): Httpreq {
  const { password = 'top-secret', path = '/hook', isRaw } = options;
  const url = new URL(path, api.url);
  return new Httpreq({ kind: 'httpreq', url, user: 'hub', password: new Secret(password), isRaw });
}

async function failureOf(work: Promise<unknown>): Promise<DnsError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DnsError);
  return error as DnsError;
}

test("the endpoint is asked with lego's paths and bodies, and the password", async () => {
  await open().add(record, calm());
  await open({ path: '/hook/' }).remove(record, calm());
  const seen = api.calls.map(({ method, path, body }) => [
    method,
    path,
    JSON.parse(body) as unknown,
  ]);
  const body = { fqdn: '_acme-challenge.movies.example.org.', value: 'the-value' };
  expect(seen).toEqual([
    ['POST', '/hook/present', body],
    ['POST', '/hook/cleanup', body],
  ]);
  expect(api.calls[0]?.headers['content-type']).toBe('application/json');
});

test("in RAW mode it gets domain, token and keyAuth, as lego's does", async () => {
  const proof = { domain: 'movies.example.org', token: 'token', keyAuthorization: 'token.thumb' };
  await open({ isRaw: true }).add(challengeRecord(proof, record.name), calm());
  expect(JSON.parse(api.calls[0]?.body ?? '')).toEqual({
    domain: 'movies.example.org',
    token: 'token',
    keyAuth: 'token.thumb',
  });
});

test('a wrong password is called so, and not repeated', async () => {
  const error = await failureOf(open({ password: 'wrong-9876' }).add(record, calm()));
  expect(error.code).toBe('dns.unauthorised');
  expect(error.message).toContain('user and password');
  expect(error.message).not.toContain('wrong-9876');
});

test('a hook that fails is quoted', async () => {
  const error = await failureOf(open({ path: '/elsewhere' }).add(record, calm()));
  expect(error.code).toBe('dns.hook-failed');
  expect(error.message).toContain('HTTP 404: no such hook');
});

test('a hook that wants time gets it', async () => {
  api.interject(
    { status: 503, body: 'starting' },
    { status: 429, headers: { 'retry-after': '0' } },
  );
  await open().add(record, calm());
  expect(api.calls).toHaveLength(3);
});
