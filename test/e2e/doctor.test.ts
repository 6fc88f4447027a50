import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Finding } from '../../shared/doctor/finding.ts';
import { ApiClient } from '../support/api-client.ts';
import { deploy, type Deployment } from '../support/deployment.ts';

let origin: Server;
let deployed: Deployment;
let admin: ApiClient;

beforeAll(async () => {
  origin = createServer((_, response) => response.end('a media server'));
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  deployed = await deploy({ originPort: (origin.address() as AddressInfo).port });
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
