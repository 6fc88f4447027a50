import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

import { afterEach, describe, expect, test } from 'vitest';

import type { AgentsDoor } from '../../test/support/agents-door.ts';
import { startConnectProxy } from '../../test/support/connect-proxy.ts';
import { Line } from '../../test/support/line/line.ts';
import { openReencryptingProxy } from '../../test/support/reencrypting-proxy.ts';
import {
  atTheEnd,
  door,
  movies,
  newFolder,
  online,
  run,
  stopEverything,
} from '../../test/support/running-agent.ts';
import { selfSigned } from '../../test/support/self-signed.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import type { Finding } from '../../shared/doctor/finding.ts';
import type { Look } from '../../shared/doctor/look.ts';
import { readConfig, type AgentConfig } from '../config.ts';
import { examine, looks, withStoredHub } from './doctor.ts';
import { Surroundings, type SurroundingsOptions } from './surroundings.ts';

afterEach(stopEverything);

type Check = keyof typeof looks;

function here(
  environment: Record<string, string>,
  options: SurroundingsOptions = {},
  change: Partial<AgentConfig> = {},
): Surroundings {
  const settings = {
    PHLIX_HUB_URL: 'https://hub.localhost:1',
    PHLIX_STATE_DIR: newFolder(),
    PHLIX_ORIGIN_URL: 'http://127.0.0.1:1',
    ...environment,
  };
  return new Surroundings({ ...readConfig(settings), ...change }, () => undefined, options);
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atTheEnd(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** A site that answers like a hub, at this moment. */
async function besideSite(
  date: Date,
  { trusts = true, tunnelPort }: { trusts?: boolean; tunnelPort?: number } = {},
): Promise<Surroundings> {
  const pair = await selfSigned('hub.localhost');
  let port = 0;
  const server = createHttpsServer(pair, (_, response) => {
    const url = `wss://hub.localhost:${tunnelPort ?? port}/tunnel`;
    response.setHeader('date', date.toUTCString()).end(JSON.stringify({ tunnel_urls: [url] }));
  });
  port = await listen(server);
  const caFile = join(temporaryFolder('ca').path, 'ca.pem');
  writeFileSync(caFile, pair.cert);
  return here({
    PHLIX_HUB_URL: `https://hub.localhost:${port}`,
    ...(trusts && { PHLIX_HUB_CA_FILE: caFile }),
  });
}

/** An enrolled agent, whose hub is to be found at another port from now on. */
async function enrolledBehind(
  open: (hub: AgentsDoor) => Promise<{ port: number; close(): unknown }>,
) {
  let advertised: number | undefined;
  const hub = await door({ advertisedPort: () => advertised });
  const agent = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  await agent.stop();
  const front = await open(hub);
  atTheEnd(() => front.close());
  advertised = front.port;
  return here(
    { PHLIX_HUB_URL: `https://hub.localhost:${front.port}`, PHLIX_STATE_DIR: agent.folder },
    { measureMs: 300 },
  );
}

let far: Surroundings | undefined;

/** Behind 1 Mbit/s and a third of a second: what takes so long is measured once. */
async function farFromHub(): Promise<Surroundings> {
  far ??= await enrolledBehind(async ({ port }) => {
    const target = { host: '127.0.0.1', port };
    return Line.open({ target, bytesPerSecond: 125_000, delayMs: 152 });
  });
  await far.measured();
  return far;
}

async function besideServer(listener: RequestListener): Promise<Surroundings> {
  const port = await listen(createHttpServer(listener));
  return here({ PHLIX_ORIGIN_URL: `http://127.0.0.1:${port}` });
}

const plex: RequestListener = (request, response) => {
  const identity = '<MediaContainer claimed="0" machineIdentifier="0123" version="1.43" />';
  if (request.url === '/identity') response.end(identity);
  else response.writeHead(request.url === '/library/sections' ? 200 : 404).end();
};

/** As Jellyfin without known proxies: everybody is called back at loopback. */
const naiveJellyfin: RequestListener = (_, response) => {
  const told = { Version: '10.11.11', Id: 'x', ProductName: 'Jellyfin Server' };
  response.end(JSON.stringify({ ...told, LocalAddress: 'http://127.0.0.1:8096' }));
};

function greet(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.end('SSH-2.0-OpenSSH_9.2\r\n');
}

function kernelFolder(name: string, text: string): string {
  const folder = temporaryFolder('kernel').path;
  for (const part of ['self', 'self/fd', 'lo']) mkdirSync(join(folder, part));
  writeFileSync(join(folder, name), text);
  return folder;
}

const fullDisk = async () => ({ bsize: 512, bavail: 9, files: 10_000, ffree: 9000 });

function openFolder(): string {
  const folder = newFolder();
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

/** Each check beside what makes it red, or yellow. */
const fixtures: Record<Check, () => Surroundings | Promise<Surroundings>> = {
  'state.folder': () => {
    const folder = openFolder();
    chmodSync(folder, 0o755);
    return here({ PHLIX_STATE_DIR: folder });
  },
  'state.identity': () => here({ PHLIX_STATE_DIR: openFolder() }),
  'agent.running': () => here({}),
  'disk.space': () => {
    return here({ PHLIX_STATE_DIR: openFolder() }, { machine: { disk: fullDisk } });
  },
  'limits.descriptors': () => {
    const kernel = kernelFolder('self/limits', 'Max open files   256   4096   files\n');
    return here({}, { machine: { kernel } });
  },
  'software.versions': () => {
    const software = { node: '24.3.0', openssl: '3.5.0', packages: { ws: '8.17.0' } };
    return here({}, { machine: { software } });
  },
  'dns.hub': () => here({ PHLIX_HUB_URL: 'https://no.such.name.invalid' }),
  'net.proxy': async () => {
    const proxy = await startConnectProxy({ refuse: () => 403 });
    atTheEnd(() => proxy.stop());
    const url = `http://127.0.0.1:${proxy.port}`;
    return here({ PHLIX_HUB_URL: 'https://hub.example.org', HTTPS_PROXY: url });
  },
  'reach.tunnel': async () => besideSite(new Date(), { tunnelPort: await closedPort() }),
  'reach.https': async () => here({ PHLIX_HUB_URL: `https://hub.localhost:${await closedPort()}` }),
  'tls.interception': () => besideSite(new Date(), { trusts: false }),
  'clock.offset': () => besideSite(new Date(Date.now() + 600_000)),
  'net.mtu': async () => {
    const { config } = await besideSite(new Date());
    const networks = kernelFolder('lo/mtu', '1000\n');
    return new Surroundings(config, () => undefined, { machine: { networks } });
  },
  'line.speed': farFromHub,
  'line.bitrate': farFromHub,
  'origin.reachable': () => here({}),
  'origin.product': async () => {
    const port = await listen(createServer(greet));
    return here({ PHLIX_ORIGIN_URL: `http://127.0.0.1:${port}` });
  },
  'origin.forwarded': () => besideServer(naiveJellyfin),
  'origin.login': () => besideServer(plex),
  'origin.owner': () => besideServer(plex),
};

describe('every check', () => {
  test('has a fixture that makes it red', () => {
    expect(Object.keys(fixtures).toSorted()).toEqual(Object.keys(looks).toSorted());
  });

  test.each(Object.keys(fixtures) as Check[])(
    '%s is seen when it is not in order',
    async (check) => {
      const look: Look<Surroundings> = looks[check];
      const verdict = await look(await fixtures[check]());
      expect(['warning', 'failure']).toContain(verdict?.state);
      // Whoever reads it knows what to do.
      expect(verdict?.remedy).toMatch(/\w{4,}.*\.$/s);
    },
  );
});

const statesOf = (findings: readonly Finding[]): Record<string, string> =>
  Object.fromEntries(findings.map(({ check, state }) => [check, state]));

test('a connected agent has nothing wrong, and hears which films fit through its line', async () => {
  const hub = await door();
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  const origin = await listen(createHttpServer((_, response) => response.end('x')));
  const findings = await examine(
    here(
      {
        PHLIX_HUB_URL: hub.hubUrl,
        PHLIX_STATE_DIR: running.folder,
        PHLIX_ORIGIN_URL: `http://127.0.0.1:${origin}`,
      },
      { measureMs: 100 },
    ),
  );
  expect(statesOf(findings)).toMatchObject({
    'agent.running': 'ok',
    'reach.https': 'ok',
    'tls.interception': 'ok',
    'clock.offset': 'ok',
    'net.mtu': 'ok',
    'line.speed': 'ok',
    'line.bitrate': 'ok',
    'origin.reachable': 'ok',
    'origin.forwarded': 'unknown',
  });
  const bitrate = findings.find(({ check }) => check === 'line.bitrate');
  expect(bitrate?.message).toMatch(/fits/);
});

test('somebody who ends TLS in between is found, though his certificate is trusted', async () => {
  const place = await enrolledBehind(({ authority, port }) =>
    openReencryptingProxy(authority, port),
  );
  const findings = await examine(place);
  expect(statesOf(findings)).toMatchObject({
    'tls.interception': 'failure',
    'line.speed': 'unknown',
  });
});

test('a line is measured six times in ten minutes, and no more', async () => {
  const hub = await door();
  const agent = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  const environment = { PHLIX_HUB_URL: hub.hubUrl, PHLIX_STATE_DIR: agent.folder };
  for (let count = 0; count < 6; count += 1)
    expect(await here(environment, { measureMs: 1 }).measured()).toMatchObject({
      kind: 'measured',
    });
  const { measured } = here(environment, { measureMs: 1 });
  expect(await measured()).toMatchObject({ kind: 'refused', status: 429 });
});

test('connections that are taken and then lost point at packets that are too large', async () => {
  const hubUrl = `https://hub.localhost:${await listen(createServer(() => undefined))}`;
  const verdict = await looks['net.mtu'](here({ PHLIX_HUB_URL: hubUrl }));
  expect(verdict).toMatchObject({ state: 'failure', remedy: expect.stringContaining('MTU') });
});

test('an enrolled agent need not be told again which hub is its own', async () => {
  const hub = await door();
  const agent = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  const environment = { PHLIX_STATE_DIR: agent.folder };
  expect(readConfig(await withStoredHub(environment)).hub.url).toBe(hub.hubUrl);
  const other = { ...environment, PHLIX_HUB_URL: 'https://hub.example.org' };
  expect(readConfig(await withStoredHub(other)).hub.url).toBe('https://hub.example.org');
});
