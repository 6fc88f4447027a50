import { Readable } from 'node:stream';

import { expect, test, vi } from 'vitest';

import { bytes, quiet, withBody } from '../../test/support/exchanges.ts';
import { RestartingTunnel } from '../../test/support/restarting-tunnel.ts';

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

function awaited(): RestartingTunnel {
  const tunnel = new RestartingTunnel();
  tunnel.awaitedMs = 60_000;
  return tunnel;
}

test.each([
  ['a GET', {}],
  ['an upload, of which nothing was read', withBody(Readable.from([bytes('film')]), 4)],
])('%s waits for the link of a server that is expected back', async (_what, wish) => {
  const tunnel = awaited();
  const visitor = tunnel.forward(wish);
  await quiet(() => tunnel.waitingCount);
  expect([tunnel.waitingCount, visitor.isHeadSent]).toEqual([1, false]);
  const origin = await tunnel.connect().accept();
  await origin.heard('/film.mp4 HTTP/1.1\r\n');
  origin.answer(answer);
  await visitor.done();
  expect([visitor.status, visitor.body]).toEqual([200, 'ok']);
});

test('a server that does not come back in time is offline', async () => {
  const tunnel = new RestartingTunnel();
  tunnel.awaitedMs = 1;
  const visitor = tunnel.forward();
  await visitor.done();
  expect([visitor.status, visitor.code]).toEqual([503, 'tunnel.offline']);
});

test('a visitor who leaves while waiting leaves nothing behind', async () => {
  const tunnel = awaited();
  const onFailure = vi.fn<() => void>();
  const visitor = tunnel.forward({}, {}, { onFailure });
  await quiet(() => tunnel.waitingCount);
  visitor.onAborted();
  await quiet(() => tunnel.waitingCount);
  expect(tunnel.waitingCount).toBe(0);
  tunnel.connect();
  expect([visitor.isHeadSent, onFailure.mock.calls]).toEqual([false, []]);
});
