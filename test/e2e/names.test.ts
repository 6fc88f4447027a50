import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { AgentProcess, type AgentProcessOptions, HubProcess } from '../support/deployment.ts';
import { print } from '../support/figures.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { Visitor } from '../support/visitor.ts';

let origin: Origin;
let hub: HubProcess;
const agents: AgentProcess[] = [];

beforeAll(async () => {
  origin = await startOrigin();
  hub = await HubProcess.start();
});

afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()));
});

afterAll(async () => {
  await hub?.stop();
  await origin?.stop();
});

// Each test starts processes, some of them five, beside other suites.
vi.setConfig({ testTimeout: 60_000 });

const anHourAgo = `data:text/javascript,${encodeURIComponent(
  `globalThis.Date = class extends Date {
    constructor(...given) { super(...(given.length > 0 ? given : [Date.now() - 3600e3])); }
  };`,
)}`;

describe('an agent that cannot enrol says why, once, and ends', () => {
  test('a token that was used by another', async () => {
    const token = await hub.createToken();
    await start({ token }).reachable();
    expect(await ending(start({ token }))).toEqual({
      exitCode: 77,
      said: `the hub at ${hub.url} has seen this token before and a token works once: make a new one with "phlix-hub enrol-token create"`,
    });
  });

  test('a token that is too old', async () => {
    // Made an hour ago, as far as the process that made it knows.
    vi.stubEnv('NODE_OPTIONS', `--import ${anHourAgo}`);
    const token = await hub.createToken('--ttl', '1m');
    vi.unstubAllEnvs();
    expect(await ending(start({ token }))).toEqual({
      exitCode: 77,
      said: `the hub at ${hub.url} says that this token is too old: make a new one with "phlix-hub enrol-token create"`,
    });
  });

  test('a token that the hub never made', async () => {
    const token = (await hub.createToken()).replace(/^phe_.{8}/, 'phe_AAAAAAAA');
    const { exitCode, said } = await ending(start({ token }));
    expect(exitCode).toBe(77);
    expect(said).toMatch(/does not know this token: copy it again, check that PHLIX_HUB_URL/);
  });

  test('a token of another hub', async () => {
    const other = await HubProcess.start();
    const token = await other.createToken();
    await other.stop();
    const { exitCode, said } = await ending(start({ token }));
    expect(exitCode).toBe(78);
    expect(said).toMatch(/is not the hub this token was made by: check PHLIX_HUB_URL/);
  });

  test.each([
    ['half a token', 'phe_abc', /it has 7 characters instead of 55 or 99/],
    ['no token', undefined, /is not enrolled yet: set PHLIX_HUB_ENROLLMENT_TOKEN/],
  ])('%s', async (_, token, sentence) => {
    const { exitCode, said } = await ending(start({ token }));
    expect(exitCode).toBe(78);
    expect(said).toMatch(sentence);
  });

  test('a misspelt setting', async () => {
    const settings = { PHLIX_SERVERNAME: 'Movies' };
    const { exitCode, said } = await ending(start({ settings }));
    expect(exitCode).toBe(78);
    expect(said).toContain('PHLIX_SERVER_NAME');
  });

  test('an authority that did not sign the hub’s certificate is told, and tried again', async () => {
    const other = await HubProcess.start();
    await other.stop();
    const [token] = (await hub.createToken()).split('.');
    const agent = start({ token, settings: { PHLIX_HUB_CA_FILE: other.caFile } });
    const failure = await notConnected(agent);
    expect(failure).toMatchObject({ code: 'hub.certificate' });
    expect(failure.message).toContain('is signed by nobody this agent trusts');
    expect(JSON.parse((await agent.status('--json')).stdout)).toMatchObject({
      state: 'enrolling',
      lastFailure: { code: 'hub.certificate' },
    });
  });
});

test('a state folder that others can read is refused, with the command that closes it', async () => {
  const folder = join(temporaryFolder('agent').path, 'state');
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  const { exitCode, said } = await ending(start({ folder, token: await hub.createToken() }));
  expect(exitCode).toBe(78);
  expect(said).toContain(`chmod 700 ${folder}`);
});

test('a second agent with the same state folder takes over, and the first one ends well', async () => {
  const agent = start({ token: await hub.createToken() });
  await agent.reachable();
  const successor = start({ folder: agent.folder });
  await successor.reachable();
  expect(await agent.program.ended).toBe(0);
  expect((await successor.status()).exitCode).toBe(0);
});

test('an agent waits for a hub that is down, and for one that restarts', async () => {
  const late = await HubProcess.start();
  const token = await late.createToken();
  await late.stop();
  const agent = start({ hub: late, token });
  expect((await notConnected(agent)).message).toContain('nothing listens on hub.localhost port');
  await late.startAgain();
  await agent.reachable();
  expect((await agent.status()).exitCode).toBe(0);

  await late.stop();
  const failure = await notConnected(agent, 'link.');
  expect(failure.message).toMatch(/the agent comes back to it|the agent dials again/);
  expect((await agent.status()).exitCode).toBe(69);
  await late.startAgain();
  await vi.waitFor(async () => expect((await agent.status()).exitCode).toBe(0), 40_000);
  await late.stop();
}, 120_000);

describe('names', () => {
  test('a name with umlauts becomes a readable label', async () => {
    const settings = { PHLIX_SERVER_NAME: 'Jürgens Größtes Kino' };
    const agent = start({ token: await hub.createToken(), settings });
    expect(await agent.reachable()).toEqual([hub.addressOf('jurgens-grosstes-kino')]);
    expect((await hub.run('servers', 'list')).stdout).toContain('Jürgens Größtes Kino');
    await agent.stop();
    const other = start({ token: await hub.createToken(), settings });
    const [address] = await other.reachable();
    expect(address).toMatch(/^https:\/\/[a-z]+-[a-z]+(-[a-z0-9]+)?\.phlix\.localhost:/);
  });

  test('without auto-claim an agent waits for the name that its owner gives', async () => {
    const settings = { PHLIX_SUBDOMAIN_AUTO_CLAIM: '0', PHLIX_SERVER_NAME: 'Patient' };
    const agent = start({ token: await hub.createToken(), settings });
    await agent.program.waitForLine(/connected, waiting for a name/);
    expect((await agent.status()).stdout).toContain('address  none yet');
    const server = await serverNamed('Patient');
    expect(server.address).toBeNull();
    const renamed = await hub.run('servers', 'rename', server.id, 'patient-kino');
    expect(renamed).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await agent.reachable(5000)).toEqual([hub.addressOf('patient-kino')]);
    expect(await statusAt('patient-kino')).toBe(200);
  });

  test('a renamed server answers at its new address at once, and no more at the old one', async () => {
    const agent = start({ token: await hub.createToken('--label', 'before') });
    await agent.reachable();
    expect(await statusAt('before')).toBe(200);
    const { stdout } = await hub.run('servers', 'rename', 'before', 'afterwards');
    expect(stdout).toBe(`before is now at ${hub.addressOf('afterwards')}.\n`);
    await agent.program.waitForLine(/"addresses":\["https:\/\/afterwards\./, 5000);
    expect(await statusAt('afterwards')).toBe(200);
    expect(await statusAt('before')).toBe(404);
    expect((await agent.status()).stdout).toContain(`address  ${hub.addressOf('afterwards')}`);
    expect((await hub.run('servers', 'list')).stdout).toMatch(/^afterwards +https:/m);
  });

  test('names that cannot be had are refused with the reason', async () => {
    const tokens = ['first-come', 'second-come'].map((label) => hub.createToken('--label', label));
    await Promise.all(tokens.map(async (token) => start({ token: await token }).reachable()));
    const [taken, reserved, unknown] = await Promise.all([
      refusal('second-come', 'first-come'),
      refusal('second-come', 'admin'),
      refusal('nobody', 'somebody'),
    ]);
    expect(taken).toEqual([65, expect.stringContaining('first-come')]);
    expect(reserved).toEqual([65, expect.stringContaining('reserved')]);
    expect(unknown).toEqual([
      65,
      'phlix-hub: There is no server "nobody"; phlix-hub servers list shows those there are.\n',
    ]);
  });
});

test('revoking cuts a running download within five seconds, for good', async () => {
  const agent = start({ token: await hub.createToken('--label', 'revoked') });
  await agent.reachable();
  const visitor = new Visitor(hub.addressOf('revoked'), hub.caFile);
  const download = await visitor.ask('/drip?bytes=100000&everyMs=20');
  const cut = new Promise<number>((resolve) => {
    download.once('error', () => resolve(performance.now()));
  });
  download.resume();

  const command = hub.run('servers', 'revoke', 'revoked');
  const { stdout } = await command;
  const acknowledgedAt = performance.now();
  expect(stdout).toMatch(/^revoked is revoked\. https:\/\/revoked\..* answers no more\.\n$/);
  const afterMs = (await cut) - acknowledgedAt;
  print('names', `a running download ended ${Math.round(afterMs)} ms after revoke had answered`);
  expect(afterMs).toBeLessThan(5000);

  const { exitCode, said } = await ending(agent);
  expect(exitCode).toBe(77);
  expect(said).toContain(`this server was removed on the hub at ${hub.url}`);
  expect(await statusAt('revoked')).toBe(404);
  agent.startAgain();
  expect((await ending(agent)).exitCode).toBe(77);
  visitor.leave();
});

/** Of a rename: its exit code and sentence. */
async function refusal(wanted: string, label: string): Promise<[number, string]> {
  const { exitCode, stderr } = await hub.run('servers', 'rename', wanted, label);
  print('names', `exit ${exitCode}: ${stderr.trimEnd()}`);
  return [exitCode, stderr];
}

function start(options: Partial<AgentProcessOptions>): AgentProcess {
  const agent = new AgentProcess({ hub, originPort: origin.port, ...options });
  agents.push(agent);
  return agent;
}

/** How an agent ended by itself, and what it had to say to its owner: all that is not log. */
async function ending({ program }: AgentProcess): Promise<{ exitCode: unknown; said: string }> {
  const exitCode = await program.ended;
  const lines = program.output.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  const said = lines.join('\n').replace(/^phlix-agent: /, '');
  print('names', `exit ${exitCode}: ${said}`);
  return { exitCode, said };
}

/** The failure that an agent logs and goes on from. */
async function notConnected(
  { program }: AgentProcess,
  codeBegins = '',
): Promise<{ code: string; message: string }> {
  const pattern = new RegExp(`^.*"code":"${codeBegins}.*"not connected".*$`);
  const [line] = await program.waitForLine(pattern);
  const { err } = JSON.parse(line) as { err: { code: string; message: string } };
  print('names', `${err.code}: ${err.message}`);
  return err;
}

async function serverNamed(name: string): Promise<{ id: string; address: string | null }> {
  const { stdout } = await hub.run('servers', 'list', '--json');
  const { servers } = JSON.parse(stdout) as {
    servers: { id: string; name: string; address: string | null }[];
  };
  const found = servers.find((server) => server.name === name);
  if (found === undefined) throw new Error(`no server ${name} in ${stdout}`);
  return found;
}

async function statusAt(label: string): Promise<number | undefined> {
  const visitor = new Visitor(hub.addressOf(label), hub.caFile);
  const answer = await visitor.ask('/request');
  await answer.toArray();
  visitor.leave();
  return answer.statusCode;
}
