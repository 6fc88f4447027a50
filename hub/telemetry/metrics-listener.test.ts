import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

import { afterEach, expect, onTestFinished, test } from 'vitest';

import { Gauge } from './metric.ts';
import { MetricsListener } from './metrics-listener.ts';

let listener: MetricsListener | undefined;
afterEach(() => listener?.stop());

const failures: unknown[] = [];
const links = new Gauge('phlix_hub_links', 'Connections of agents.', () => 7);

/** Resolves with the port once it has one. */
function start(port = 0): { bound: Promise<number>; started: Promise<void> } {
  failures.splice(0);
  const bound = Promise.withResolvers<number>();
  listener = new MetricsListener({
    address: `127.0.0.1:${port}`,
    metrics: [links],
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
