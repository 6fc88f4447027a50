// Each figure is believed only when what it counts has moved it, on the port that Prometheus asks.

import { once } from 'node:events';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Readable } from 'node:stream';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';

import { deploy, type Deployment } from '../support/deployment.ts';
import { startOrigin, type Origin } from '../support/origin/origin.ts';
import { Scraped } from '../support/scrape.ts';
import { Visitor } from '../support/visitor.ts';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });
const patience = { timeout: 30_000, interval: 50 };

let origin: Origin;
let deployed: Deployment;
let hub: Scraped;
let agent: Scraped;
let visitor: Visitor;

beforeAll(async () => {
  origin = await startOrigin();
  deployed = await deploy({
    originPort: origin.port,
    agent: { settings: { PHLIX_METRICS_LISTEN: '127.0.0.1:0' } },
  });
  hub = await Scraped.of(deployed.hub.program);
  agent = await Scraped.of(deployed.agent.program);
  visitor = new Visitor(deployed.address, deployed.hub.caFile);
});
afterAll(async () => {
  visitor?.leave();
  await deployed?.stop();
  await origin?.stop();
});

test('what is counted is there before the first of it, so that monitoring sees that one too', async () => {
  expect(await hub.unbegun()).toEqual([]);
  expect(await agent.unbegun()).toEqual([]);
  // By every pair of words that happens.
  const locked = { result: 'locked', method: 'factor' };
  expect(await hub.value('phlix_hub_logins_total', locked)).toBe(0);
});

/** By how much all samples of the name that have the labels grow with what is done, as soon as they do. */
async function growth(
  where: Scraped,
  name: string,
  labels: Readonly<Record<string, string>>,
  act: () => Promise<unknown>,
): Promise<number> {
  const value = async (): Promise<number> => (await where.value(name, labels)) ?? 0;
  const before = await value();
  await act();
  await vi.waitUntil(async () => (await value()) > before, patience);
  return (await value()) - before;
}

const watch = (): Promise<void> => get('/content/film/150000');

const askForNobody = async (): Promise<void> => {
  const port = deployed.hub.ports.https;
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'nobody.example' });
  await once(socket, 'error');
};

const tcp = async (port: number, said: string): Promise<void> => {
  const socket = connectTcp(port, '127.0.0.1', () => socket.end(said));
  await once(socket.resume(), 'close');
};

async function get(path: string): Promise<void> {
  const answer = await visitor.ask(path);
  answer.resume();
  await once(answer, 'end');
}

describe('an answered request', () => {
  test.each([
    ['phlix_hub_bytes_total', { direction: 'down' }],
    ['phlix_hub_requests_total', { class: '2xx' }],
    ['phlix_hub_time_to_first_byte_seconds_count', {}],
    ['phlix_hub_time_to_first_byte_seconds_bucket', { le: '30' }],
  ])('moves %s %o', async (name, labels) => {
    expect(await growth(hub, name, labels, watch)).toBeGreaterThan(0);
  });

  test.each([
    ['phlix_agent_bytes_total', { direction: 'down' }],
    ['phlix_agent_bytes_total', { direction: 'up' }],
  ])('moves %s %o', async (name, labels) => {
    expect(await growth(agent, name, labels, watch)).toBeGreaterThan(0);
  });

  test('has a first byte at the agent too, once for each stream', async () => {
    const streams = (await agent.value('phlix_agent_streams_total')) ?? 0;
    const upload = { method: 'POST', body: Readable.from(['x']) };
    const answer = await visitor.ask('/upload', upload);
    answer.resume();
    await once(answer, 'end');
    const firstBytes = 'phlix_agent_time_to_first_byte_seconds_count';
    await expect.poll(() => agent.value(firstBytes), patience).toBeGreaterThan(0);
    expect(await agent.value('phlix_agent_streams_total')).toBe(streams + 1);
  });

  test('is told of its server by id, and the id of its host', async () => {
    const text = await hub.text();
    const host = new URL(deployed.address).hostname;
    const id = new RegExp(`^phlix_hub_server_info\\{server="([^"]+)",host="${host}"\\} 1$`, 'm');
    const server = id.exec(text)?.[1] ?? '';
    expect(server).not.toBe('');
    expect(await hub.value('phlix_hub_server_requests_total', { server })).toBeGreaterThan(0);
    expect(await hub.value('phlix_hub_server_bytes_total', { server })).toBeGreaterThan(70_000);
    expect(await hub.value('phlix_hub_server_connected', { server })).toBe(1);
    expect(await hub.value('phlix_hub_servers', { state: 'connected' })).toBe(1);
  });
});

describe('a visitor who stops reading', () => {
  test('is a stall of his own, with bytes that wait for him', async () => {
    const stalls = (await hub.value('phlix_hub_stalls_total', { cause: 'visitor' })) ?? 0;
    const answer = await visitor.ask('/content/film/30000000');
    answer.pause();
    await expect
      .poll(() => hub.value('phlix_hub_queue_bytes', { place: 'unread' }), patience)
      .toBeGreaterThan(100_000);
    await expect
      .poll(() => hub.value('phlix_hub_stalls_total', { cause: 'visitor' }), patience)
      .toBeGreaterThan(stalls);
    // It lasts, and is told of before it is over.
    const waited = (await hub.value('phlix_hub_stalled_seconds_total', { cause: 'visitor' })) ?? 0;
    await expect
      .poll(() => hub.value('phlix_hub_stalled_seconds_total', { cause: 'visitor' }), patience)
      .toBeGreaterThan(waited + 0.2);
    expect(await hub.value('phlix_hub_server_exchanges')).toBe(1);
    expect(await agent.value('phlix_agent_stalls_total', { cause: 'visitor' })).toBeGreaterThan(0);
    expect(await agent.value('phlix_agent_queue_bytes', { place: 'unsent' })).toBeGreaterThan(0);
    answer.destroy();
    await expect.poll(() => hub.value('phlix_hub_server_exchanges'), patience).toBe(0);
    await expect
      .poll(() => hub.value('phlix_hub_queue_bytes', { place: 'unread' }), patience)
      .toBe(0);
  });
});

describe('a media server that reads no more', () => {
  test('is a stall at the hub, with bytes that were not sent', async () => {
    const body = Readable.from(endless());
    const asked = visitor.ask('/silence', { method: 'POST', body }).catch(() => undefined);
    const origins = { cause: 'origin' };
    await expect
      .poll(() => hub.value('phlix_hub_stalls_total', origins), patience)
      .toBeGreaterThan(0);
    expect(await hub.value('phlix_hub_queue_bytes', { place: 'unsent' })).toBeGreaterThan(0);
    body.destroy();
    await asked;
  });
});

describe('a rate', () => {
  test('is what bytes wait for', async () => {
    const words = ['usage', 'limits', '--server', 'movies', '--megabits', '1'];
    expect(await deployed.hub.run(...words)).toMatchObject({ exitCode: 0 });
    const limited = { cause: 'limit' };
    expect(await growth(hub, 'phlix_hub_stalls_total', limited, watch)).toBeGreaterThan(0);
    expect(await hub.value('phlix_hub_stalled_seconds_total', limited)).toBeGreaterThan(0);
    expect(await hub.value('phlix_hub_rate_waits_total')).toBeGreaterThan(0);
  });
});

describe('what the host does beside the hub', () => {
  test('a backup is young as soon as it is made, and one that came to nothing is seen', async () => {
    expect(await hub.value('phlix_hub_backup_age_seconds')).toBe(Infinity);
    const file = join(deployed.hub.folder, 'backup.tar');
    const backup = (to: string) => deployed.hub.run('backup', '--insecure-plain', '--output', to);
    expect(await backup(file)).toMatchObject({ exitCode: 0 });
    expect(await hub.value('phlix_hub_backup_age_seconds')).toBeLessThan(60);
    expect(await hub.value('phlix_hub_backup_failed')).toBe(0);
    expect(await backup(join(file, 'below-a-file.tar'))).toMatchObject({ exitCode: 73 });
    expect(await hub.value('phlix_hub_backup_failed')).toBe(1);
  });

  test('a ban holds as soon as it is made', async () => {
    expect(await hub.value('phlix_hub_bans')).toBe(0);
    const words = ['ban', 'add', '192.0.2.7', '--reason', 'a test'];
    expect(await deployed.hub.run(...words)).toMatchObject({ exitCode: 0 });
    await expect.poll(() => hub.value('phlix_hub_bans'), patience).toBe(1);
  });
});

describe('the doors', () => {
  test.each([
    ['plain-http', 'GET / HTTP/1.1\r\n\r\n'],
    ['malformed', '\u0016\u0003\u0001\u0000\u0005hello'],
  ])('count what is %s', async (result, said) => {
    const labels = { door: 'visitors', result };
    const act = () => tcp(deployed.hub.ports.https, said);
    expect(await growth(hub, 'phlix_hub_tls_handshakes_total', labels, act)).toBe(1);
  });

  test('count names that nobody has, and versions of TLS', async () => {
    const strange = { door: 'visitors', result: 'unknown-name' };
    expect(await growth(hub, 'phlix_hub_tls_handshakes_total', strange, askForNobody)).toBe(1);
    const known = { door: 'visitors', result: 'ok', version: 'TLSv1.3' };
    expect(await hub.value('phlix_hub_tls_handshakes_total', known)).toBeGreaterThan(0);
  });

  test('count who comes to the door of agents and does not speak their language', async () => {
    const { tunnel } = deployed.hub.ports;
    const failed = { door: 'agents', result: 'failed' };
    const shout = () => tcp(tunnel, 'hello?\r\n\r\n');
    expect(await growth(hub, 'phlix_hub_tls_handshakes_total', failed, shout)).toBe(1);
    const babble = async () => {
      const place = { host: '127.0.0.1', port: tunnel, servername: 'hub.localhost' };
      const socket = new WebSocket(`wss://hub.localhost:${tunnel}/tunnel`, {
        createConnection: () => connectTls({ ...place, rejectUnauthorized: false }),
      });
      await once(socket, 'open');
      socket.send(Buffer.from('this is no frame of the protocol'));
      await once(socket, 'close');
    };
    const misunderstood = { result: 'protocol', version: 'none' };
    expect(await growth(hub, 'phlix_hub_handshakes_total', misunderstood, babble)).toBe(1);
  });
});

describe('an agent that was gone', () => {
  test('comes back as a reconnect, and its absence is seen', async () => {
    expect(await hub.value('phlix_hub_handshakes_total', { result: 'ok' })).toBe(2);
    const opened = (await hub.value('phlix_hub_links_opened_total')) ?? 0;
    deployed.agent.program.kill('SIGKILL');
    await deployed.agent.program.ended;
    await expect.poll(() => hub.value('phlix_hub_server_connected'), patience).toBe(0);
    expect(await hub.value('phlix_hub_servers', { state: 'offline' })).toBe(1);
    expect(await hub.value('phlix_hub_links_closed_total', { reason: 'line-lost' })).toBe(2);
    expect(await hub.value('phlix_hub_reconnects_total')).toBe(0);
    deployed.agent.startAgain();
    await deployed.agent.reachable();
    expect(await hub.value('phlix_hub_reconnects_total')).toBe(1);
    await expect.poll(() => hub.value('phlix_hub_links_opened_total')).toBe(opened + 2);
  });

  test('counts it itself, with why its links failed', async () => {
    agent = await Scraped.of(deployed.agent.program);
    expect(await agent.value('phlix_agent_connected')).toBe(1);
    expect(await agent.value('phlix_agent_reconnects_total')).toBe(0);
    deployed.hub.program.kill('SIGKILL');
    await deployed.hub.program.ended;
    await expect.poll(() => agent.value('phlix_agent_connected'), patience).toBe(0);
    await expect
      .poll(() => agent.value('phlix_agent_link_failures_total'), patience)
      .toBeGreaterThan(0);
    await deployed.hub.startAgain();
    hub = await Scraped.of(deployed.hub.program);
    await expect.poll(() => agent.value('phlix_agent_reconnects_total'), patience).toBe(1);
    expect(await agent.value('phlix_agent_links_opened_total')).toBeGreaterThan(2);
    // Of the database: it has been here before, though this process has not seen it.
    await expect.poll(() => hub.value('phlix_hub_reconnects_total'), patience).toBe(1);
  });

  test('says how its media server is', async () => {
    visitor.leave();
    visitor = new Visitor(deployed.address, deployed.hub.caFile);
    await get('/content/film/1000');
    expect(await agent.value('phlix_agent_origin_up')).toBe(1);
    await origin.stop();
    // What the hub answers in the place of a server is no first byte of it.
    const firstBytes = () => hub.value('phlix_hub_time_to_first_byte_seconds_count');
    const before = await firstBytes();
    expect(await growth(hub, 'phlix_hub_requests_total', { class: '5xx' }, watch)).toBe(1);
    expect(await firstBytes()).toBe(before);
    expect(await agent.value('phlix_agent_origin_up')).toBe(0);
    const unreachable = { reason: 'origin-unreachable' };
    expect(await agent.value('phlix_agent_origin_failures_total', unreachable)).toBeGreaterThan(0);
    origin = await startOrigin(origin.port);
  });
});

test('what both say of their process is there', async () => {
  const names = [
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'process_start_time_seconds',
    'process_open_fds',
    'process_max_fds',
    'nodejs_heap_size_used_bytes',
  ];
  for (const where of [hub, agent]) {
    const values = await Promise.all(names.map((name) => where.value(name)));
    expect(values.filter((value = 0) => value <= 0)).toEqual([]);
  }
  expect(await agent.value('phlix_agent_round_trip_seconds')).toBeLessThan(10);
  expect(await hub.value('phlix_hub_disk_free_bytes')).toBeLessThan(
    (await hub.value('phlix_hub_disk_size_bytes')) ?? 0,
  );
});

/** Where a hub gets no certificates by itself and answers no DNS questions they are not told. */
const elsewhere = /^phlix_hub_(?:dns_\w+|certificate_(?:attempts|failures|waits)_total)$/;

test.each([
  ['hub/README.md', () => hub],
  ['agent/README.md', () => agent],
])('%s lists what is told, and nothing else', async (path, where) => {
  const readme = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  const section = readme.split('## Monitoring')[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  const cells = rows.map((row) => row.split('|')[1] ?? '').join(' ');
  const listed = [...cells.matchAll(/`((?:phlix|process|nodejs)_\w+)`/g)].map(
    ([, name = '']) => name,
  );
  const told = await where().names();
  expect(listed.filter((name) => !elsewhere.test(name)).toSorted()).toEqual(told.toSorted());
});

function* endless(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(65_536);
}
