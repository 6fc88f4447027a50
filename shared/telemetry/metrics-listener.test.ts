import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

import { afterEach, expect, onTestFinished, test } from 'vitest';

import { gauge } from './metric.ts';
import { MetricsListener, type HealthAnswer } from './metrics-listener.ts';

let listener: MetricsListener | undefined;
afterEach(() => listener?.stop());

const failures: unknown[] = [];
const links = gauge({ name: 'phlix_hub_links', help: 'Connections of agents.', read: () => 7 });
let health: HealthAnswer | Error;

/** Resolves with the port once it has one. */
function start(port = 0): { bound: Promise<number>; started: Promise<void> } {
  failures.splice(0);
  const bound = Promise.withResolvers<number>();
  listener = new MetricsListener({
    address: `127.0.0.1:${port}`,
    metrics: [links],
    health: {
      '/readyz': async () => {
        if (health instanceof Error) throw health;
        return health;
      },
    },
    onBroken: (error) => failures.push(error),
    onListening: (address) => bound.resolve(address.port),
    onFailure: (error) => failures.push(error),
    retryMs: 20,
  });
  return { bound: bound.promise, started: listener.start() };
}

test('the metrics are at one path, to be read and nothing else', async () => {
  const port = await start().bound;
  const ask = (path: string, method = 'GET') =>
    fetch(`http://127.0.0.1:${port}${path}`, { method });
  const answer = await ask('/metrics?name=x');
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await answer.text()).toMatch(/^phlix_hub_links 7$/m);
  const statuses = [ask('/metrics', 'HEAD'), ask('/metrics', 'POST'), ask('/'), ask('/metrics/x')];
  expect((await Promise.all(statuses)).map(({ status }) => status)).toEqual([200, 405, 404, 404]);
});

test('health is asked at paths of its own, and a look that fails is told as one', async () => {
  const port = await start().bound;
  const ask = (method: string) => fetch(`http://127.0.0.1:${port}/readyz`, { method });
  health = { status: 503, body: { database: { ready: false } } };
  const answer = await ask('GET');
  expect([answer.status, answer.headers.get('content-type')]).toEqual([503, 'application/json']);
  expect(await answer.json()).toEqual({ database: { ready: false } });
  const head = await ask('HEAD');
  expect([head.status, await head.text()]).toEqual([503, '']);
  health = new Error('broken');
  expect((await ask('GET')).status).toBe(500);
  expect(failures).toEqual([health]);
});

test('a port that another has is taken as soon as it is free, with one complaint', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const { bound, started } = start(port);
  await started;
  expect(failures).toMatchObject([{ code: 'EADDRINUSE' }]);
  // Long enough for some more attempts to fail: each is a turn of the event loop and 20 ms.
  for (let round = 0; round < 3; round += 1) {
    await expect(fetch(`http://127.0.0.1:${port}/metrics`, quickly())).rejects.toThrow('timeout');
  }
  other.close();
  expect(await bound).toBe(port);
  expect(failures).toHaveLength(1);
});

test('one that is stopped while it waits for its port listens no more', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  await start(port).started;
  listener?.stop();
  other.close();
  await once(other, 'close');
  const socket = connect(port, '127.0.0.1');
  await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

function quickly(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(50) };
}
