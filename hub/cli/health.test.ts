// The command asks what stands for a hub: a listener that answers as one, or nobody.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { afterEach, expect, test } from 'vitest';

import { recordingLogger } from '../../test/support/agents-door.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { Control } from '../process/control.ts';
import { runHub } from './program.ts';

const folder = temporaryFolder('health').path;
const opened: { close(): void }[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

async function health(
  listen: string,
  ...words: string[]
): Promise<{ code: number; stdout: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const environment = { HUB_DATA_DIR: folder, HUB_METRICS_LISTEN: listen };
  const code = await runHub(['health', ...words], { environment, stdout, stderr });
  stdout.end();
  return { code, stdout: await text(stdout) };
}

/** Alive, and not ready. */
async function drainingHub(): Promise<string> {
  const server: Server = createServer(({ url }, response) => {
    const isAlive = url === '/healthz';
    response.statusCode = isAlive ? 200 : 503;
    response.end(isAlive ? '' : '{"gateway":{"ready":false,"reason":"draining"}}');
  });
  opened.push(server);
  await once(server.listen(0), 'listening');
  return `:${(server.address() as AddressInfo).port}`;
}

test('a hub that drains is alive', async () => {
  const listen = await drainingHub();
  expect(await health(listen)).toEqual({ code: 0, stdout: 'The hub is alive.\n' });
});

test('a hub that drains is not ready, and its own reason is told', async () => {
  const listen = await drainingHub();
  const { code, stdout } = await health(listen, '--ready', '--json');
  expect(code).toBe(69);
  expect(JSON.parse(stdout)).toEqual({
    healthy: false,
    answer: { gateway: { ready: false, reason: 'draining' } },
  });
  expect((await health(listen, '--ready')).stdout).toContain('"reason":"draining"');
});

test('where nobody answers the setting is named', async () => {
  const listen = await drainingHub();
  opened.splice(0).forEach((each) => each.close());
  const { code, stdout } = await health(listen);
  expect(code).toBe(69);
  expect(stdout).toMatch(
    /Nothing answers at HUB_METRICS_LISTEN, 127\.0\.0\.1 port \d+ \(ECONNREFUSED\)/,
  );
});

test('without metrics the socket in the data folder answers in their place', async () => {
  expect(await health('off')).toMatchObject({ code: 69, stdout: `No hub runs with ${folder}.\n` });
  const asked = {
    beginHandOver: async () => ({ links: 0, moved: 0 }),
    cancelHandOver: () => undefined,
    askToStop: () => undefined,
    streamCount: 0,
  };
  let answer = { status: 503, body: { gateway: { ready: false, reason: 'draining' } } };
  const readiness = { answer: async () => answer };
  const control = await Control.open(folder, asked, recordingLogger().log, { readiness });
  if (control !== undefined) opened.push(control);
  expect((await health('off')).code).toBe(0);
  const { code, stdout } = await health('off', '--ready', '--json');
  expect([code, JSON.parse(stdout)]).toEqual([69, { healthy: false, answer: answer.body }]);
  answer = { status: 200, body: { gateway: { ready: true, reason: '' } } };
  expect(await health('off', '--ready')).toEqual({ code: 0, stdout: 'The hub is ready.\n' });
});
