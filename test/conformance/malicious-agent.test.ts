import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { attacks } from '../support/evil-agent/attacks.ts';
import { mebibytes, percentile, print } from '../support/figures.ts';
import { chosenCases } from '../support/long-form.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { partPath } from '../support/parts.ts';
import { Program } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// Each attack is a process, and floods for seconds.
vi.setConfig({ testTimeout: 60_000 });

const script = fileURLToPath(new URL('../support/evil-agent/main.ts', import.meta.url));
const folder = temporaryFolder('evil');
/** What an attacked hub may hold more than before: windows, queues and what the collector has not come to yet. */
const allowedGrowth = 200 * 1024 * 1024;

let origin: Origin;
let hub: HubProcess;
let alice: AgentProcess;
let token: string;
let victim: string;
let ca: string;
let uploadFile: string;
/** Where the agent that asked for alice's name is reached. */
let evilHost: string;

beforeAll(async () => {
  origin = await startOrigin();
  // A line that is not read is noticed within seconds.
  hub = await HubProcess.start({ settings: { HUB_PING_INTERVAL: '2s', HUB_PING_DEADLINE: '8s' } });
  alice = new AgentProcess({
    hub,
    originPort: origin.port,
    token: await hub.createToken('--label', 'alice'),
  });
  await alice.reachable();
  victim = (await shown('alice'))['agent_id'] ?? '';
  token = await hub.createToken('--label', 'evil');
  ca = readFileSync(hub.caFile, 'utf8');
  uploadFile = join(folder.path, 'upload');
  writeFileSync(uploadFile, Buffer.alloc(4 * 1024 * 1024));
  evilHost = `evil.phlix.localhost:${hub.ports.https}`;
});

afterAll(async () => {
  await alice?.stop();
  await hub?.stop();
  await origin?.stop();
  folder.remove();
});

async function shown(server: string): Promise<Record<string, string>> {
  const { stdout } = await hub.run('servers', 'show', server, '--json');
  return JSON.parse(stdout) as Record<string, string>;
}

interface Outcome {
  readonly done: boolean;
  /** undefined: its link still stood when it was stopped. */
  readonly ended: { code?: number; text: string; closeCode: number } | undefined;
  readonly answers: readonly string[];
  /** Why the hub ended its link, in the hub's own words. */
  readonly cut: string | undefined;
}

/** Runs an attack beside a neighbour, who must not notice. */
async function suffer(attack: string, awaited?: 'ended' | 'cut'): Promise<Outcome> {
  const before = await watchAlice(300);
  const began = Date.now();
  const resident = hub.program.memory().bytes;
  hub.program.forgetPeakMemory();
  const asked = { attack, ...hub.ports, caFile: hub.caFile, token, victim };
  const evil = new Program({
    command: [
      process.execPath,
      script,
      JSON.stringify({ ...asked, keyFile: join(folder.path, 'key.json') }),
    ],
  });
  await evil.waitForLine(/"connected"|"ended"/);
  const visits = visitEvil();
  const during = await watchAlice(1500);
  const answers = await visits;
  // On a busy machine the end may come after the last request of this watch.
  if (awaited === 'ended') await evil.waitForLine(/"ended"/);
  if (awaited === 'cut') {
    const look = (): void => {
      if (cutSince(began) === undefined) throw new Error('its link stands');
    };
    await vi.waitFor(look, { timeout: 30_000, interval: 50 });
  }
  const cut = cutSince(began);
  await evil.stop();
  const after = await watchAlice(100);
  const peak = hub.program.memory().peakBytes;
  print(
    'malicious agent',
    `${attack.padEnd(26)} neighbour p99 ${before.p99} ms before, ${during.p99} ms during (${during.count} requests); hub ${mebibytes(resident)}, at most ${mebibytes(peak)}; its link: ${cut ?? outcomeText(evil.output)}; its visitors: ${answers.join(' ')}`,
  );
  expect([...before.failures, ...during.failures, ...after.failures]).toEqual([]);
  expect(peak - resident).toBeLessThan(allowedGrowth);
  expect(alice.program.output).not.toMatch(/"level":"(warn|error)"/);
  const lines = evil.output.split('\n').flatMap((line) => (line.startsWith('{') ? [line] : []));
  const said = lines.map((line) => JSON.parse(line) as Partial<Outcome>);
  return {
    done: lines.some((line) => line.includes('"done"')),
    ended: said.find(({ ended }) => ended !== undefined)?.ended,
    answers,
    cut,
  };
}

function cutSince(began: number): string | undefined {
  const lines = hub.program.output
    .split('\n')
    .filter((line) => line.includes('agent disconnected'));
  const cuts = lines.map((line) => JSON.parse(line) as { time: string; reason?: string });
  return cuts.findLast(({ time }) => new Date(time).getTime() >= began)?.reason;
}

function outcomeText(output: string): string {
  return /\{"ended".*/.exec(output)?.[0] ?? 'stood';
}

/** Small requests to the neighbour, two at a time, one after the other. */
async function watchAlice(forMs: number) {
  const agent = new Agent({ keepAlive: true });
  const times: number[] = [];
  const failures: unknown[] = [];
  const until = performance.now() + forMs;
  const viewer = async (): Promise<void> => {
    while (performance.now() < until) {
      const began = performance.now();
      const status = await statusOf(`alice.phlix.localhost:${hub.ports.https}`, agent);
      times.push(performance.now() - began);
      if (status !== 200) failures.push(status);
    }
  };
  await Promise.all([viewer(), viewer()]);
  agent.destroy();
  return { p99: percentile(times, 0.99).toFixed(1), count: times.length, failures };
}

/** Small requests of the neighbour's viewers. */
function statusOf(host: string, agent: Agent): Promise<number | string> {
  const [servername = '', port] = host.split(':');
  return new Promise((resolve) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      servername,
      ca,
      agent,
      path: '/content/neighbour/1000',
      headers: { host },
      signal: AbortSignal.timeout(10_000),
    });
    asked.once('response', (answer) => {
      answer.once('error', () => resolve(`${answer.statusCode} cut`));
      answer.once('end', () => resolve(answer.statusCode ?? 0));
      answer.resume();
    });
    asked.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.name));
    asked.end();
  });
}

/** Three visitors, one of them with an upload, in processes of their own: what they are sent must not slow the clock here. */
async function visitEvil(): Promise<string[]> {
  const [name = '', port = ''] = evilHost.split(':');
  const visit = (...words: string[]) =>
    new Promise<string>((resolve) => {
      const place = ['--cacert', hub.caFile, '--resolve', `${name}:${port}:127.0.0.1`];
      const quiet = ['--silent', '--output', '/dev/null', '--max-time', '1.8'];
      const said = ['--write-out', '%{http_code}'];
      const command = [...place, ...quiet, ...said, ...words, `https://${evilHost}/`];
      execFile(partPath('curl'), command, (error, stdout) =>
        resolve(error === null ? stdout : `${stdout} (curl ${error.code})`),
      );
    });
  return Promise.all([visit(), visit(), visit('--data-binary', `@${uploadFile}`)]);
}

/** GOAWAY codes of PROTOCOL.md, rule P52. */
const [protocolError, unauthorised] = [1, 4];

describe('an agent that has gone bad', () => {
  test('may ask for the name of another, and does not get it', async () => {
    await suffer('claims-addresses');
    expect((await shown('alice'))['agent_id']).toBe(victim);
    expect((await shown('evil'))['agent_id']).not.toBe(victim);
  });

  test('is turned away with the name of another agent', async () => {
    expect((await suffer('impersonates', 'ended')).ended?.code).toBe(unauthorised);
  });

  test.each(
    chosenCases(
      [
        'answers-others',
        'resets-others',
        'unknown-streams',
        'opens-streams',
        'too-much-credit',
        'acknowledges-too-much',
        'hello-again',
        'large-frame',
        'noise',
        'overflows-its-window',
      ],
      ['answers-others', 'unknown-streams', 'noise', 'overflows-its-window'],
    ),
  )('that %s loses its own link, and nobody else does', async (attack) => {
    expect((await suffer(attack, 'ended')).ended?.code).toBe(protocolError);
  });

  test.each(chosenCases(['text', 'huge-message', 'compressed', 'fragments'], ['huge-message']))(
    'that sends %s over its WebSocket loses its own link',
    async (attack) => {
      const { ended } = await suffer(attack, 'ended');
      expect(ended?.closeCode).toBeGreaterThan(1000);
    },
  );

  test.each(
    chosenCases(
      ['large-head', 'many-lines', 'splits-lines', 'endless-hints'],
      ['large-head', 'splits-lines'],
    ),
  )('whose origin answers with %s has visitors who read 502', async (attack) => {
    const { answers } = await suffer(attack);
    expect(answers.slice(0, 2)).toEqual(['502', '502']);
  });

  test('that answers twice is believed once', async () => {
    expect((await suffer('two-answers')).answers.slice(0, 2)).toEqual(['200', '200']);
  });

  test('that never reads is given up', async () => {
    const { cut, answers } = await suffer('never-reads', 'cut');
    expect(cut).toBe('ping-timeout');
    expect(answers).not.toContain('200');
  });

  test('that has answers sent and does not read them is cut off', async () => {
    expect((await suffer('flood-of-pings-unread', 'cut')).cut).toMatch(/overloaded|ping-timeout/);
  });

  test.each(
    chosenCases(
      [
        'never-ends-a-head',
        'never-acknowledges',
        'flood-of-bytes',
        'flood-of-pings',
        'flood-of-notices',
        'flood-of-credit',
        'flood-of-optional-frames',
        'http2-noise',
        'http2-flood',
        'http2-continuation',
        'http2-push',
        'http2-window',
      ],
      ['never-acknowledges', 'flood-of-bytes', 'flood-of-pings', 'http2-flood', 'http2-window'],
    ),
  )('by %s harms nobody but its own visitors', async (attack) => {
    const { answers } = await suffer(attack);
    expect(answers).not.toContain('200');
  });

  test('is tried in all of its ways here', () => {
    const tried = readFileSync(fileURLToPath(import.meta.url), 'utf8');
    expect(Object.keys(attacks).filter((attack) => !tried.includes(`'${attack}'`))).toEqual([]);
  });
});
