import { readFileSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { TestDns } from '../support/dns-server.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { contentHash } from '../support/content.ts';
import { Curl } from '../support/curl.ts';
import { startOrigin, type Origin } from '../support/origin/origin.ts';
import { hasParts } from '../support/parts.ts';
import { startPostgres } from '../support/postgres.ts';
import { selfSigned } from '../support/self-signed.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const patience = { timeout: 20_000, interval: 100 };
const film = '/content/film/300000';

interface Domain {
  readonly hostname: string;
  readonly state: string;
  readonly why: string;
  readonly server_label: string | null;
  readonly proof_record: { readonly name: string; readonly value: string };
}

let dns: TestDns;
let origin: Origin;
let hub: HubProcess;
let curl: Curl;
const agents: AgentProcess[] = [];
const folder = temporaryFolder('domains');

describe.skipIf(!hasParts('curl'))('a domain of an owner', () => {
  beforeAll(async () => {
    dns = await TestDns.start();
    dns.set('hub.localhost', 'A', '127.0.0.1');
    dns.set('*.phlix.localhost', 'A', '127.0.0.1');
    origin = await startOrigin();
    hub = await HubProcess.start({ settings: await settings(dns) });
    curl = new Curl(join(folder.path, 'all.pem'));
    for (const label of ['movies', 'music', 'doomed']) await home(label);
  });

  afterAll(async () => {
    for (const agent of agents) await agent.stop();
    await hub?.stop();
    await origin?.stop();
    await dns?.stop();
  });

  test('is told what to set, and is nobody’s until it is', async () => {
    const { stdout, exitCode } = await hub.run('domains', 'add', 'Films.Example.org', 'movies');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^CNAME +films\.example\.org +movies\.phlix\.localhost$/m);
    expect(stdout).toMatch(/^TXT +_phlix\.films\.example\.org +phlix-verify=[0-9a-f]{32}$/m);
    expect(stdout).toMatch(/^A +films\.example\.org +127\.0\.0\.1$/m);
    expect(stdout).toContain('HUB_TLS_CERT_FILE');
    expect(await codeAt('films')).toBe('tunnel.unknown');
    const checked = await hub.run('domains', 'check', 'films.example.org');
    expect(checked.exitCode).toBe(69);
    expect(checked.stdout).toMatch(/The TXT record _phlix\.films\.example\.org is not there yet/);
  });

  test('that leads here without its proof is not served', async () => {
    dns.set('films.example.org', 'CNAME', 'movies.phlix.localhost');
    expect((await check('films')).state).toBe('waiting');
    expect(await codeAt('films')).toBe('tunnel.unknown');
  });

  test('plays its film within seconds of its proof, and the server knows by which name it was asked', async () => {
    await prove('films');
    await expect.poll(async () => codeAt('films'), patience).toBe('200');
    const played = await curl.get(addressOf('films', film), ...toHub('films'));
    expect(played.sha256).toBe(contentHash('film', 0, 300_000));
    const { body } = await curl.get(addressOf('films', '/request'), ...toHub('films'));
    const { fields } = JSON.parse(body.toString()) as { fields: string[] };
    const authority = `films.example.org:${hub.ports.https}`;
    expect(fields.join('\n')).toMatch(new RegExp(`^host\n${authority}$`, 'im'));
    expect(fields.join('\n')).toMatch(new RegExp(`^x-forwarded-host\n${authority}$`, 'im'));
    expect(fields.join('\n')).toMatch(/^x-forwarded-proto\nhttps$/im);
    expect(await listed('films')).toMatchObject({ state: 'active', server_label: 'movies' });
    expect((await hub.run('domains', 'check', 'films.example.org')).exitCode).toBe(0);
    await agents[0]?.program.waitForLine(/"https:\/\/films\.example\.org:\d+"/);
  });

  test('is sent from plain HTTP to itself', async () => {
    const request = get({
      port: hub.ports.http,
      host: '127.0.0.1',
      headers: { host: 'films.example.org' },
    });
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.headers.location).toBe(addressOf('films', '/'));
  });

  test('stays with its server when that gets another label', async () => {
    await hub.run('servers', 'rename', 'movies', 'cinema');
    await expect.poll(async () => (await listed('films'))?.server_label, patience).toBe('cinema');
    expect(await codeAt('films')).toBe('200');
    await hub.run('servers', 'rename', 'cinema', 'movies');
  });

  test('cannot be taken by whoever adds it second, whose claim takes nothing from the first', async () => {
    await hub.run('domains', 'add', 'films.example.org', 'music');
    const claims = await checkAll('films');
    expect(claims.map(({ server_label: label, state }) => [label, state])).toEqual([
      ['movies', 'active'],
      ['music', 'waiting'],
    ]);
    expect(claims[1]?.why).toMatch(/holds another claim's proof/);
    expect((await hub.run('domains', 'remove', 'films.example.org')).stderr).toMatch(/--server/);
    await hub.run('domains', 'remove', 'films.example.org', '--server', 'music');
    expect(await codeAt('films')).toBe('200');
  });

  test('moves to another server when its DNS says so', async () => {
    await hub.run('domains', 'add', 'moving.example.org', 'movies');
    await hub.run('domains', 'add', 'moving.example.org', 'music');
    dns.set('moving.example.org', 'A', '127.0.0.1');
    const [first, second] = await checkAll('moving');
    dns.set('_phlix.moving.example.org', 'TXT', first?.proof_record.value ?? '');
    expect((await checkAll('moving')).map(({ state }) => state)).toEqual(['active', 'waiting']);
    dns.set('_phlix.moving.example.org', 'TXT', second?.proof_record.value ?? '');
    await expect.poll(async () => (await listed('moving'))?.server_label, patience).toBe('music');
  });

  test('that leads elsewhere is still served for the grace, then said to be dropped, then gone', async () => {
    await hub.run('domains', 'add', 'leaving.example.org', 'movies');
    dns.set('leaving.example.org', 'CNAME', 'movies.phlix.localhost');
    await prove('leaving');
    await expect.poll(async () => codeAt('leaving'), patience).toBe('200');
    dns.set('leaving.example.org', 'CNAME');
    dns.set('leaving.example.org', 'A', '203.0.113.7');
    let seen: Domain | undefined;
    await expect
      .poll(async () => (seen = await listed('leaving'))?.state, patience)
      .toBe('unreachable');
    expect(await codeAt('leaving')).toBe('200');
    expect(seen?.why).toMatch(/leads to 203\.0\.113\.7, .*served until/);
    await expect.poll(async () => codeAt('leaving'), patience).toBe('tunnel.unknown');
    expect((await listed('leaving'))?.why).toMatch(/^It was dropped on .* not in order for 8s/);
    expect(hub.program.output).toMatch(/leaving\.example\.org.*"state":"dropped".*domain changed/);
  });

  test('whose proof is withdrawn and set again within the grace goes on as if nothing had been', async () => {
    await hub.run('domains', 'add', 'wavering.example.org', 'movies');
    dns.set('wavering.example.org', 'CNAME', 'movies.phlix.localhost');
    const { proof_record: proof } = await prove('wavering');
    await expect.poll(async () => (await listed('wavering'))?.state, patience).toBe('active');
    dns.set(proof.name, 'TXT');
    await expect.poll(async () => (await listed('wavering'))?.state, patience).toBe('withdrawn');
    dns.set(proof.name, 'TXT', proof.value);
    await expect.poll(async () => (await listed('wavering'))?.state, patience).toBe('active');
    expect(await codeAt('wavering')).toBe('200');
  });

  test('that still points to a server long revoked is nobody’s to take over', async () => {
    await hub.run('domains', 'add', 'dangling.example.org', 'doomed');
    dns.set('dangling.example.org', 'CNAME', 'doomed.phlix.localhost');
    await prove('dangling');
    await expect.poll(async () => codeAt('dangling'), patience).toBe('200');
    await hub.run('servers', 'revoke', 'doomed');
    await expect.poll(async () => codeAt('dangling'), patience).toBe('tunnel.unknown');
    // Alias and TXT record are still there, as people leave them.
    await hub.run('domains', 'add', 'dangling.example.org', 'music');
    expect(await check('dangling')).toMatchObject({ state: 'waiting', server_label: 'music' });
    expect(await codeAt('dangling')).toBe('tunnel.unknown');
  });

  test('is served no more at once when it is removed', async () => {
    await hub.run('domains', 'add', 'short.example.org', 'movies');
    dns.set('short.example.org', 'CNAME', 'movies.phlix.localhost');
    await prove('short');
    await expect.poll(async () => codeAt('short'), patience).toBe('200');
    const { stdout } = await hub.run('domains', 'remove', 'short.example.org');
    expect(stdout).toContain('short.example.org is removed.');
    await expect.poll(async () => codeAt('short'), patience).toBe('tunnel.unknown');
    expect((await hub.run('domains', 'check', 'short.example.org')).stderr).toMatch(/Nobody has/);
  });

  test('whose name servers are silent keeps no other waiting', async () => {
    dns.misbehave('silent.example.org', 'silent');
    await hub.run('domains', 'add', 'silent.example.org', 'movies');
    await hub.run('domains', 'add', 'brisk.example.org', 'movies');
    dns.set('brisk.example.org', 'CNAME', 'movies.phlix.localhost');
    await prove('brisk');
    await expect.poll(async () => codeAt('brisk'), patience).toBe('200');
    expect((await listed('silent'))?.state).toBe('waiting');
  });
});

describe.skipIf(!hasParts('curl', 'postgresql'))('a domain on a hub of two processes', () => {
  test('is known to both of them, whichever was told', async () => {
    const database = await startPostgres();
    const names = await TestDns.start();
    names.set('hub.localhost', 'A', '127.0.0.1');
    names.set('films.example.org', 'A', '127.0.0.1');
    const shared = {
      ...(await settings(names)),
      HUB_DATABASE_URL: await database.createDatabase(),
    };
    const one = await HubProcess.start({ settings: shared });
    const other = await HubProcess.start({ settings: shared });
    const agent = new AgentProcess({
      hub: one,
      originPort: 1,
      token: await one.createToken('--label', 'movies'),
      settings: { PHLIX_HUB_CA_FILE: join(folder.path, 'hub.pem') },
    });
    await agent.reachable();
    await one.run('domains', 'add', 'films.example.org', 'movies');
    const { stdout } = await one.run('domains', 'list', '--json');
    const [claim] = (JSON.parse(stdout) as { domains: Domain[] }).domains;
    names.set('_phlix.films.example.org', 'TXT', claim?.proof_record.value ?? '');
    const caller = new Curl(join(folder.path, 'all.pem'));
    const at = async ({ ports }: HubProcess): Promise<string> => {
      const answer = await caller.get(
        `https://films.example.org:${ports.https}/`,
        '--resolve',
        `films.example.org:${ports.https}:127.0.0.1`,
      );
      return (JSON.parse(answer.body.toString()) as { code: string }).code;
    };
    await expect.poll(async () => at(other), patience).toBe('tunnel.offline');
    expect(await at(one)).toBe('origin.unreachable');
    await one.run('domains', 'remove', 'films.example.org');
    await expect.poll(async () => at(other), patience).toBe('tunnel.unknown');
    await expect.poll(async () => at(one), patience).toBe('tunnel.unknown');
    await agent.stop();
    await one.stop();
    await other.stop();
    await names.stop();
    await database.stop();
  });
});

/** Certificates from files: for the hub, its servers, and the names that owners bring. */
async function settings(resolver: TestDns): Promise<Record<string, string>> {
  const pairs = { hub: 'hub.localhost', tenants: '*.phlix.localhost', owners: '*.example.org' };
  const paths = { chains: [] as string[], keys: [] as string[] };
  for (const [file, host] of Object.entries(pairs)) {
    const { cert, key } = await selfSigned(host);
    const [chainPath, keyPath] = [
      join(folder.path, `${file}.pem`),
      join(folder.path, `${file}.key`),
    ];
    writeFileSync(chainPath, cert);
    writeFileSync(keyPath, key, { mode: 0o600 });
    paths.chains.push(chainPath);
    paths.keys.push(keyPath);
  }
  const all = paths.chains.map((path) => readFileSync(path, 'utf8')).join('\n');
  writeFileSync(join(folder.path, 'all.pem'), all);
  return {
    HUB_TLS: 'files',
    HUB_TLS_CERT_FILE: paths.chains.join(','),
    HUB_TLS_KEY_FILE: paths.keys.join(','),
    HUB_DNS_RESOLVERS: resolver.server,
    HUB_DOMAIN_CHECK_INTERVAL: '1s',
    HUB_DOMAIN_GRACE: '8s',
  };
}

async function home(label: string): Promise<void> {
  const token = await hub.createToken('--label', label);
  const caFile = join(folder.path, 'hub.pem');
  const agent = new AgentProcess({
    hub,
    originPort: origin.port,
    token,
    settings: { PHLIX_HUB_CA_FILE: caFile },
  });
  agents.push(agent);
  await agent.reachable();
}

function addressOf(label: string, path: string): string {
  return `https://${label}.example.org:${hub.ports.https}${path}`;
}

function toHub(label: string): string[] {
  return ['--resolve', `${label}.example.org:${hub.ports.https}:127.0.0.1`];
}

/** `200`, or the code of the problem. */
async function codeAt(label: string): Promise<string> {
  const { status, body } = await curl.get(addressOf(label, '/request'), ...toHub(label));
  return status === 200 ? '200' : (JSON.parse(body.toString()) as { code: string }).code;
}

async function checkAll(label: string): Promise<Domain[]> {
  const { stdout, stderr } = await hub.run('domains', 'check', `${label}.example.org`, '--json');
  expect(stderr).toBe('');
  return (JSON.parse(stdout) as { domains: Domain[] }).domains;
}

async function check(label: string): Promise<Domain> {
  const [domain] = await checkAll(label);
  if (domain === undefined) throw new Error(`${label} is not there`);
  return domain;
}

/** Puts the proof into the DNS; the hub finds it by itself. */
async function prove(label: string): Promise<Domain> {
  const domain = await listed(label);
  if (domain === undefined) throw new Error(`${label} is not there`);
  dns.set(domain.proof_record.name, 'TXT', domain.proof_record.value);
  return domain;
}

/** The newest claim to it, dropped ones too. */
async function listed(label: string): Promise<Domain | undefined> {
  const { stdout } = await hub.run('domains', 'list', '--all', '--json');
  const { domains } = JSON.parse(stdout) as { domains: Domain[] };
  return domains.findLast(({ hostname }) => hostname === `${label}.example.org`);
}
