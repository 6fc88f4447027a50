import { createReadStream } from 'node:fs';
import { appendFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHash } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { Program } from '../../test/support/program.ts';
import { temporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts';
import { Chain, type DatedEntry } from './chain.ts';
import { ChainLock } from './chain-lock.ts';
import { readLine } from './line.ts';
import { linesOf, listSegments, pack } from './segment-files.ts';
import { verify } from './verify.ts';

let folder: TemporaryFolder;
let audit: string;
let now: Date;
const chains: Chain[] = [];

beforeEach(() => {
  folder = temporaryFolder('audit');
  audit = join(folder.path, 'audit');
  now = new Date('2026-11-22T10:00:00.123Z');
});
afterEach(async () => {
  for (const chain of chains.splice(0)) await chain.close();
  folder.remove();
});

async function open(fileBytes = 1_000_000, lockPatienceMs = 1000): Promise<Chain> {
  const options = { folder: audit, limits: { fileBytes }, now: () => now, lockPatienceMs };
  const chain = await Chain.open(options);
  chains.push(chain);
  return chain;
}

function entries(...targets: string[]): DatedEntry[] {
  return targets.map((target) => ({
    entry: { event: 'login.failed', result: 'denied', target },
    at: now,
  }));
}

async function allLines(): Promise<string[]> {
  const lines: string[] = [];
  for (const segment of await listSegments(audit))
    for await (const line of linesOf(segment)) lines.push(line);
  return lines;
}

async function targets(): Promise<string[]> {
  const found = (await allLines()).map((line) => readLine(line)?.record);
  return found.filter((record) => record?.event === 'login.failed').map((r) => r?.target ?? '');
}

const breaksNow = async (): Promise<readonly object[]> => (await verify(audit)).breaks;

async function written(): Promise<string> {
  const chain = await open();
  await chain.append(entries('a', 'b', 'c', 'd'));
  return join(audit, 'audit-00000001.jsonl');
}

async function tamper(path: string, change: (lines: string[]) => string[]): Promise<void> {
  const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
  await writeFile(
    path,
    change(lines)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

describe('a chain', () => {
  test('is one line each, with every field and the hash of its own bytes', async () => {
    const chain = await open();
    await chain.append([
      {
        at: now,
        entry: {
          event: 'admin.role-changed',
          actor: { id: 'a1', name: 'Zoë' },
          address: '203.0.113.7',
          target: 'b2',
          server: 's3',
          result: 'ok',
          method: 'cli',
          reason: 'asked',
          requestId: 'r4',
        },
      },
    ]);
    const [first, second = ''] = await allLines();
    expect(JSON.parse(first ?? '')).toMatchObject({ event: 'segment.open', prev_file_hash: null });
    const line = JSON.parse(second) as Record<string, unknown>;
    expect(line).toMatchObject({
      ts: '2026-11-22T10:00:00.123Z',
      seq: 2,
      event: 'admin.role-changed',
      actor: { id: 'a1', name: 'Zoë' },
      actor_ip: '203.0.113.7',
      target: 'b2',
      server: 's3',
      result: 'ok',
      method: 'cli',
      reason: 'asked',
      rid: 'r4',
    });
    expect(line['prev']).toBe((JSON.parse(first ?? '') as { hash: string }).hash);
    const body = second.replace(/,"hash":"[0-9a-f]{64}"/, '');
    expect(line['hash']).toBe(createHash('sha256').update(body).digest('hex'));
  });

  test('goes on over files: each names the hash of the whole one before, and ends with its head', async () => {
    const chain = await open(600);
    for (const name of ['a', 'b', 'c', 'd', 'e']) await chain.append(entries(name));
    const segments = await listSegments(audit);
    expect(segments.length).toBeGreaterThan(2);
    const digest = createHash('sha256');
    for await (const piece of createReadStream(segments[0]?.path ?? '')) digest.update(piece);
    const second = (await readFile(segments[1]?.path ?? '', 'utf8')).split('\n')[0] ?? '';
    expect(JSON.parse(second)).toMatchObject({ prev_file_hash: digest.digest('hex') });
    expect(await verify(audit)).toMatchObject({ breaks: [], files: segments.length });
  });

  test('begins a file each day, in UTC', async () => {
    const chain = await open();
    await chain.append(entries('a'));
    now = new Date('2026-11-22T23:59:59.999Z');
    await chain.append(entries('b'));
    expect(await listSegments(audit)).toHaveLength(1);
    now = new Date('2026-11-23T00:00:00Z');
    await chain.append(entries('c'));
    expect(await listSegments(audit)).toHaveLength(2);
    expect(await breaksNow()).toEqual([]);
  });

  test('is written by several processes in turn, over each other’s files', async () => {
    const [one, other] = [await open(900), await open(900)];
    for (let turn = 0; turn < 10; turn += 1)
      await Promise.all([
        one.append(entries(`one ${turn}`)),
        other.append(entries(`other ${turn}`)),
      ]);
    expect((await targets()).toSorted()).toHaveLength(20);
    expect(await breaksNow()).toEqual([]);
  });

  test('goes on behind a packed file when the plain ones are gone', async () => {
    const first = await open(600);
    for (const name of ['a', 'b', 'c']) await first.append(entries(name));
    const segments = await listSegments(audit);
    for (const segment of segments.slice(0, -1)) await pack(audit, segment);
    await rm(segments.at(-1)?.path ?? '');
    await (await open(600)).append(entries('d'));
    expect(await targets()).toEqual(['a', 'b', 'd']);
    expect(await breaksNow()).toEqual([]);
  });

  test('cuts off the unfinished line of a writer that was killed, and says so', async () => {
    await (await open()).append(entries('a'));
    await appendFile(join(audit, 'audit-00000001.jsonl'), '{"ts":"2026-11-22T10:00');
    expect(await breaksNow()).toEqual([]);
    await (await open()).append(entries('b'));
    const lines = (await allLines()).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ event }) => event)).toEqual([
      'segment.open',
      'login.failed',
      'audit.recovered',
      'login.failed',
    ]);
    expect(lines[2]?.['reason']).toBe(
      '23 bytes of an unfinished line were cut off audit-00000001.jsonl',
    );
    expect(await breaksNow()).toEqual([]);
  });

  test('goes on when its writer was killed between two files', async () => {
    const chain = await open(600);
    for (const name of ['a', 'b', 'c']) await chain.append(entries(name));
    const youngest = (await listSegments(audit)).at(-1)?.path ?? '';
    await rm(youngest);
    await writeFile(`${youngest}.part`, '{"ts":');
    await (await open(600)).append(entries('d'));
    expect(await breaksNow()).toEqual([]);
    expect(await targets()).toEqual(['a', 'b', 'd']);
  });

  test('gives nothing back that was not written', async () => {
    const holder = await open();
    await holder.append(entries('a'));
    const lock = new ChainLock(join(audit, 'lock'));
    await lock.hold(1000, async () => {
      const waiting = await open(1_000_000, 20);
      await expect(waiting.append(entries('b'))).rejects.toMatchObject({ code: 'audit.locked' });
    });
    lock.close();
    expect(await targets()).toEqual(['a']);
  });
});

describe('its writers, killed at any moment', () => {
  test('leave a chain without a break, with everything that they had been told is written', async () => {
    const script = fileURLToPath(
      new URL('../../test/support/audit-writer/main.ts', import.meta.url),
    );
    const told = new Map<string, number>();
    for (let round = 0; round < 6; round += 1) {
      const writers = ['x', 'y', 'z'].map((letter) => {
        const name = `${letter}${round}`;
        const program = new Program({ command: [process.execPath, script, audit, name] });
        program.onLine((line) => told.set(name, Number(line)));
        return program;
      });
      const least = 20 + round * 7;
      for (const writer of writers) await writer.waitForLine(new RegExp(`^${least}$`, 'm'));
      for (const writer of writers) process.kill(writer.pid, 'SIGKILL');
      await Promise.all(writers.map((writer) => writer.ended));
      expect(await breaksNow()).toEqual([]);
    }
    await (await open()).append(entries('the end'));
    expect(await breaksNow()).toEqual([]);
    const written = new Set(await targets());
    for (const [name, count] of told)
      for (let each = 0; each <= count; each += 1) expect(written).toContain(`${name} ${each}.2`);
    expect((await readdir(audit)).length).toBeGreaterThan(30);
  }, 120_000);
});

describe('verify', () => {
  test.each<[string, (lines: string[]) => string[], number, RegExp]>([
    ['changed', (l) => l.with(2, (l[2] ?? '').replace('"b"', '"B"')), 3, /changed/],
    ['deleted', (l) => l.toSpliced(2, 1), 3, /line 3 is missing/],
    [
      'exchanged',
      (l) => [l[0] ?? '', l[2] ?? '', l[1] ?? '', ...l.slice(3)],
      2,
      /missing|exchanged/,
    ],
    ['put in', (l) => l.toSpliced(2, 0, l[1] ?? ''), 3, /exchanged/],
    ['destroyed', (l) => l.with(1, 'gone'), 2, /no line/],
    ['with its first line gone', (l) => l.slice(1), 1, /begins with segment.open/],
  ])('names the line of a file that was %s', async (_what, change, line, what) => {
    await tamper(await written(), change);
    const [first] = (await verify(audit)).breaks;
    expect(first).toMatchObject({ file: 'audit-00000001.jsonl', line });
    expect(first?.what).toMatch(what);
  });

  test('finds a file that is missing, or cut, or of another log', async () => {
    const chain = await open(600);
    for (const name of ['a', 'b', 'c', 'd']) await chain.append(entries(name));
    const [first, second, third] = await listSegments(audit);
    const kept = await readFile(second?.path ?? '');
    await rm(second?.path ?? '');
    expect((await breaksNow())[0]).toMatchObject({ file: third?.name, what: /missing/ });
    await writeFile(second?.path ?? '', kept.subarray(0, kept.lastIndexOf(10, -2) + 1));
    expect(await breaksNow()).toContainEqual(
      expect.objectContaining({ file: second?.name, what: expect.stringMatching(/not closed/) }),
    );
    await writeFile(second?.path ?? '', kept);
    expect(await breaksNow()).toEqual([]);
    await rm(first?.path ?? '');
    expect((await breaksNow())[0]).toMatchObject({
      what: expect.stringMatching(/files before number 2 are gone/),
    });
  });

  test('finds with the database’s help an end that was cut off, and a chain that was forged anew', async () => {
    const chain = await open();
    const records = await chain.append(entries('a', 'b', 'c'));
    const path = join(audit, 'audit-00000001.jsonl');
    const whole = await readFile(path);
    const index = {
      last: async () => records.at(-1),
      hashes: async () => new Map(records.map(({ seq, hash }) => [seq, hash])),
    };
    expect((await verify(audit, index)).breaks).toEqual([]);
    await truncate(path, whole.lastIndexOf(10, -2) + 1);
    expect(await breaksNow()).toEqual([]);
    expect((await verify(audit, index)).breaks).toMatchObject([
      { what: expect.stringMatching(/end is missing: the database knows lines up to 4/) },
    ]);
    await rm(audit, { recursive: true });
    const forger = await open();
    const forged = await forger.append(entries('a', 'b', 'x'));
    const chainOf = forged[0]?.chain;
    const remembered = { ...index, last: async () => undefined };
    expect(chainOf).toBeDefined();
    expect((await verify(audit, remembered)).breaks.length).toBeGreaterThan(0);
  });

  test('while another process writes finds nothing', async () => {
    const chain = await open(2000);
    const seen: (readonly object[])[] = [];
    for (let turn = 0; turn < 40; turn += 1) {
      const writing = chain.append(entries(`turn ${turn}`));
      seen.push(await breaksNow());
      await writing;
    }
    expect(seen.flat()).toEqual([]);
  });

  test('of a folder without a log is empty', async () => {
    await open();
    expect(await verify(audit)).toMatchObject({ files: 0, lines: 0, breaks: [], trimmed: 0 });
  });
});
