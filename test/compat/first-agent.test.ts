import type { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { ApiClient } from '../support/api-client.ts';
import { contentHash, contentStream, measure } from '../support/content.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { Visitor } from '../support/visitor.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const firstAgent = fileURLToPath(new URL('agents/phlix-agent-0.1.0.mjs', import.meta.url));

let origin: Origin;
let hub: HubProcess;
let agent: AgentProcess;
let address: string;

// One story, in the order in which a home lives through it.
beforeAll(async () => {
  origin = await startOrigin();
  hub = await HubProcess.start();
  const token = await hub.createToken('--label', 'movies');
  agent = new AgentProcess({ hub, originPort: origin.port, token, script: firstAgent });
  [address = ''] = await agent.reachable();
});

afterAll(async () => {
  await agent?.stop();
  await hub?.stop();
  await origin?.stop();
});

async function filmPlays(): Promise<void> {
  const visitor = new Visitor(address, hub.caFile);
  try {
    const range = { range: 'bytes=100000-299999' };
    const answer = await visitor.ask('/content/film/300000', { headers: range });
    expect(answer.statusCode).toBe(206);
    expect(await measure(answer)).toEqual({
      bytes: 200_000,
      sha256: contentHash('film', 100_000, 300_000),
    });
  } finally {
    visitor.leave();
  }
}

test('the first agent enrols here, and a film plays by range', async () => {
  expect((await agent.run('--version')).stdout).toBe('0.1.0\n');
  await filmPlays();
});

test('its uploads arrive whole, and its WebSockets carry messages both ways', async () => {
  const visitor = new Visitor(address, hub.caFile);
  const answer = await visitor.ask('/upload', {
    method: 'POST',
    headers: { 'content-length': 500_000 },
    body: contentStream('film', 0, 500_000),
  });
  expect(await json(answer)).toMatchObject({
    bytes: 500_000,
    sha256: contentHash('film', 0, 500_000),
  });
  const socket = visitor.socket('/socket');
  await once(socket, 'open');
  socket.send('hello');
  const [back] = (await once(socket, 'message')) as [Buffer];
  expect(back.toString()).toBe('hello');
  socket.close();
  visitor.leave();
});

test('asked to look at itself it takes no notice, and its server’s page says that it never told', async () => {
  const admin = new ApiClient(hub);
  await admin.becomeAdmin();
  const { json } = await admin.ask('GET', '/api/v1/servers');
  const [server] = json['items'] as { id: string }[];
  const path = `/servers/${server?.id}`;
  expect((await admin.ask('POST', `/api/v1${path}/findings`)).json).toEqual({ is_asked: true });
  await filmPlays();
  expect(agent.program.output).not.toContain('"code":"link.');
  expect((await admin.ask('GET', `/api/v1${path}/findings`)).json).toMatchObject({ state: null });
  expect((await admin.ask('GET', path)).text).toContain('Its agent has told nothing yet');
});

test('it comes back to a hub that drained and was started again', async () => {
  await hub.stop();
  await hub.startAgain();
  await vi.waitFor(filmPlays, { timeout: 30_000 });
});

test('this agent takes over from it where it runs, with its key, and can change that key', async () => {
  const before = join(temporaryFolder('before').path, 'state');
  await cp(agent.folder, before, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  agent.changeScript();
  const former = await agent.takeOver();
  expect(await former.ended).toBe(0);
  await filmPlays();
  const { exitCode, stdout } = await agent.run('rotate', '--json');
  expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { agentId: expect.any(String) }]);
  await vi.waitFor(filmPlays, { timeout: 30_000 });

  // The first agent does not know this word of the hub, and takes it for a line that broke: it stays outside.
  const copy = new AgentProcess({ hub, originPort: 1, folder: before, script: firstAgent });
  await copy.program.waitForLine(/"code":"link\.lost"/);
  await filmPlays();
  await copy.stop();
});
