import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { PostgresCertificateStore } from '../../hub/db/certificate-store.ts';
import { openDatabase } from '../../hub/db/connect.ts';
import { silent } from '../support/databases.ts';
import { hasParts } from '../support/parts.ts';
import { startPostgres, type ThrowawayPostgres } from '../support/postgres.ts';
import { Program } from '../support/program.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

// Each test starts several real programs, which takes its time where other suites run beside it.
vi.setConfig({ testTimeout: 120_000 });

const counter = join(import.meta.dirname, 'leases', 'main.ts');
const wish = {
  names: ['movies.tv.test'],
  keyKind: 'ecdsa',
  authority: 'https://ca.test/dir',
  challenge: 'http-01',
  profile: undefined,
  serverId: undefined,
} as const;

const programs: Program[] = [];
afterEach(async () => {
  for (const program of programs) program.kill('SIGKILL');
  await Promise.all(programs.splice(0).map((program) => program.ended));
});

interface Times {
  readonly leaseMs: number;
  readonly workMs: number;
}

/** A process that counts under the lease: reads a number, works, writes the next one. */
function startCounter(place: string, id: string, { leaseMs, workMs }: Times): Program {
  const words = [place, id, String(leaseMs), String(workMs)];
  const program = new Program({ command: [process.execPath, counter, ...words] });
  programs.push(program);
  return program;
}

function said(program: Program, word: string): number {
  return [...program.output.matchAll(new RegExp(`^${word} \\d+$`, 'gm'))].length;
}

function saidByAll(counters: readonly Program[], word: string): number {
  return counters.reduce((sum, each) => sum + said(each, word), 0);
}

function settingsOf(place: string) {
  return place.startsWith('/')
    ? { url: undefined, dataDir: place }
    : { url: place, dataDir: '/nonexistent' };
}

async function withStore<Result>(
  place: string,
  work: (store: PostgresCertificateStore) => Promise<Result>,
): Promise<Result> {
  const database = await openDatabase(settingsOf(place), { purpose: 'command', log: silent });
  try {
    return await work(new PostgresCertificateStore(database));
  } finally {
    await database.close();
  }
}

async function begin(place: string): Promise<string> {
  return withStore(place, async (store) => {
    await store.reconcile([wish], new Date());
    return (await store.list())[0]?.id ?? '';
  });
}

async function countedIn(place: string, id: string): Promise<number> {
  const found = await withStore(place, (store) => store.find(id));
  return found?.attempts.failures ?? 0;
}

async function until(isTrue: () => boolean): Promise<void> {
  await expect.poll(isTrue, { interval: 10, timeout: 30_000 }).toBe(true);
}

describe.skipIf(!hasParts('postgresql'))('processes that count under one lease', () => {
  let postgres: ThrowawayPostgres;
  let url: string;
  let id: string;

  beforeEach(async () => {
    postgres = await startPostgres();
    url = await postgres.createDatabase();
    id = await begin(url);
  });
  afterEach(() => postgres.stop());

  test('count on after one was frozen, whose late word is refused', async () => {
    const times = { leaseMs: 500, workMs: 1500 };
    const frozen = startCounter(url, id, times);
    await frozen.waitForLine(/^holds /);
    frozen.kill('SIGSTOP');
    const other = startCounter(url, id, times);
    await other.waitForLine(/^saved /);
    frozen.kill('SIGCONT');
    await frozen.waitForLine(/^refused /);
    // A process may be killed between the writing and the word about it.
    other.kill('SIGKILL');
    await other.ended;
    await frozen.waitForLine(/^saved /);
    frozen.kill('SIGKILL');
    await frozen.ended;
    const saved = saidByAll([frozen, other], 'saved');
    const counted = await countedIn(url, id);
    expect([saved, saved + 1]).toContain(counted);
  });

  test('never count the same number twice, whoever of them is killed and restarted', async () => {
    const times = { leaseMs: 300, workMs: 2 };
    const counters = Array.from({ length: 4 }, () => startCounter(url, id, times));
    const killed: Program[] = [];
    for (let round = 0; round < 6; round++) {
      const [victim] = counters.splice(0, 1);
      if (victim === undefined) break;
      await victim.waitForLine(/^saved /);
      victim.kill('SIGKILL');
      await victim.ended;
      killed.push(victim);
      counters.push(startCounter(url, id, times));
    }
    await until(() => counters.every((each) => said(each, 'saved') > 0));
    for (const each of counters) each.kill('SIGKILL');
    await Promise.all(counters.map((each) => each.ended));
    const all = [...killed, ...counters];
    const counted = await countedIn(url, id);
    expect(counted).toBeGreaterThanOrEqual(saidByAll(all, 'saved'));
    expect(counted).toBeLessThanOrEqual(saidByAll(all, 'saved') + all.length);
    // Every fence was given out once.
    const fences = all.flatMap(({ output }) => output.match(/^holds \d+$/gm) ?? []);
    expect(new Set(fences).size).toBe(fences.length);
  });

  test('lose nothing that they were told is kept when the database crashes', async () => {
    const times = { leaseMs: 300, workMs: 2 };
    const counters = Array.from({ length: 2 }, () => startCounter(url, id, times));
    for (let round = 0; round < 3; round++) {
      const before = saidByAll(counters, 'saved');
      await until(() => saidByAll(counters, 'saved') >= before + 20);
      await postgres.pause();
      await postgres.resume();
    }
    const before = saidByAll(counters, 'saved');
    await until(() => saidByAll(counters, 'saved') >= before + 20);
    for (const each of counters) each.kill('SIGKILL');
    await Promise.all(counters.map((each) => each.ended));
    const counted = await countedIn(url, id);
    const unsure = saidByAll(counters, 'unsure') + counters.length;
    expect(counted).toBeGreaterThanOrEqual(saidByAll(counters, 'saved'));
    expect(counted).toBeLessThanOrEqual(saidByAll(counters, 'saved') + unsure);
  });
});

describe('a hub with a database of its own', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = temporaryFolder('leases');
  });
  afterEach(() => folder.remove());

  test('that is killed, or whose database is, has kept what it said and works on', async () => {
    const id = await begin(folder.path);
    const times = { leaseMs: 300, workMs: 2 };
    const first = startCounter(folder.path, id, times);
    const [, serverPid] = await first.waitForLine(/^open (\d+)$/);
    await until(() => said(first, 'saved') >= 50);
    process.kill(Number(serverPid), 'SIGKILL');
    const before = said(first, 'saved');
    await until(() => said(first, 'saved') >= before + 50);
    first.kill('SIGKILL');
    await first.ended;
    // The lease of the killed one ends by itself.
    const second = startCounter(folder.path, id, times);
    await until(() => said(second, 'saved') >= 50);
    await second.stop();
    const saved = saidByAll([first, second], 'saved');
    const counted = await countedIn(folder.path, id);
    expect(counted).toBeGreaterThanOrEqual(saved);
    expect(counted).toBeLessThanOrEqual(saved + saidByAll([first, second], 'unsure') + 2);
  });
});
