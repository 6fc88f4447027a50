import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { readConfig } from '../config.ts';
import { bindAndBecomeUser, becomeUser, isWithin } from './privileges.ts';

const machine = {
  bindsLowPorts: true,
  stateFolder: '/nonexistent/phlix-hub',
  memoryBytes: 2 ** 33,
};
const config = (environment: Record<string, string>) => readConfig(environment, machine);

test('nobody is become where nobody is named', () => {
  expect(becomeUser(config({}))).toBeUndefined();
});

test.each([
  ['one that this machine does not have', 'no-such-user'],
  ['root, written in another way', 'root'],
])('HUB_USER is refused: %s', (_, name) => {
  expect(() => becomeUser(config({ HUB_USER: name }))).toThrow(/HUB_USER.*useradd/s);
});

const responder = {
  HUB_USER: 'daemon',
  HUB_PUBLIC_URL: 'https://hub.example.org',
  HUB_TENANT_DOMAIN: 'films.example.net',
  HUB_TLS: 'acme',
  HUB_ACME_AGREE_TERMS: '1',
  HUB_DNS_PROVIDER: 'responder',
  HUB_DNS_RESPONDER_ZONES: 'films.example.net',
  HUB_DNS_RESPONDER_ADDRESSES: '192.0.2.7',
};

test('a port from 1024 on can be bound again by anybody', () => {
  expect(config(responder).startProblems).toMatchObject([{ name: 'HUB_DNS_RESPONDER_LISTEN' }]);
  expect(config({ ...responder, HUB_DNS_RESPONDER_LISTEN: ':5353' }).startProblems).toEqual([]);
});

describe.skipIf(process.getuid?.() !== 0)('a responder on port 53 beside HUB_USER', () => {
  test('needs the privilege again: a hub that would give it up is refused', async () => {
    const refused = bindAndBecomeUser(config(responder), 'alone');
    await expect(refused).rejects.toThrow(/HUB_DNS_RESPONDER_LISTEN/);
  });

  test('is nothing to commands, which are the same user and listen nowhere', async () => {
    const folder = temporaryFolder('commands').path;
    chmodSync(folder, 0o755);
    const env = { ...responder, HUB_DATA_DIR: join(folder, 'data'), HUB_METRICS_LISTEN: 'off' };
    const main = fileURLToPath(new URL('../main.ts', import.meta.url));
    const run = (...words: string[]) =>
      spawnSync(process.execPath, [main, ...words], { env, encoding: 'utf8' });
    expect(run('health')).toMatchObject({ status: 69, stdout: expect.stringMatching(/no hub/i) });
    expect(run('start')).toMatchObject({ status: 78, stderr: expect.stringMatching(/port 53/) });
  });
});

test('a file is within a folder below its name, not beside it under a longer one', () => {
  expect(isWithin('/var/lib/hub', '/var/lib/hub/auth.log')).toBe(true);
  expect(isWithin('/var/lib/hub/', '/var/lib/hub/logs/auth.log')).toBe(true);
  expect(isWithin('/var/lib/hub', '/var/lib/hub-auth.log')).toBe(false);
  expect(isWithin('/var/lib/hub', '/var/lib/hub/../auth.log')).toBe(false);
});
