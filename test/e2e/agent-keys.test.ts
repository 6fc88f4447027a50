import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { ApiClient } from '../support/api-client.ts';
import { contentHash, measure } from '../support/content.ts';
import {
  AgentProcess,
  deploy,
  type CommandResult,
  type Deployment,
} from '../support/deployment.ts';
import { print } from '../support/figures.ts';
import { chosenCases } from '../support/long-form.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { Visitor } from '../support/visitor.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let origin: Origin;
let home: Deployment;
const others: AgentProcess[] = [];

beforeAll(async () => {
  origin = await startOrigin();
  home = await deploy({ originPort: origin.port });
});
afterEach(async () => {
  await Promise.all(others.splice(0).map(async (agent) => agent.stop()));
});
afterAll(async () => {
  await home?.stop();
  await origin?.stop();
});

/** As a backup or a cloned disk has it. */
async function copyOfState(): Promise<string> {
  const copy = join(temporaryFolder('copy').path, 'state');
  await cp(home.agent.folder, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  return copy;
}

function another(folder: string): AgentProcess {
  const agent = new AgentProcess({ hub: home.hub, originPort: origin.port, folder });
  others.push(agent);
  return agent;
}

async function events(): Promise<string[]> {
  const { stdout } = await home.hub.run('audit', 'list', '--json');
  return (JSON.parse(stdout) as { entries: { event: string }[] }).entries.map(({ event }) => event);
}

async function filmPlays(): Promise<void> {
  const visitor = new Visitor(home.address, home.hub.caFile);
  try {
    const answer = await visitor.ask('/content/film/100000');
    expect(await measure(answer)).toMatchObject({ sha256: contentHash('film', 0, 100_000) });
  } finally {
    visitor.leave();
  }
}

async function rotated(): Promise<CommandResult> {
  return home.agent.run('rotate', '--json');
}

test('a film goes on while the key is changed; the backup of before is refused with the reason', async () => {
  const backup = await copyOfState();
  const visitor = new Visitor(home.address, home.hub.caFile);
  // Four seconds.
  const film = await visitor.ask('/content/film/400000?bytesPerMs=100');
  const watched = measure(film);
  const { exitCode, stdout } = await rotated();
  expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { formerAgentId: expect.any(String) }]);
  expect(await watched).toEqual({ bytes: 400_000, sha256: contentHash('film', 0, 400_000) });
  visitor.leave();

  const old = another(backup);
  expect(await old.program.ended).toBe(77);
  expect(old.program.output).toMatch(/phlix-agent: the key in .* was replaced by another one/);
  expect(await events()).toContain('server.key-rotated');
  await filmPlays();
});

test('of two that run with one key the newer one serves, the hub tells of it, and a new key shuts the copy out', async () => {
  const clone = another(await copyOfState());
  await clone.reachable();
  await home.hub.program.waitForLine(/two agents use one key/, 30_000);
  await vi.waitFor(async () => expect(await events()).toContain('server.cloned'), {
    timeout: 20_000,
  });
  const startedMs = performance.now();
  expect((await rotated()).exitCode).toBe(0);
  expect(await clone.program.ended).toBe(77);
  print('keys', `a copy was out ${Math.round(performance.now() - startedMs)} ms after the command`);
  // The one that was put out stands by, and tries again within half a minute.
  await vi.waitFor(filmPlays, { timeout: 60_000 });
  await home.agent.reachable();
});

const moments = ['50', '150', '300', '600', '1000'] as const;
test.each(chosenCases(moments, ['150']))(
  'an agent that is killed %s ms after it was told to change its key comes back with one of the two',
  async (ms) => {
    const asked = rotated();
    // The moment is the test: whatever the agent is doing then, it ends.
    await after(Number(ms));
    home.agent.program.kill('SIGKILL');
    await Promise.all([asked, home.agent.program.ended]);
    home.agent.startAgain();
    await home.agent.reachable();
    await vi.waitFor(filmPlays, { timeout: 20_000 });
  },
);

test('a server that goes to another owner takes its name along, and not its agent', async () => {
  const admin = new ApiClient(home.hub);
  await admin.becomeAdmin();
  const bob = await admin.invite('bob', 'owner');
  const former = home.agent.program;
  const { exitCode, stdout } = await home.hub.run('servers', 'transfer', 'movies', 'bob');
  const answeredMs = performance.now();
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining("is bob's now")]);
  expect(await former.ended).toBe(77);
  expect(performance.now() - answeredMs).toBeLessThan(5000);
  home.agent.startAgain();
  expect(await home.agent.program.ended).toBe(77);

  const { json: seen } = await bob.ask('GET', '/api/v1/servers');
  const [own] = seen['items'] as { id: string }[];
  const id = String(own?.id);
  const made = await bob.askProven('POST', '/api/v1/enrolment-tokens', { server_id: id });
  const token = String(made.json['token']);
  const next = new AgentProcess({ hub: home.hub, originPort: origin.port, token });
  others.push(next);
  expect(await next.reachable()).toEqual([home.address]);
  await filmPlays();

  // And back again, by the API: for admins only.
  const path = `/api/v1/admin/servers/${id}/transfer`;
  expect(await bob.askProven('POST', path, { username: 'bob' })).toMatchObject({ status: 403 });
  const nobody = await admin.askProven('POST', path, { username: 'nobody' });
  expect(nobody).toMatchObject({ status: 404, json: { code: 'account.unknown' } });
  const me = String((await admin.ask('GET', '/api/v1/account')).json['username']);
  const back = await admin.askProven('POST', path, { username: me });
  expect(back).toMatchObject({ status: 200, json: { label: 'movies', access: 'owner' } });
  expect(await next.program.ended).toBe(77);
  expect(await bob.ask('GET', `/api/v1/servers/${id}`)).toMatchObject({ status: 404 });
  const transfers = (await events()).filter((event) => event === 'server.transferred');
  expect(transfers).toHaveLength(2);
});
