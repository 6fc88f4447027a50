import { Buffer } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';

import { expect, test } from 'vitest';

import { SettingsError, type Environment } from '../shared/settings/settings.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';
import { leftoverTokenNames, readConfig, readToken } from './config.ts';

const enough = { PHLIX_HUB_URL: 'https://hub.example.org' };

function problemsOf(environment: Environment): string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems.map(({ name, expected, remedy }) => `${name}: ${expected}; ${remedy}`);
  }
}

test('the address of the hub is enough', () => {
  expect(readConfig({ ...enough, XDG_STATE_HOME: '/state' })).toMatchObject({
    hub: { hostname: 'hub.example.org', port: 443, url: 'https://hub.example.org' },
    origin: { hostname: '127.0.0.1', port: 8096 },
    claimsSubdomain: true,
    verifiesCertificate: true,
    logLevel: 'info',
  });
});

test('figures are shown to nobody, to this machine, or to whom it is written out', () => {
  const listen = (given: string) =>
    readConfig({ ...enough, PHLIX_METRICS_LISTEN: given }).metricsListen;
  expect(readConfig(enough).metricsListen).toBeUndefined();
  expect(listen('off')).toBeUndefined();
  expect(listen('127.0.0.1:9465')).toEqual({ host: '127.0.0.1', port: 9465 });
  expect(listen('[::1]:9465')).toEqual({ host: '::1', port: 9465 });
  expect(listen('0.0.0.0:9465')).toEqual({ host: '0.0.0.0', port: 9465 });
  for (const given of [':9465', '9465', 'localhost:9465', '127.0.0.1', 'yes'])
    expect(problemsOf({ ...enough, PHLIX_METRICS_LISTEN: given })).toEqual([
      expect.stringMatching(/^PHLIX_METRICS_LISTEN: .*write 127\.0\.0\.1:9465/),
    ]);
});

test('a hub has https and a name, an origin one of its kinds; neither has a path, a query or a password', () => {
  for (const url of [
    'http://hub.example.org',
    'hub.example.org',
    'https://hub.example.org/path',
    'https://user:secret@hub.example.org',
    'https://hub.example.org?x=1',
    'wss://hub.example.org',
  ]) {
    const [problem = ''] = problemsOf({ PHLIX_HUB_URL: url });
    expect(problem).toMatch(/^PHLIX_HUB_URL: .*https:\/\//);
    expect(problem).not.toContain('secret');
  }
  for (const url of [
    'http://a/b',
    '127.0.0.1:8096',
    'ftp://127.0.0.1',
    'http://user:secret@127.0.0.1',
    'h2c://a?x=1',
    'unix:relative.sock',
    `unix:/${'x'.repeat(103)}`,
  ]) {
    const [problem = ''] = problemsOf({ ...enough, PHLIX_ORIGIN_URL: url });
    expect(problem).toMatch(/^PHLIX_ORIGIN_URL: .*unix:/);
    expect(problem).not.toContain('secret');
  }
});

test('IPv6 and ports are read as they are written', () => {
  expect(
    readConfig({
      PHLIX_HUB_URL: 'https://Hub.Example.org.:8443',
      PHLIX_ORIGIN_URL: 'http://[::1]:8096',
    }),
  ).toMatchObject({
    hub: { hostname: 'hub.example.org', port: 8443 },
    origin: { hostname: '::1', port: 8096 },
  });
});

const originOf = (url: string) => readConfig({ ...enough, PHLIX_ORIGIN_URL: url }).origin;

test('an origin is reached over TCP, over TLS or over a Unix socket, and speaks HTTP/1.1 or HTTP/2', () => {
  const hostname = 'nas.lan';
  const http = { protocol: 'http/1.1' };
  expect(originOf('http://NAS.lan.')).toMatchObject({ kind: 'tcp', hostname, port: 80, ...http });
  expect(originOf('https://nas.lan')).toMatchObject({ kind: 'tls', hostname, port: 443, ...http });
  expect(originOf('h2c://nas.lan:50051')).toEqual({
    kind: 'tcp',
    hostname,
    port: 50_051,
    protocol: 'h2c',
    url: 'h2c://nas.lan:50051',
  });
  for (const url of ['unix:/run/server.sock', 'unix:///run/server.sock']) {
    expect(originOf(url)).toMatchObject({ kind: 'unix', path: '/run/server.sock', ...http });
  }
});

test('a pin is of a key or of a certificate, in the spellings people copy', () => {
  const origin = { ...enough, PHLIX_ORIGIN_URL: 'https://nas.lan' };
  const digest = Buffer.alloc(32, 0xfb);
  const read = (pin: string) => readConfig({ ...origin, PHLIX_ORIGIN_PIN: pin }).origin;
  const hex = digest.toString('hex');
  const spellings = [
    ['key', digest.toString('base64')],
    ['key', digest.toString('base64url')],
    ['certificate', hex],
    ['certificate', hex.toUpperCase().replace(/..(?=.)/g, '$&:')],
  ];
  for (const [of, text] of spellings) {
    expect(read(`sha256/${text}`)).toMatchObject({ trust: { pin: { of, digest } } });
  }
  for (const pin of [hex, `sha1/${hex}`, `sha256/${hex}00`, 'sha256/']) {
    expect(problemsOf({ ...origin, PHLIX_ORIGIN_PIN: pin })).toHaveLength(1);
  }
});

test('whatever is wrong with the origin is told at once, contradictions included', () => {
  const pin = `sha256/${'0'.repeat(64)}`;
  const folder = temporaryFolder('ca').path;
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, rootCertificates[0] ?? '');
  const problems = problemsOf({
    PHLIX_HUB_URL: 'nonsense',
    PHLIX_ORIGIN_URL: 'http://nas.lan',
    PHLIX_ORIGIN_CA_FILE: ca,
    PHLIX_ORIGIN_PIN: pin,
  });
  expect(problems.map((problem) => problem.split(':')[0])).toEqual([
    'PHLIX_HUB_URL',
    'PHLIX_ORIGIN_CA_FILE',
    'PHLIX_ORIGIN_PIN',
  ]);
  const https = { ...enough, PHLIX_ORIGIN_URL: 'https://nas.lan' };
  expect(problemsOf({ ...https, PHLIX_ORIGIN_CA_FILE: ca })).toEqual([]);
  expect(problemsOf({ ...https, PHLIX_ORIGIN_CA_FILE: ca, PHLIX_ORIGIN_PIN: pin })).toEqual([
    'PHLIX_ORIGIN_PIN: a pin takes the place of every authority; unset it, or unset PHLIX_ORIGIN_CA_FILE',
  ]);
  const empty = join(folder, 'empty.pem');
  writeFileSync(empty, 'no certificate');
  for (const file of [join(folder, 'nowhere'), empty, folder]) {
    expect(problemsOf({ ...https, PHLIX_ORIGIN_CA_FILE: file })).toEqual([
      expect.stringMatching(/^PHLIX_ORIGIN_CA_FILE: expected a readable file with certificates/),
    ]);
  }
});

test('the PROXY protocol is for connections that are one visitor’s and carry no TLS', () => {
  const told = { ...enough, PHLIX_ORIGIN_PROXY_PROTOCOL: '1' };
  for (const url of [undefined, 'http://nas.lan', 'unix:/run/server.sock']) {
    const { origin } = readConfig({ ...told, PHLIX_ORIGIN_URL: url });
    expect(origin.sendsProxyHeader).toBe(true);
  }
  expect(readConfig(enough).origin.sendsProxyHeader).toBeUndefined();
  for (const url of ['https://nas.lan', 'h2c://nas.lan']) {
    expect(problemsOf({ ...told, PHLIX_ORIGIN_URL: url })).toEqual([
      expect.stringMatching(/^PHLIX_ORIGIN_PROXY_PROTOCOL: .*http:\/\/ or unix:$/),
    ]);
  }
});

test('PHLIX_TLS_ENABLED=0 is for a hub on this machine only', () => {
  for (const url of ['https://hub.localhost:8443', 'https://127.0.0.1', 'https://[::1]:8443']) {
    expect(readConfig({ PHLIX_HUB_URL: url, PHLIX_TLS_ENABLED: '0' })).toMatchObject({
      verifiesCertificate: false,
    });
  }
  for (const url of [
    'https://hub.example.org',
    'https://localhost.example.org',
    'https://10.0.0.1',
  ]) {
    const [problem] = problemsOf({ PHLIX_HUB_URL: url, PHLIX_TLS_ENABLED: '0' });
    expect(problem).toMatch(/^PHLIX_TLS_ENABLED: .* set PHLIX_HUB_CA_FILE/);
  }
});

test('what the media server is told is ignored, and a slip of the hand is not', () => {
  expect(problemsOf({ ...enough, PHLIX_DATABASE: 'x', JELLYFIN_DATA_DIR: '/x' })).toEqual([]);
  expect(problemsOf({ ...enough, PHLIX_ORIGIN_ULR: 'http://127.0.0.1:1' })).toEqual([
    expect.stringContaining('did you mean PHLIX_ORIGIN_URL?'),
  ]);
});

test('a token whose file is gone stops nobody who no longer needs it', () => {
  const environment = { ...enough, PHLIX_HUB_ENROLLMENT_TOKEN_FILE: '/nowhere/token' };
  expect(problemsOf(environment)).toEqual([]);
  expect(() => readToken(environment)).toThrow(SettingsError);
  expect(leftoverTokenNames(environment)).toEqual(['PHLIX_HUB_ENROLLMENT_TOKEN_FILE']);
});

test('an emptied file carries no token, and is none to whoever needs one', () => {
  const path = join(temporaryFolder('token').path, 'token');
  writeFileSync(path, '');
  const environment = { ...enough, PHLIX_HUB_ENROLLMENT_TOKEN_FILE: path };
  expect(problemsOf(environment)).toEqual([]);
  expect(leftoverTokenNames(environment)).toEqual([]);
  expect(() => readToken(environment)).toThrow(/is empty/);
  writeFileSync(path, 'phe_used');
  expect(leftoverTokenNames(environment)).toEqual(['PHLIX_HUB_ENROLLMENT_TOKEN_FILE']);
});

test('a token comes from its variable or its file, and prints as nothing', () => {
  const path = join(temporaryFolder('token').path, 'token');
  writeFileSync(path, 'phe_of-a-file\n');
  const token = readToken({ PHLIX_HUB_ENROLLMENT_TOKEN_FILE: path });
  expect(token?.reveal()).toBe('phe_of-a-file');
  expect(JSON.stringify({ token })).toBe('{"token":"[secret]"}');
  expect(readToken({})).toBeUndefined();
});

test('one to eight links are wished for, two unless said otherwise, and nine seconds to end streams', () => {
  expect(readConfig(enough)).toMatchObject({ links: 2, drainTimeoutMs: 9000 });
  const chosen = { ...enough, PHLIX_LINKS: '8', PHLIX_DRAIN_TIMEOUT: '2h' };
  expect(readConfig(chosen)).toMatchObject({ links: 8, drainTimeoutMs: 7_200_000 });
  for (const links of ['0', '9', 'two', '1.5']) {
    expect(problemsOf({ ...enough, PHLIX_LINKS: links })).toHaveLength(1);
  }
});

test('the proxy of the environment stands before the hub, and is told without its password', () => {
  const proxied = { ...enough, HTTPS_PROXY: 'http://me:pa55@proxy.example:3128' };
  expect(readConfig(proxied).hub.proxy?.url).toBe('http://proxy.example:3128');
  expect(readConfig({ ...proxied, NO_PROXY: 'example.org' }).hub.proxy).toBeUndefined();
  const [problem = ''] = problemsOf({ ...enough, HTTPS_PROXY: 'ftp://me:pa55@proxy.example' });
  expect(problem).toMatch(/^HTTPS_PROXY: expected http:/);
  expect(problem).not.toContain('pa55');
});
