import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { startHub, type Hub } from '../../hub/hub.ts';
import { createLogger } from '../../shared/log.ts';
import { hostCommand } from '../support/host-command.ts';
import { ScriptedAuthority, type Asked } from '../support/scripted-authority.ts';
import { newKey, redemption } from '../support/stores.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { configOf, missing } from './behaviour.ts';

const firstKey = 'zWNDZM6eQGHWpSRTPal5eIUY';
const secondKey = 'q7TtPz3VbN8rXwYk2LmJ5hGd';
const folder = temporaryFolder('acme-settings');
let hub: Hub;
let environment: Record<string, string>;
let first: ScriptedAuthority;
let second: ScriptedAuthority;

beforeAll(async () => {
  [first, second] = await Promise.all([ScriptedAuthority.start(), ScriptedAuthority.start()]);
  for (const authority of [first, second]) {
    const meta = { profiles: { shortlived: 'https://ca.example/profiles' } };
    authority.script = ({ path }) =>
      path === '/dir' ? { body: { ...authority.directory(), meta } } : undefined;
  }
  const trust = join(folder.path, 'trust.pem');
  writeFileSync(trust, `${first.trust}\n${second.trust}`);
  environment = {
    HUB_DATA_DIR: folder.path,
    HUB_PUBLIC_URL: 'https://hub.example.test',
    HUB_TENANT_DOMAIN: 'films.example.test',
    HUB_HTTPS_LISTEN: '127.0.0.1:0',
    HUB_HTTP_LISTEN: '127.0.0.1:0',
    HUB_TUNNEL_LISTEN: '127.0.0.1:0',
    HUB_METRICS_LISTEN: 'off',
    HUB_TLS: 'acme',
    HUB_ACME_AGREE_TERMS: '1',
    HUB_ACME_DIRECTORY: first.directoryUrl,
    HUB_ACME_CA_FILE: trust,
    HUB_ACME_EMAIL: 'robin@example.org',
    HUB_ACME_PROFILE: 'shortlived',
    HUB_ACME_EAB_KID: 'kid-1',
    HUB_ACME_EAB_HMAC_KEY: firstKey,
    HUB_ACME_FALLBACK_DIRECTORY: second.directoryUrl,
    HUB_ACME_FALLBACK_EAB_KID: 'kid-2',
    HUB_ACME_FALLBACK_EAB_HMAC_KEY: secondKey,
  };
  const log = createLogger({ level: 'silent', name: 'test' });
  hub = await startHub(configOf(environment), { log });
}, 120_000);

afterAll(async () => {
  await hub?.stop();
  await Promise.all([first.stop(), second.stop()]);
  folder.remove();
});

/** The first request of this kind; waits for it. */
async function asked(authority: ScriptedAuthority, path: string): Promise<Asked> {
  const find = () => authority.asked.find((one) => one.path === path);
  await expect.poll(find, { timeout: 30_000 }).toBeDefined();
  return find() ?? missing();
}

/** RFC 8555 §7.3.4: the shop's key signs the account's. */
function bindingOf({ payload }: Asked, key: string): unknown {
  const binding = payload['externalAccountBinding'] as Record<string, string>;
  const { protected: head = '', payload: body = '', signature } = binding;
  const mac = createHmac('sha256', Buffer.from(key, 'base64url')).update(`${head}.${body}`);
  expect(mac.digest('base64url')).toBe(signature);
  return JSON.parse(Buffer.from(head, 'base64url').toString('utf8'));
}

test('HUB_ACME_DIRECTORY, HUB_ACME_CA_FILE, HUB_ACME_EMAIL, HUB_ACME_EAB_KID and HUB_ACME_EAB_HMAC_KEY make the account', async () => {
  const account = await asked(first, '/account');
  expect(account.payload).toMatchObject({ contact: ['mailto:robin@example.org'] });
  expect(bindingOf(account, firstKey)).toMatchObject({ kid: 'kid-1', alg: 'HS256' });
}, 60_000);

test('HUB_ACME_PROFILE is asked for with each order', async () => {
  expect((await asked(first, '/order')).payload).toMatchObject({ profile: 'shortlived' });
}, 60_000);

test('HUB_ACME_FALLBACK_DIRECTORY, HUB_ACME_FALLBACK_EAB_KID and HUB_ACME_FALLBACK_EAB_HMAC_KEY are for servers that choose it', async () => {
  expect(second.asked.filter(({ path }) => path === '/account')).toEqual([]);
  const { text } = await hub.stores.enrolment.createToken({ label: 'movies' });
  const wish = redemption(text, newKey(), { hub: 'hub.example.test' });
  const { server } = await hub.stores.enrolment.redeem(wish);
  await hub.stores.servers.changeSwitches(server.id, {
    authority: 'second',
    lift: [],
    unlift: [],
  });
  expect(bindingOf(await asked(second, '/account'), secondKey)).toMatchObject({ kid: 'kid-2' });
}, 60_000);

test('certificates renew --no-wait leaves it to the hub, and revoke --anyway asks about no limits', async () => {
  const run = hostCommand(environment);
  const issued = async (): Promise<string | undefined> => {
    const { stdout } = await run('certificates', 'list', '--json');
    const { certificates } = JSON.parse(stdout) as {
      certificates: { id: string; not_after: string | null }[];
    };
    return certificates.find(({ not_after: end }) => end !== null)?.id;
  };
  await expect.poll(issued, { timeout: 30_000 }).toBeDefined();
  const id = (await issued()) ?? '';
  const renewed = await run('certificates', 'renew', id, '--no-wait');
  expect([renewed.exitCode, renewed.stderr]).toEqual([0, '']);
  const revoked = await run('certificates', 'revoke', id, '--anyway');
  expect([revoked.exitCode, revoked.stderr]).toEqual([0, '']);
}, 60_000);
