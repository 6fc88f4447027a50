import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Finding } from '../../shared/doctor/finding.ts';
import { ApiClient } from '../support/api-client.ts';
import { deploy, type Deployment } from '../support/deployment.ts';
import { Visitor } from '../support/visitor.ts';

let origin: Server;
let deployed: Deployment;
let admin: ApiClient;

beforeAll(async () => {
  origin = createServer((_, response) => response.end('a media server'));
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  deployed = await deploy({
    originPort: (origin.address() as AddressInfo).port,
    hub: {
      settings: {
        HUB_ADVISORY_FEED: 'https://127.0.0.1:9/holes.json',
        HUB_ADVISORY_SIGNER: 'RWRwaGxpeGtlear+bEOaMuYhuIkF2M1RuQ+3Y4PBf6b41cfoEr/R3bvH',
      },
    },
    agent: { settings: { PHLIX_REPORT_FINDINGS: '1' } },
  });
  admin = new ApiClient(deployed.hub);
  await admin.becomeAdmin();
}, 180_000);

afterAll(async () => {
  await deployed?.stop();
  origin?.close();
});

interface Diagnosis {
  readonly healthy: boolean;
  readonly findings: readonly Finding[];
}

const statesOf = (findings: readonly Finding[]): Record<string, string> =>
  Object.fromEntries(findings.map(({ check, state }) => [check, state]));

test(
  'a hub that runs is well, by its command and by the page of its admins',
  { timeout: 60_000 },
  async () => {
    const { exitCode, stdout, stderr } = await deployed.hub.run('doctor', '--json');
    const { healthy, findings } = JSON.parse(stdout) as Diagnosis;
    expect({ exitCode, stderr, healthy }).toEqual({ exitCode: 0, stderr: '', healthy: true });
    expect(statesOf(findings)).toMatchObject({
      'hub.running': 'ok',
      'reach.https': 'ok',
      'reach.tunnel': 'ok',
      'reach.http': 'ok',
      'tls.interception': 'ok',
      'port.https': 'ok',
      'port.tunnel': 'ok',
      'bind.addresses': 'ok',
      'database.schema': 'ok',
      'backup.age': 'warning',
      'audit.chain': 'ok',
      'detectors.audit': 'ok',
      'detectors.bans': 'ok',
      'accounts.passkeys': 'warning',
      'software.versions': 'ok',
      // Nobody is there: what this version knows by itself is compared.
      'software.feed': 'warning',
    });
    const helpless = findings.filter(
      ({ state, remedy }) => state === 'warning' && remedy === undefined,
    );
    expect(helpless).toEqual([]);
    const { json } = await admin.ask('GET', '/api/v1/admin/health');
    const items = json['items'] as Finding[];
    expect(items.map(({ check }) => check)).toEqual(findings.map(({ check }) => check));
    expect(json['state']).toBe('warning');
  },
);

test('who runs into a limit is on the page of health', async () => {
  const visitor = new ApiClient(deployed.hub);
  let status = 0;
  for (let count = 0; count < 20 && status !== 429; count += 1)
    ({ status } = await visitor.ask('POST', '/api/v1/auth/login', {
      body: { username: 'nobody-at-all', password: 'wrong wrong wrong' },
    }));
  expect(status).toBe(429);
  const { json } = await admin.ask('GET', '/api/v1/admin/health');
  expect(json['trips']).toMatchObject([{ limit: 'login.locked', who: '127.0.0.1' }]);
});

test(
  'an agent’s doctor measures its line, through either port of the hub',
  { timeout: 60_000 },
  async () => {
    const { stdout } = await deployed.agent.run('doctor', '--json');
    const { healthy, findings } = JSON.parse(stdout) as Diagnosis;
    expect(healthy).toBe(true);
    expect(statesOf(findings)).toMatchObject({
      'agent.running': 'ok',
      'reach.tunnel': 'ok',
      'reach.https': 'ok',
      'tls.interception': 'ok',
      'line.speed': 'ok',
      'line.bitrate': 'ok',
    });
    const bitrate = findings.find(({ check }) => check === 'line.bitrate');
    expect(bitrate?.message).toMatch(/at \d+ Mbit\/s fits/);
  },
);

interface Told {
  readonly state: string | null;
  readonly line_measured_at: string | null;
  readonly items: readonly (Finding & { readonly looked_at: string })[];
}

test(
  'what the agent finds is on its server’s page: its media server goes, and comes back',
  { timeout: 120_000 },
  async () => {
    const { json } = await admin.ask('GET', '/api/v1/servers');
    const [server] = json['items'] as { id: string }[];
    const id = server?.id ?? '';
    const path = `/api/v1/servers/${id}/findings`;
    const told = async (): Promise<Told> => (await admin.ask('GET', path)).json as unknown as Told;
    const origins = async (): Promise<Finding | undefined> =>
      (await told()).items.find(({ check }) => check === 'origin.reachable');
    const patience = { timeout: 40_000, interval: 100 };

    const news = await admin.open('GET', `/api/v1/events?topics=servers&server=${id}`);
    const heard = (async () => {
      for await (const piece of news) if (String(piece).includes('event: servers')) return true;
      return false;
    })();

    const { port } = origin.address() as AddressInfo;
    origin.close();
    origin.closeAllConnections();
    expect(await admin.ask('POST', path)).toMatchObject({ status: 202, json: { is_asked: true } });
    const gone = { state: 'failure', remedy: expect.stringMatching(/media server/) };
    await expect.poll(origins, patience).toMatchObject(gone);
    expect(await told()).toMatchObject({ state: 'failure' });
    // As pages that are open hear of it.
    expect(await heard).toBe(true);
    const page = await admin.ask('GET', `/servers/${id}`);
    expect(page.text).toContain(`127.0.0.1:${port}`);
    // Asked, it measures its line, too.
    await expect.poll(async () => (await told()).line_measured_at, patience).not.toBeNull();
    const { items } = await told();
    expect(statesOf(items)).toMatchObject({
      'agent.running': 'ok',
      'clock.offset': 'ok',
      'tls.interception': 'ok',
      'line.speed': expect.any(String),
      'line.bitrate': expect.any(String),
    });

    origin.listen(port, '127.0.0.1');
    await once(origin, 'listening');
    // Nobody asks the agent: a visitor shows it that the media server is there again.
    const visitor = new Visitor(deployed.address, deployed.hub.caFile);
    const seen = await visitor.ask('/');
    seen.resume();
    expect(seen.statusCode).toBe(200);
    await expect.poll(origins, patience).toMatchObject({ state: 'ok' });
    visitor.leave();
    const { stdout } = await deployed.hub.run('servers', 'findings', id);
    expect(stdout).toMatch(/^looked at .*, line measured /);
    expect(stdout).toMatch(/^ok +origin\.reachable /m);
  },
);

test('a hub that has stopped is looked at from outside', { timeout: 60_000 }, async () => {
  await deployed.agent.stop();
  await deployed.hub.stop();
  const { exitCode, stdout } = await deployed.hub.run('doctor', '--json');
  const { healthy, findings } = JSON.parse(stdout) as Diagnosis;
  expect({ exitCode, healthy }).toEqual({ exitCode: 0, healthy: true });
  expect(statesOf(findings)).toMatchObject({
    'hub.running': 'unknown',
    'port.https': 'ok',
    'database.reachable': 'unknown',
    'tls.certificate': 'ok',
  });
});
