import { Buffer } from 'node:buffer';
import { randomUUIDv7 } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { WebSocketServer } from 'ws';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';

import { Observatory } from '../../hub/usage/observatory.ts';
import type { LiveStream } from '../../hub/usage/live-stream.ts';
import { registryOf } from '../../shared/telemetry/metric.ts';
import { trafficMetrics } from '../../hub/telemetry/traffic-metrics.ts';
import { Curl, valuesOf } from '../support/curl.ts';
import { Visitor } from '../support/visitor.ts';
import { WatchedHome } from '../support/watched-home.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

/** More than every buffer on the way together. */
const bigBytes = 200_000_000;
/** A second for each message, and a busy machine. */
const patience = { timeout: 15_000 };
const piece = Buffer.alloc(64 * 1024, 'x');

const account = { scope: 'account', id: 'operator' } as const;

let origin: Server;
let originPort = 0;
let home: WatchedHome;
let curl: Curl;
const visitors: Visitor[] = [];

beforeAll(async () => {
  origin = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://origin');
    const [, what, size] = url.pathname.split('/');
    if (what === 'bytes') return sendBytes(response, Number(size));
    if (what === 'trickle') return trickle(response);
    if (what === 'deaf') return void request.pause();
    if (what === 'status') return void response.writeHead(Number(size)).end();
    request.on('data', () => undefined);
    request.on('end', () => response.end('taken'));
  });
  const sockets = new WebSocketServer({ noServer: true });
  origin.on('upgrade', (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (asker) => {
      asker.on('message', (message) => asker.send(message));
    }),
  );
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  originPort = (origin.address() as AddressInfo).port;
  home = await WatchedHome.open({ originPort });
  curl = new Curl(home.caFile);
});
afterEach(async () => {
  for (const visitor of visitors.splice(0)) visitor.leave();
  // An upload that nobody reads would notice an end of its visitor only after minutes.
  origin.closeAllConnections();
  for (const subject of [home.subject, account]) await home.hub.traffic.setLimits(subject, {});
  await vi.waitUntil(() => home.hub.traffic.live().length === 0, { timeout: 10_000 });
});
afterAll(async () => {
  await home?.close();
  origin?.closeAllConnections();
  origin?.close();
});

describe('what is counted', () => {
  test('is what curl transferred, by the status it got, over both versions of HTTP', async () => {
    const before = home.hub.traffic.ledger.total();
    const output = ['--output', '/dev/null', '--write-out', '%{size_download} %{size_upload}'];
    const upload = ['--data-binary', '@-', '--header', 'expect:'];
    const input = Buffer.alloc(1_234_567, 'u');
    let [down, up] = [0, 0];
    for (const version of ['--http1.1', '--http2']) {
      const answers = [
        await curl.get(addressOf('/bytes/3000001'), version, ...output),
        await curl.get(addressOf('/status/404'), version, ...output),
        await curl.get(addressOf('/status/304'), version, ...output),
        await curl.get(addressOf('/bytes/5'), version, '--head', ...output),
        await curl.send({ input }, addressOf('/upload'), version, ...upload, ...output),
      ];
      for (const { exitCode, body } of answers) {
        expect(exitCode).toBe(0);
        const [got = 0, sent = 0] = body.toString().split(' ').map(Number);
        down += got;
        up += sent;
      }
    }
    const { bytesUp, bytesDown, requests } = home.hub.traffic.ledger.total();
    // HEAD: curl says of its size that there was none.
    expect(bytesDown - before.bytesDown).toBe(down);
    expect(bytesUp - before.bytesUp).toBe(up);
    expect(requests.map((count, at) => count - (before.requests[at] ?? 0))).toEqual([
      0, 6, 2, 2, 0, 0,
    ]);
    expect(up).toBe(2 * input.length);
  });

  test('is stored by hour and day when somebody asks, and when the hub stops', async () => {
    const today = { from: new Date(Date.now() - 3_600_000), to: new Date(Date.now() + 3_600_000) };
    const bytes = async (by: 'hour' | 'day'): Promise<number> => {
      const rows = await home.hub.traffic.traffic({ subject: home.subject, by, ...today });
      return rows.reduce((all, { bytesDown }) => all + bytesDown, 0);
    };
    const [hours, days] = [await bytes('hour'), await bytes('day')];
    await curl.get(addressOf('/bytes/1000'));
    expect([await bytes('hour'), await bytes('day')]).toEqual([hours + 1000, days + 1000]);
    await curl.get(addressOf('/bytes/500'));
    await home.restartHub();
    expect(await bytes('hour')).toBe(hours + 1500);
    await vi.waitFor(async () => expect((await curl.get(addressOf('/bytes/1'))).status).toBe(200), {
      timeout: 30_000,
      interval: 200,
    });
    // His restart is no news of the server, nor is what is stored his only: the account has the same.
    const events = await home.hub.traffic.events(home.serverId, { limit: 10 });
    expect(events.map(({ kind }) => kind)).toEqual(['connected']);
    const agents = await home.hub.traffic.agents([home.serverId]);
    expect(agents.get(home.serverId)?.software).toMatch(/^phlix-agent\//);
    const account = { scope: 'account', id: 'operator' } as const;
    expect(await home.hub.traffic.bytesThisMonth(account)).toBe(
      await home.hub.traffic.bytesThisMonth(home.subject),
    );
  });

  test('is a request without an answer when the visitor leaves before', async () => {
    const before = home.hub.traffic.ledger.total().requests;
    const asked = curl.start(addressOf('/deaf'), '--data', 'x');
    await home.seen((streams) => streams.length === 1);
    asked.kill();
    await vi.waitFor(() => {
      const after = home.hub.traffic.ledger.total().requests;
      expect(after.map((count, at) => count - (before[at] ?? 0))).toEqual([0, 0, 0, 0, 0, 1]);
    });
  });

  test('stands in the metrics, by direction, class and server', async () => {
    await curl.get(addressOf('/bytes/1000'));
    const text = await registryOf(trafficMetrics(home.hub.traffic)).metrics();
    const { bytesDown, requests } = home.hub.traffic.ledger.total();
    expect(text).toContain(`phlix_hub_bytes_total{direction="down"} ${bytesDown}\n`);
    expect(text).toContain(`phlix_hub_requests_total{class="2xx"} ${requests[1]}\n`);
    expect(text).toContain(
      `phlix_hub_server_bytes_total{server="${home.serverId}",direction="down"} ${bytesDown}\n`,
    );
    expect(text).toContain('phlix_hub_server_bytes_total{server="other",direction="down"} 0\n');
  });
});

describe('a stream that runs', () => {
  test('is shown with its visitor, app and kind, and not with its path', async () => {
    const agent = 'Infuse-Direct/8.1';
    const asked = visitor().ask('/trickle/secret-film?api_key=secret', {
      headers: { 'user-agent': agent },
    });
    const [stream] = await home.seen(([first]) => first?.kind !== undefined);
    expect(stream).toMatchObject({ app: 'Infuse', kind: 'video', address: '127.0.0.1' });
    expect(JSON.stringify(stream)).not.toContain('secret');
    (await asked).destroy();
  });

  test('is limited by its viewer when he stops reading', async () => {
    const answer = await visitor().ask(`/bytes/${bigBytes}`);
    answer.pause();
    expect(await limitedBy('viewer')).toHaveLength(1);
    answer.destroy();
  });

  test('is limited by its origin when that sends slowly', async () => {
    const answer = await visitor().ask('/trickle');
    answer.resume();
    expect(await limitedBy('origin')).toHaveLength(1);
    answer.destroy();
  });

  test('is limited by its origin when that takes no upload', async () => {
    const asked = visitor().ask('/deaf', { method: 'POST', body: Readable.from(pieces(bigBytes)) });
    asked.catch(() => undefined);
    expect(await limitedBy('origin')).toHaveLength(1);
  });

  test('is limited by its viewer when he uploads slowly', async () => {
    const rate = ['--limit-rate', '20K', '--http1.1', '--header', 'expect:'];
    const asked = curl.start(addressOf('/upload'), '--upload-file', '-', ...rate);
    asked.stdin?.on('error', () => undefined);
    asked.stdin?.write(Buffer.alloc(400_000));
    expect(await limitedBy('viewer')).toHaveLength(1);
    asked.kill();
  });

  test('is limited by the rate that was set', async () => {
    await home.hub.traffic.setLimits(home.subject, { megabitsPerSecond: 4 });
    const answer = await visitor().ask(`/bytes/${bigBytes}`);
    answer.resume();
    const streams = await limitedBy('limit');
    expect(streams[0]?.bitsPerSecond).toBeGreaterThan(2e6);
    expect(streams[0]?.bitsPerSecond).toBeLessThan(6e6);
    answer.destroy();
  });
});

const status = async () => (await curl.get(addressOf('/bytes/5'))).status;

const another = { serverId: randomUUIDv7(), ownerId: account.id };
const someRequest = { id: 'elsewhere', target: '/', fields: [], clientAddress: '192.0.2.1' };

/** Of the same hub, on the same database. */
async function anotherProcess(): Promise<Observatory> {
  const process = new Observatory({ stores: home.hub.stores.usage, onFailure: unexpected });
  await process.start();
  onTestFinished(async () => process.stop());
  return process;
}

function unexpected(error: unknown): never {
  throw error;
}

describe('a limit', () => {
  test('of streams keeps one more out, with a page that says so, and lets him in afterwards', async () => {
    await home.hub.traffic.setLimits(home.subject, { streams: 1 });
    const answer = await visitor().ask('/trickle');
    const refused = await curl.get(addressOf('/bytes/5'), '--header', 'accept: text/html');
    expect(refused.status).toBe(429);
    expect(valuesOf(refused, 'retry-after')).toEqual(['10']);
    expect(refused.body.toString()).toContain('Every place is taken');
    const problem = await curl.get(addressOf('/bytes/5'));
    expect(JSON.parse(problem.body.toString())).toMatchObject({ code: 'quota.streams' });
    expect(home.hub.traffic.refusals['quota.streams']).toBe(2);
    // Noted, and not each time.
    const { audit } = home.hub.audited;
    await audit.flush();
    expect(audit.counts.written['quota.exceeded']).toBe(1);
    answer.destroy();
    await vi.waitFor(async () => expect((await curl.get(addressOf('/bytes/5'))).status).toBe(200));
  });

  test('of an account holds for all its servers', async () => {
    await home.hub.traffic.setLimits(account, { streams: 1 });
    const answer = await visitor().ask('/trickle');
    expect((await curl.get(addressOf('/bytes/5'))).status).toBe(429);
    await home.hub.traffic.setLimits(account, {});
    expect((await curl.get(addressOf('/bytes/5'))).status).toBe(200);
    answer.destroy();
  });

  test('of an account holds for what other processes of the hub have running', async () => {
    await home.hub.traffic.setLimits(account, { streams: 2 });
    const answer = await visitor().ask('/trickle');
    const elsewhere = await anotherProcess();
    expect(await status()).toBe(200);
    const meter = elsewhere.open(someRequest, another);
    await expect.poll(status, patience).toBe(429);
    await expect.poll(() => elsewhere.refusal(another)?.code, patience).toBe('quota.streams');
    meter.close();
    await expect.poll(status, patience).toBe(200);
    answer.destroy();
  });

  test('of an account’s rate is shared with what other processes of the hub move', async () => {
    const whole = 16e6;
    await home.hub.traffic.setLimits(account, { megabitsPerSecond: whole / 1e6 });
    const answer = await visitor().ask(`/bytes/${bigBytes}`);
    answer.resume();
    const speed = () => home.hub.traffic.live(home.serverId)[0]?.bitsPerSecond ?? 0;
    await expect.poll(speed, patience).toBeGreaterThan(0.75 * whole);
    const elsewhere = await anotherProcess();
    const meter = elsewhere.open(someRequest, another);
    const takeAll = (): void => void (meter.down(piece.length) && takeAll());
    meter.onDownRoom = takeAll;
    takeAll();
    await expect.poll(speed, patience).toBeLessThan(0.6 * whole);
    expect(speed()).toBeGreaterThan(0);
    meter.close();
    await expect.poll(speed, patience).toBeGreaterThan(0.75 * whole);
    answer.destroy();
  });

  test('of a month cuts nobody: what runs is whole, what comes next is told until when', async () => {
    const spent = await home.hub.traffic.bytesThisMonth(home.subject);
    await home.hub.traffic.setLimits(home.subject, { bytesPerMonth: spent + 1_000_000 });
    const whole = await curl.get(addressOf('/bytes/2000000'));
    expect([whole.status, whole.body.length]).toEqual([200, 2_000_000]);
    const refused = await curl.get(addressOf('/bytes/5'), '--http2');
    expect(refused.status).toBe(429);
    expect(JSON.parse(refused.body.toString())).toMatchObject({ code: 'quota.bytes' });
    const now = new Date();
    const next = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);
    const [seconds = 0] = valuesOf(refused, 'retry-after').map(Number);
    expect(Math.abs(seconds * 1000 - (next - now.getTime()))).toBeLessThan(5000);
    // Also when the ledger has been emptied into the store.
    await home.hub.traffic.flush();
    expect((await curl.get(addressOf('/bytes/5'))).status).toBe(429);
  });

  test.each(['--http1.1', '--http2'])(
    'of the rate slows down and loses nothing, %s',
    async (version) => {
      await home.hub.traffic.setLimits(home.subject, { megabitsPerSecond: 16 });
      const startedAt = performance.now();
      const [one, other] = await Promise.all([
        curl.get(addressOf('/bytes/2000000'), version),
        curl.send(
          { input: Buffer.alloc(2_000_000, 'u') },
          addressOf('/upload'),
          version,
          '--data-binary',
          '@-',
        ),
      ]);
      const seconds = (performance.now() - startedAt) / 1000;
      expect(one.body.length).toBe(2_000_000);
      expect(other.body.toString()).toBe('taken');
      // Two million bytes a second, both together; the first tenth of a second is free.
      expect(seconds).toBeGreaterThan(1.7);
      expect(seconds).toBeLessThan(6);
    },
  );

  test('of the rate holds for what a WebSocket carries', async () => {
    await home.hub.traffic.setLimits(home.subject, { megabitsPerSecond: 8 });
    const before = home.hub.traffic.ledger.total();
    const socket = visitor().socket('/socket');
    await once(socket, 'open');
    const startedAt = performance.now();
    let echoed = 0;
    const whole = new Promise<void>((resolve) => {
      socket.on('message', (message: Buffer) => {
        echoed += message.length;
        if (echoed === 20 * piece.length) resolve();
      });
    });
    for (let sent = 0; sent < 20; sent += 1) socket.send(piece);
    await whole;
    // 1.3 million bytes, there and back, at a million a second.
    expect((performance.now() - startedAt) / 1000).toBeGreaterThan(2);
    const { bytesUp, bytesDown, requests } = home.hub.traffic.ledger.total();
    expect(requests[0]).toBe((before.requests[0] ?? 0) + 1);
    expect(bytesUp - before.bytesUp).toBeGreaterThan(echoed);
    expect(bytesDown - before.bytesDown).toBeGreaterThan(echoed);
    socket.terminate();
  });
});

describe('a chart', () => {
  test('has points of the links, and is there after a restart', async () => {
    expect(home.hub.traffic.linkQuality(home.serverId)).toMatchObject({
      links: 2,
      rttMs: expect.any(Number),
    });
    await vi.waitFor(
      async () => {
        const samples = await home.hub.traffic.linkSamples(home.serverId, 'hour');
        expect(samples.at(-1)).toMatchObject({ rttMs: expect.any(Number) });
      },
      { timeout: 30_000, interval: 500 },
    );
    await home.restartHub();
    const [sample] = await home.hub.traffic.linkSamples(home.serverId, 'hour');
    expect(sample?.at.getTime()).toBeGreaterThan(Date.now() - 120_000);
    expect(await home.hub.traffic.linkSamples(home.serverId, 'day')).not.toEqual([]);
  });
});

describe('another home', () => {
  let other: WatchedHome;
  afterEach(() => other.close());

  test('whose line is full limits what comes from it', async () => {
    other = await WatchedHome.open({ originPort });
    await other.moveBehindLine(1_000_000);
    const answer = await visitor(other).ask(`/bytes/${bigBytes}`);
    answer.resume();
    expect(await limitedBy('line', other)).toHaveLength(1);
    expect(other.hub.traffic.linkQuality(other.serverId)?.queueMs).toBeGreaterThan(0);
    answer.destroy();
  });

  test('whose agent has no rest limits what comes from it', async () => {
    // As on a machine that is too weak: of every twenty milliseconds nineteen are gone.
    const burn = 'setInterval(()=>{const until=Date.now()+190;while(Date.now()<until);},200)';
    const settings = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(burn)}` };
    other = await WatchedHome.open({ originPort, settings });
    const answer = await visitor(other).ask(`/bytes/${bigBytes}`);
    answer.resume();
    expect(await limitedBy('agent', other)).toHaveLength(1);
    answer.destroy();
  });
});

function addressOf(path: string): string {
  return `${home.address}${path}`;
}

function visitor(at: WatchedHome = home): Visitor {
  const made = new Visitor(at.address, at.caFile);
  visitors.push(made);
  return made;
}

async function limitedBy(
  party: LiveStream['limitedBy'],
  at: WatchedHome = home,
): Promise<readonly LiveStream[]> {
  return at.seen(([stream]) => stream?.limitedBy === party);
}

function sendBytes(response: ServerResponse, size: number): void {
  response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': size });
  // Whoever leaves early breaks the answer: tests do it on purpose.
  pipeline(Readable.from(pieces(size)), response).catch(() => undefined);
}

function* pieces(size: number): Generator<Buffer> {
  for (let left = size; left > 0; left -= piece.length)
    yield piece.subarray(0, Math.min(left, piece.length));
}

/** Two kilobytes five times a second. */
function trickle(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'video/mp4' });
  const timer = setInterval(() => response.write(piece.subarray(0, 2000)), 200);
  response.once('close', () => clearInterval(timer));
}
