import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { deploy, type Deployment } from '../support/deployment.ts';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const origin = createServer((_request, response) => response.end('film'));
let deployed: Deployment;

beforeAll(async () => {
  await once(origin.listen(0, '127.0.0.1'), 'listening');
  deployed = await deploy({ originPort: (origin.address() as AddressInfo).port });
});

afterAll(async () => {
  await deployed?.stop();
  origin.close();
});

interface Listed {
  readonly name: string;
  readonly is_connected: boolean;
  readonly connected_since: string | null;
  readonly last_seen_at: string | null;
}

/** What `phlix-hub servers list` says, in a process of its own. */
async function listed(): Promise<Listed> {
  const { stdout, stderr } = await deployed.hub.run('servers', 'list', '--json');
  const [server] = (JSON.parse(stdout || '{"servers":[]}') as { servers: Listed[] }).servers;
  if (server === undefined) throw new Error(`no server listed: ${stderr}`);
  return server;
}

async function table(): Promise<string> {
  return (await deployed.hub.run('servers', 'list')).stdout;
}

const patience = { timeout: 30_000, interval: 50 };

test('a server is listed as connected while its agent is, and as offline when it is gone', async () => {
  await vi.waitFor(
    async () => expect(await listed()).toMatchObject({ is_connected: true }),
    patience,
  );
  expect(await table()).toMatch(/^movies +https:\S+ +connected for \d+ (s|min) /m);
  deployed.agent.program.kill('SIGKILL');
  await deployed.agent.program.ended;
  await vi.waitFor(
    async () =>
      expect(await listed()).toMatchObject({ is_connected: false, connected_since: null }),
    patience,
  );
  expect(await table()).toMatch(/^movies +https:\S+ +offline for \d+ s /m);
  deployed.agent.startAgain();
  await deployed.agent.reachable();
  await vi.waitFor(
    async () => expect(await listed()).toMatchObject({ is_connected: true }),
    patience,
  );
});

test('after kill -9 of the hub nobody is listed as connected', async () => {
  const { connected_since: since } = await listed();
  deployed.hub.program.kill('SIGKILL');
  await deployed.hub.program.ended;
  const offline = await listed();
  expect(offline).toMatchObject({ is_connected: false, connected_since: null });
  expect(Date.parse(offline.last_seen_at ?? '')).toBeGreaterThanOrEqual(Date.parse(since ?? ''));
  await deployed.hub.startAgain();
  await vi.waitFor(
    async () => expect(await listed()).toMatchObject({ is_connected: true }),
    patience,
  );
});
