import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, expect, test, vi } from 'vitest';

import { issueAuthority } from '../hub/certificates/issuance.ts';
import type { Secret } from '../shared/settings/secret.ts';
import { hubHost, type AgentsDoor } from '../test/support/agents-door.ts';
import { openReencryptingProxy } from '../test/support/reencrypting-proxy.ts';
import {
  atTheEnd,
  door,
  failureOf,
  movies,
  online,
  run,
  shout,
  shoutingOrigin,
  stopEverything,
} from '../test/support/running-agent.ts';
import { identityPath, readIdentity } from './credentials.ts';
import { readStatus } from './status.ts';

afterEach(stopEverything);

test('a token and an origin are enough: the agent enrols, claims its name, connects and serves', async () => {
  const hub = await door();
  const running = run({
    hubUrl: hub.hubUrl,
    token: await hub.token(),
    originPort: await shoutingOrigin(),
  });
  expect(await shout(await online(hub, movies), 'film')).toBe('FILM');
  const reachable = running.logged.find(({ msg }) => msg === 'your server is reachable');
  expect(reachable).toMatchObject({ level: 'info', addresses: [`https://${movies}`] });
  expect(await readStatus(running.folder)).toMatchObject({
    state: 'connected',
    hub: hub.hubUrl,
    addresses: [`https://${movies}`],
    origin: { state: 'answering' },
  });
  expect(await running.stop()).toEqual({ end: 'interrupted' });
  expect(await readStatus(running.folder)).toBeUndefined();
});

test('a second start needs no token, and says that a leftover one can go', async () => {
  const hub = await door();
  const first = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  await first.stop();
  const readToken = vi.fn<() => Secret | undefined>();
  const leftoverTokens = ['PHLIX_HUB_ENROLLMENT_TOKEN'];
  const second = run({
    hubUrl: hub.hubUrl,
    folder: first.folder,
    options: { readToken, leftoverTokens },
  });
  await online(hub, movies);
  expect(readToken).not.toHaveBeenCalled();
  expect(second.logged.find(({ level }) => level === 'warn')).toMatchObject({
    msg: 'enrolment token is no longer needed',
    remedy: 'unset PHLIX_HUB_ENROLLMENT_TOKEN',
  });
});

test('neither the state nor the logs of either side hold the secret of the token', async () => {
  const hub = await door();
  const token = await hub.token();
  const running = run({ hubUrl: hub.hubUrl, token });
  await online(hub, movies);
  const secret = token.slice(12, 55);
  const written = await readFile(identityPath(running.folder), 'utf8');
  const seen = written + JSON.stringify(running.logged) + JSON.stringify(hub.logged);
  expect(seen).not.toContain(secret);
});

test('a lost reply is asked for again with the same key', async () => {
  const hub = await door();
  const token = await hub.token();
  const first = run({ hubUrl: hub.hubUrl, token });
  await online(hub, movies);
  await first.stop();
  // As if the reply had never come: the key is there, what the hub said is not.
  const stored = JSON.parse(await readFile(identityPath(first.folder), 'utf8')) as object;
  const enrolling = { ...stored, state: 'enrolling', token_id: token.slice(4, 12) };
  await writeFile(identityPath(first.folder), JSON.stringify(enrolling), { mode: 0o600 });
  run({ hubUrl: hub.hubUrl, token, folder: first.folder });
  await online(hub, movies);
  expect(hub.stores.byId.size).toBe(1);
});

test.each([
  ['wrong', 'enrol.token-invalid', 77, async () => `phe_12345678${'a'.repeat(43)}`],
  ['cut off', 'token.malformed', 78, async (hub: AgentsDoor) => (await hub.token()).slice(0, 40)],
  ['missing', 'token.missing', 78, async () => undefined],
  [
    'expired',
    'enrol.token-expired',
    77,
    async (hub: AgentsDoor) => {
      const token = await hub.token();
      for (const [id, record] of hub.stores.tokens) {
        hub.stores.tokens.set(id, { ...record, expiresAt: new Date(0) });
      }
      return token;
    },
  ],
  [
    'of another network',
    'enrol.wrong-network',
    77,
    (hub: AgentsDoor) => hub.token({ cidr: '192.0.2.0/24' }),
  ],
])('a token that is %s stops the agent with %s and %i', async (_, code, exitCode, makeToken) => {
  const hub = await door();
  const token = await makeToken(hub);
  const pinned = token?.includes('.') === false && code === 'enrol.token-invalid';
  const running = run({ hubUrl: hub.hubUrl, token: pinned ? `${token}.${hub.pin}` : token });
  expect(await running.ended).toMatchObject({ end: 'stopped', exitCode, failure: { code } });
});

test('a token for a server that was revoked meanwhile stops the agent', async () => {
  const hub = await door();
  run({ hubUrl: hub.hubUrl, token: await hub.token() });
  const { serverId } = await online(hub, movies);
  const token = await hub.token({ serverId });
  await hub.stores.servers.revoke(serverId);
  expect(await run({ hubUrl: hub.hubUrl, token }).ended).toMatchObject({
    end: 'stopped',
    exitCode: 77,
    failure: {
      code: 'enrol.token-invalid',
      message: expect.stringContaining('no longer has the server this token was made for'),
    },
  });
});

test('a hub that fails is waited for, and the token is still good', async () => {
  const hub = await door();
  const store = { ...hub.stores.enrolment };
  hub.stores.enrolment.transaction = () => Promise.reject(new Error('the database is away'));
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  expect(await failureOf(running)).toMatchObject({
    code: 'hub.unreachable',
    message: expect.stringContaining('cannot enrol anybody at the moment: its log says why'),
  });
  hub.stores.enrolment.transaction = async (work) => store.transaction(work);
  await online(hub, movies);
});

test('a hub that draws only names that are taken says how to do without', async () => {
  const hub = await door();
  const store = { ...hub.stores.enrolment };
  hub.stores.enrolment.transaction = async (work) =>
    store.transaction(async (tx) => work({ ...tx, claimLabel: async () => 'name.taken' }));
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  expect(await failureOf(running)).toMatchObject({
    code: 'enrol.no-name',
    message: expect.stringContaining('set PHLIX_SUBDOMAIN_AUTO_CLAIM=0 to connect without a name'),
  });
});

test('a token that another agent has used stops the agent', async () => {
  const hub = await door();
  const token = await hub.token();
  run({ hubUrl: hub.hubUrl, token });
  await online(hub, movies);
  const second = run({ hubUrl: hub.hubUrl, token });
  expect(await second.ended).toMatchObject({
    end: 'stopped',
    exitCode: 77,
    failure: {
      code: 'enrol.token-used',
      message: expect.stringContaining('make a new one with "phlix-hub enrol-token create"'),
    },
  });
});

test('a token with the pin of another hub stops the agent before anything is sent', async () => {
  const [hub, other] = [await door(), await door()];
  const running = run({ hubUrl: hub.hubUrl, token: await other.token() });
  expect(await running.ended).toMatchObject({
    end: 'stopped',
    exitCode: 78,
    failure: { code: 'hub.pin-mismatch' },
  });
  expect(hub.logged.filter(({ msg }) => msg === 'enrolment refused')).toEqual([]);
});

test('a certificate that nobody vouches for is said and waited for; PHLIX_HUB_CA_FILE mends it', async () => {
  const hub = await door();
  const token = (await hub.token()).split('.')[0];
  const stranger = run({ hubUrl: hub.hubUrl, token });
  expect(await failureOf(stranger)).toMatchObject({
    code: 'hub.certificate',
    message: expect.stringContaining('set PHLIX_HUB_CA_FILE'),
  });
  await stranger.stop();
  const hubCaFile = join(stranger.folder, 'ca.pem');
  await writeFile(hubCaFile, hub.authority.certificate);
  run({ hubUrl: hub.hubUrl, token, folder: stranger.folder, config: { hubCaFile } });
  await online(hub, movies);
});

test('PHLIX_TLS_ENABLED=0 takes the certificate of a hub on this machine as it is', async () => {
  const hub = await door();
  const token = (await hub.token()).split('.')[0];
  run({ hubUrl: hub.hubUrl, token, config: { verifiesCertificate: false } });
  expect((await online(hub, movies)).hostname).toBe(movies);
});

test('a hub that goes by another name is said', async () => {
  const hub = await door();
  const hubUrl = hub.hubUrl.replace(hubHost, 'other.localhost');
  const running = run({ hubUrl, token: await hub.token() });
  expect(await failureOf(running)).toMatchObject({
    code: 'hub.certificate',
    message: expect.stringContaining("write PHLIX_HUB_URL as the hub's HUB_PUBLIC_URL"),
  });
});

/** The likely cause, which neither end can prove: where nothing is wrong with the key, its owner looks here first. */
const reencrypts = 'something between the two opens the TLS connection and encrypts it anew';

test('a man in the middle with a certificate the agent trusts cannot enrol or link in its place', async () => {
  // Both hubs have certificates of one authority: the middle one opens TLS and passes on what is inside.
  const authority = await issueAuthority(['localhost'], new Date());
  const hub = await door({ authority });
  const middle = await openReencryptingProxy(authority, hub.port);
  atTheEnd(() => middle.close());
  const hubUrl = `https://${hubHost}:${middle.port}`;
  const intercepted = run({ hubUrl, token: await hub.token() });
  expect(await failureOf(intercepted)).toMatchObject({
    code: 'enrol.proof',
    message: expect.stringContaining(reencrypts),
  });
  await intercepted.stop();
  expect(hub.stores.byId.size).toBe(0);

  const honest = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  await honest.stop();
  const identity = JSON.parse(await readFile(identityPath(honest.folder), 'utf8')) as object;
  const through = { ...identity, tunnel_urls: [`wss://${hubHost}:${middle.port}/tunnel`] };
  await writeFile(identityPath(honest.folder), JSON.stringify(through), { mode: 0o600 });
  const again = run({ hubUrl, folder: honest.folder });
  expect(await failureOf(again)).toMatchObject({
    code: 'link.unauthorised',
    message: expect.stringContaining(reencrypts),
  });
});

test('a state folder that others can read stops the agent before it looks for the hub', async () => {
  const hub = await door();
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  await running.stop();
  await chmod(running.folder, 0o755);
  const again = run({ hubUrl: hub.hubUrl, folder: running.folder });
  await expect(again.ended).rejects.toMatchObject({ code: 'credentials.exposed' });
});

test('an identity of another hub is not taken to this one', async () => {
  const hub = await door();
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  await running.stop();
  const again = run({ hubUrl: 'https://elsewhere.example:1', folder: running.folder });
  await expect(again.ended).rejects.toMatchObject({ code: 'credentials.other-hub' });
  expect((await readIdentity(running.folder))?.state).toBe('enrolled');
});
