import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';

import { afterEach, expect, test, vi } from 'vitest';

import type { AgentOptions } from '../../agent/agent.ts';
import { usualPace } from '../../agent/checkups.ts';
import { readConfig } from '../../agent/config.ts';
import { tellFrom } from '../../agent/doctor/tell.ts';
import { Origin } from '../../agent/origin.ts';
import { createLogger } from '../../shared/log.ts';
import type { Environment } from '../../shared/settings/settings.ts';
import { Program } from '../support/program.ts';
import { selfSigned } from '../support/self-signed.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import {
  atTheEnd,
  door,
  movies,
  newFolder,
  online,
  run,
  stopEverything,
} from '../support/running-agent.ts';

afterEach(stopEverything);

const configOf = (environment: Environment) =>
  readConfig({ PHLIX_HUB_URL: 'https://hub.example.org', ...environment });

test.each([
  [{}, 2],
  [{ PHLIX_LINKS: '3' }, 3],
])(
  'an agent with %o has %i links',
  async (environment, wanted) => {
    const hub = await door();
    const { links } = configOf(environment);
    run({ hubUrl: hub.hubUrl, token: await hub.token(), config: { links } });
    const count = () => hub.tunnels.find(movies)?.links.length;
    await vi.waitFor(() => expect(count()).toBe(wanted), { timeout: 20_000 });
  },
  30_000,
);

test('PHLIX_ORIGIN_CA_FILE vouches for an https:// origin that signs for itself', async () => {
  const { cert, key } = await selfSigned('nas.localhost');
  const server = createServer({ cert, key }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const caFile = join(temporaryFolder('origin-ca').path, 'ca.pem');
  writeFileSync(caFile, cert);
  const log = createLogger({ level: 'silent', name: 'test' });
  const outcome = async (environment: Environment): Promise<string> => {
    const url = { PHLIX_ORIGIN_URL: `https://nas.localhost:${port}` };
    const origin = new Origin(configOf({ ...url, ...environment }).origin, log);
    return new Promise((resolve) => {
      const onread = { buffer: Buffer.alloc(1024), callback: () => true };
      const events = { onReady: () => resolve('ready'), onFailed: resolve };
      const socket = origin.connect(onread, events);
      atTheEnd(() => socket.destroy());
    });
  };
  expect(await outcome({})).toBe('origin-untrusted');
  expect(await outcome({ PHLIX_ORIGIN_CA_FILE: caFile })).toBe('ready');
  server.close();
});

/** An agent that ends at once, since it has no token; all that it says. */
async function lastWords(environment: Record<string, string>): Promise<string> {
  const agent = new Program({
    command: [process.execPath, join(import.meta.dirname, '../../agent/main.ts')],
    env: { PATH: process.env['PATH'], PHLIX_HUB_URL: 'https://hub.example.org', ...environment },
  });
  expect(await agent.ended).toBe(78);
  return agent.output;
}

test('PHLIX_STATE_DIR is where the agent keeps its key, and PHLIX_LOG_LEVEL what it says of what it does', async () => {
  const folder = newFolder();
  const usual = await lastWords({ PHLIX_STATE_DIR: folder });
  expect(usual).toContain('"msg":"starting"');
  expect(existsSync(folder)).toBe(true);
  const quiet = await lastWords({ PHLIX_STATE_DIR: folder, PHLIX_LOG_LEVEL: 'silent' });
  expect(quiet).not.toContain('"msg":"starting"');
}, 30_000);

test('PHLIX_REPORT_FINDINGS=0 keeps to itself what another agent tells its hub', async () => {
  const hub = await door();
  const begin = async (label: string, environment: Environment): Promise<void> => {
    const { reportsFindings } = configOf(environment);
    const folder = newFolder();
    const told = { PHLIX_HUB_URL: hub.hubUrl, PHLIX_STATE_DIR: folder };
    const options: Partial<AgentOptions> = {
      checkUp: (part) => tellFrom(told, part),
      checkupPace: { ...usualPace, first: [0, 0] },
    };
    const token = await hub.token({ label });
    run({ hubUrl: hub.hubUrl, token, folder, config: { reportsFindings }, options });
  };
  await begin('silent', { PHLIX_REPORT_FINDINGS: '0' });
  const silent = await online(hub, 'silent.phlix.localhost');
  await begin('open', {});
  const open = await online(hub, 'open.phlix.localhost');
  await vi.waitFor(() => expect(hub.stores.told.has(open.serverId)).toBe(true), 20_000);
  expect(hub.stores.told.has(silent.serverId)).toBe(false);
}, 30_000);
