import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { challengeRecord } from '../../hub/certificates/dns/challenge-record.ts';
import { openDnsProvider } from '../../hub/certificates/dns/providers.ts';
import { ask, type QuestionType, type Reply } from '../../hub/certificates/dns/query.ts';
import { startResponder } from '../../hub/composition/name-proofs.ts';
import type { AcmeTls } from '../../hub/settings/acme.ts';
import { createLogger } from '../../shared/log.ts';
import type { Environment } from '../../shared/settings/settings.ts';
import { startLocalApi, type ApiCall, type LocalApi } from '../support/dns-apis/local-api.ts';
import { MemoryTxtRecordStore } from '../support/memory-certificates.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { configOf, missing } from './behaviour.ts';

const least = {
  HUB_TLS: 'acme',
  HUB_PUBLIC_URL: 'https://hub.example.org',
  HUB_TENANT_DOMAIN: 'films.example.net',
  HUB_ACME_AGREE_TERMS: '1',
};
const name = '_acme-challenge.films.example.net';
const proof = { domain: 'films.example.net', token: '-token', keyAuthorization: '-token.thumb' };
const record = challengeRecord(proof, name);
const calm = (): AbortSignal => AbortSignal.timeout(10_000);

function tlsOf(environment: Environment): AcmeTls {
  const { tls } = configOf({ ...least, ...environment });
  return tls.kind === 'acme' ? tls : missing();
}

let folder: TemporaryFolder;
let api: LocalApi;
beforeEach(async () => {
  folder = temporaryFolder('dns-settings');
  // Knows nobody: what it was asked is what counts.
  api = await startLocalApi(() => ({ status: 403, body: {} }));
});
afterEach(async () => {
  await api.stop();
  folder.remove();
});

/** The first request that a provider with these settings makes for a record. */
async function firstCall(environment: Environment): Promise<ApiCall> {
  const settings = tlsOf(environment).dns?.provider;
  if (settings === undefined || settings.kind === 'responder') return missing();
  const local = { ...settings, ...(settings.kind !== 'httpreq' && { baseUrl: api.url }) };
  await openDnsProvider(local)
    .add(record, calm())
    .catch(() => undefined);
  return api.calls[0] ?? missing();
}

const route53 = {
  HUB_DNS_PROVIDER: 'route53',
  HUB_DNS_ROUTE53_ACCESS_KEY_ID: 'AKIAROBIN',
  HUB_DNS_ROUTE53_SECRET_ACCESS_KEY: 'wFh3jQ0pLmX7',
};
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const bearer = /^Bearer wFh3jQ0pLmX7$/;

const providers: [string, Environment, (call: ApiCall) => unknown, RegExp][] = [
  [
    'HUB_DNS_CLOUDFLARE_TOKEN',
    { HUB_DNS_PROVIDER: 'cloudflare', HUB_DNS_CLOUDFLARE_TOKEN: 'wFh3jQ0pLmX7' },
    ({ headers }) => headers.authorization,
    bearer,
  ],
  [
    'HUB_DNS_DIGITALOCEAN_TOKEN',
    { HUB_DNS_PROVIDER: 'digitalocean', HUB_DNS_DIGITALOCEAN_TOKEN: 'wFh3jQ0pLmX7' },
    ({ headers }) => headers.authorization,
    bearer,
  ],
  [
    'HUB_DNS_DESEC_TOKEN',
    { HUB_DNS_PROVIDER: 'desec', HUB_DNS_DESEC_TOKEN: 'wFh3jQ0pLmX7' },
    ({ headers }) => headers.authorization,
    /^Token wFh3jQ0pLmX7$/,
  ],
  [
    'HUB_DNS_HETZNER_TOKEN',
    { HUB_DNS_PROVIDER: 'hetzner', HUB_DNS_HETZNER_TOKEN: 'wFh3jQ0pLmX7' },
    ({ headers }) => headers.authorization,
    bearer,
  ],
  [
    'HUB_DNS_HETZNER_API',
    {
      HUB_DNS_PROVIDER: 'hetzner',
      HUB_DNS_HETZNER_TOKEN: 'wFh3jQ0pLmX7',
      HUB_DNS_HETZNER_API: 'console',
    },
    ({ headers }) => headers['auth-api-token'],
    /^wFh3jQ0pLmX7$/,
  ],
  [
    'HUB_DNS_ROUTE53_ACCESS_KEY_ID',
    route53,
    ({ headers }) => headers.authorization,
    /Credential=AKIAROBIN\//,
  ],
  [
    'HUB_DNS_ROUTE53_SESSION_TOKEN',
    { ...route53, HUB_DNS_ROUTE53_SESSION_TOKEN: 'kQ7vT2pZx9' },
    ({ headers }) => headers['x-amz-security-token'],
    /^kQ7vT2pZx9$/,
  ],
  [
    'HUB_DNS_ROUTE53_ZONE_ID',
    { ...route53, HUB_DNS_ROUTE53_ZONE_ID: 'Z0ROBIN' },
    ({ path }) => path,
    /Z0ROBIN/,
  ],
];

const signature = async (secret: string): Promise<string> => {
  const { headers } = await firstCall({
    ...route53,
    HUB_DNS_ROUTE53_SECRET_ACCESS_KEY: secret,
  });
  api.calls.length = 0;
  return /Signature=(\w+)/.exec(headers.authorization ?? '')?.[1] ?? '';
};

describe('what an operator writes about his DNS provider reaches it', () => {
  test.each(providers)('%s', async (_name, environment, seen, expected) => {
    expect(await firstCall(environment).then(seen)).toMatch(expected);
  });

  test('HUB_DNS_ROUTE53_SECRET_ACCESS_KEY signs', async () => {
    expect(await signature('wFh3jQ0pLmX7')).not.toBe(await signature('another-Secret-77'));
  });

  test('HUB_DNS_HTTPREQ_URL, HUB_DNS_HTTPREQ_USER, HUB_DNS_HTTPREQ_PASSWORD and HUB_DNS_HTTPREQ_RAW', async () => {
    const hook = { HUB_DNS_PROVIDER: 'httpreq', HUB_DNS_HTTPREQ_URL: `${api.url}/hook` };
    const plain = await firstCall(hook);
    expect([plain.path, plain.headers.authorization]).toEqual(['/hook/present', undefined]);
    expect(JSON.parse(plain.body)).toMatchObject({ fqdn: `${name}.` });
    api.calls.length = 0;
    const whole = await firstCall({
      ...hook,
      HUB_DNS_HTTPREQ_USER: 'robin',
      HUB_DNS_HTTPREQ_PASSWORD: 'wFh3jQ0pLmX7',
      HUB_DNS_HTTPREQ_RAW: '1',
    });
    expect(whole.headers.authorization).toBe(basic('robin:wFh3jQ0pLmX7'));
    expect(JSON.parse(whole.body)).toMatchObject({ domain: proof.domain, token: proof.token });
  });

  test('HUB_DNS_EXEC_PATH and HUB_DNS_EXEC_RAW', async () => {
    const path = join(folder.path, 'hook');
    const file = join(folder.path, 'said');
    writeFileSync(path, `#!/bin/sh\nprintf '<%s>' "$@" >> ${file}\n`);
    chmodSync(path, 0o755);
    const hook = { HUB_DNS_PROVIDER: 'exec', HUB_DNS_EXEC_PATH: path };
    for (const environment of [hook, { ...hook, HUB_DNS_EXEC_RAW: '1' }]) {
      const settings = tlsOf(environment).dns?.provider;
      if (settings?.kind !== 'exec') return missing();
      await openDnsProvider(settings).add(record, calm());
    }
    expect(readFileSync(file, 'utf8')).toBe(
      `<present><${name}.><${record.value}><present><--><films.example.net><-token><-token.thumb>`,
    );
    return undefined;
  });

  test('HUB_DNS_RFC2136_ZONE and HUB_DNS_RFC2136_ALGORITHM', async () => {
    const first = await firstMessage({});
    // RFC 1035 §4.1.1: the operation stands in four bits behind the first. 0 asks, 5 updates (RFC 2136 §1.3).
    expect(operationOf(first)).toBe(0);
    const zone = { HUB_DNS_RFC2136_ZONE: 'example.net' };
    expect(operationOf(await firstMessage(zone))).toBe(5);
    const key = { HUB_DNS_RFC2136_KEY_NAME: 'phlix', HUB_DNS_RFC2136_KEY: 'd0ZoM2pRMHBMbVg3' };
    expect(String(await firstMessage({ ...zone, ...key }))).toContain('hmac-sha256');
    const other = { HUB_DNS_RFC2136_ALGORITHM: 'hmac-sha512' };
    expect(String(await firstMessage({ ...zone, ...key, ...other }))).toContain('hmac-sha512');
  });
});

/** What a name server of the operator's hears first. */
async function firstMessage(environment: Environment): Promise<Buffer> {
  const heard = Promise.withResolvers<Buffer>();
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      heard.resolve(bytes);
      socket.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const place = { HUB_DNS_PROVIDER: 'rfc2136', HUB_DNS_RFC2136_SERVER: `127.0.0.1:${port}` };
  const settings = tlsOf({ ...place, ...environment }).dns?.provider;
  if (settings?.kind !== 'rfc2136') return missing();
  const adding = openDnsProvider(settings)
    .add(record, calm())
    .catch(() => undefined);
  const [message] = await Promise.all([heard.promise, adding]);
  server.close();
  return message;
}

/** Behind the length that TCP puts in front. */
function operationOf(message: Buffer): number {
  return (message.readUInt8(4) >> 3) & 15;
}

test('HUB_DNS_RESPONDER_ZONES, HUB_DNS_RESPONDER_ADDRESSES, HUB_DNS_RESPONDER_LISTEN, HUB_DNS_RESPONDER_NAME, HUB_DNS_RESPONDER_CAA and HUB_DNS_RESPONDER_TXT are what the responder answers', async () => {
  const words = {
    HUB_DNS_PROVIDER: 'responder',
    HUB_DNS_RESPONDER_ZONES: 'acme.example.org',
    HUB_DNS_RESPONDER_ADDRESSES: '192.0.2.7',
    HUB_DNS_RESPONDER_LISTEN: '127.0.0.1:0',
  };
  const usual = await answersOf(words);
  expect(usual).toMatchObject({ caa: [], txt: [] });
  expect(usual.ns).toContain('hub.example.org');
  const changed = await answersOf({
    ...words,
    HUB_DNS_RESPONDER_NAME: 'ns1.acme.example.org',
    HUB_DNS_RESPONDER_CAA: 'issue ca.example.org',
    HUB_DNS_RESPONDER_TXT: '_psl.acme.example.org=https://example.org/request',
  });
  expect(changed.ns).toContain('ns1.acme.example.org');
  expect(changed.address).toContain('192.0.2.7');
  expect([changed.caa.length, changed.txt.length]).toEqual([1, 1]);
  const other = await answersOf({ ...words, HUB_DNS_RESPONDER_ZONES: 'other.example.org' });
  expect(other.ns).not.toContain('hub.example.org');
});

async function answersOf(environment: Environment) {
  const config = configOf({ ...least, ...environment });
  const responder = await startResponder({
    config,
    tls: tlsOf(environment),
    stores: { txtRecords: new MemoryTxtRecordStore() },
    sharing: 'alone',
    log: createLogger({ level: 'silent', name: 'test' }),
  });
  const port = responder?.addresses[0]?.port ?? 0;
  const asked = async (of: string, type: QuestionType): Promise<Reply> =>
    ask({ host: '127.0.0.1', port }, { name: of, type, isRecursive: false }, calm());
  try {
    const zone = 'acme.example.org';
    return {
      ns: JSON.stringify((await asked(zone, 'NS')).answers),
      address: JSON.stringify((await asked(`ns1.${zone}`, 'A')).answers),
      caa: (await asked(zone, 'CAA')).answers,
      txt: (await asked(`_psl.${zone}`, 'TXT')).answers,
    };
  } finally {
    await responder?.stop();
  }
}
