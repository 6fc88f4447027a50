import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { SettingsError, type Environment } from '../shared/settings/settings.ts';
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

test('a hub has https and a name, an origin http; neither has a path, a query or a password', () => {
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
  for (const url of ['https://127.0.0.1:8096', 'unix:/run/x', 'http://a/b', '127.0.0.1:8096']) {
    expect(problemsOf({ ...enough, PHLIX_ORIGIN_URL: url })).toHaveLength(1);
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

test('a token comes from its variable or its file, and prints as nothing', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'phlix-token-')), 'token');
  writeFileSync(path, 'phe_of-a-file\n');
  const token = readToken({ PHLIX_HUB_ENROLLMENT_TOKEN_FILE: path });
  expect(token?.reveal()).toBe('phe_of-a-file');
  expect(JSON.stringify({ token })).toBe('{"token":"[secret]"}');
  expect(readToken({})).toBeUndefined();
});
