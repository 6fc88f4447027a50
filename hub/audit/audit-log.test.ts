import { chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { MemoryAuditIndex } from '../../test/support/memory-audit-index.ts';
import { temporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts';
import type { AuditEntry } from './audit.ts';
import { AuditLog, type AuditLogOptions } from './audit-log.ts';
import { usuallyExcluded } from './event.ts';
import { defaultAuditLimits } from './limits.ts';
import { readLine } from './line.ts';
import { linesOf, listSegments } from './segment-files.ts';
import { verify } from './verify.ts';

const dayMs = 86_400_000;
const silent = pino({ level: 'silent' });
const failed: AuditEntry = {
  event: 'login.failed',
  result: 'denied',
  address: '203.0.113.7',
  target: 'ann',
  reason: 'password',
  requestId: 'r1',
};

let folder: TemporaryFolder;
let audit: string;
let authLogPath: string;
let index: MemoryAuditIndex;
let now: Date;
const logs: AuditLog[] = [];

beforeEach(() => {
  folder = temporaryFolder('audit');
  audit = join(folder.path, 'audit');
  authLogPath = join(folder.path, 'auth.log');
  index = new MemoryAuditIndex();
  now = new Date('2026-11-22T10:00:00.123Z');
});
afterEach(async () => {
  for (const log of logs.splice(0)) await log.close();
  folder.remove();
});

test('a log that cannot be written says so, and what mends it', async () => {
  await writeFile(audit, 'a file where the folder should be');
  await expect(open()).rejects.toMatchObject({
    code: 'audit.folder',
    message: expect.stringContaining('make room on the disk'),
  });
});

async function open(change: Partial<AuditLogOptions> = {}): Promise<AuditLog> {
  const log = await AuditLog.open({
    folder: audit,
    authLogPath,
    limits: defaultAuditLimits,
    excluded: new Set(usuallyExcluded),
    index,
    log: silent,
    now: () => now,
    lockPatienceMs: 100,
    ...change,
  });
  logs.push(log);
  return log;
}

async function allText(): Promise<string> {
  const lines: string[] = [];
  for (const segment of await listSegments(audit))
    for await (const line of linesOf(segment)) lines.push(line);
  return lines.join('\n');
}

const namesOf = async (): Promise<string[]> => (await listSegments(audit)).map(({ name }) => name);

describe('the audit log', () => {
  test('is written within a second, without anybody waiting for it, and put into the index', async () => {
    const log = await open();
    log.note(failed);
    log.note({ ...failed, event: 'login.ok', result: 'ok', actor: { id: 'a1', name: 'ann' } });
    await log.flush();
    expect(index.records.map(({ event, seq }) => [seq, event])).toEqual([
      [1, 'segment.open'],
      [2, 'login.failed'],
      [3, 'login.ok'],
    ]);
    expect(index.records[2]).toMatchObject({
      actorId: 'a1',
      actorName: 'ann',
      address: '203.0.113.7',
    });
    expect(log.counts.written).toMatchObject({ 'login.failed': 1, 'login.ok': 1 });
  });

  test('is asked, and has what was noted just before', async () => {
    const log = await open();
    log.note(failed);
    const { items } = await log.find({ events: ['login.failed'], limit: 10 });
    expect(items).toMatchObject([{ event: 'login.failed', result: failed.result }]);
  });

  test('leaves out what is excluded', async () => {
    const log = await open();
    log.note({ event: 'tunnel.heartbeat', result: 'ok' });
    log.note(failed);
    await log.flush();
    expect(await allText()).not.toContain('heartbeat');
  });

  test('can be read by nobody else', async () => {
    const log = await open();
    log.note(failed);
    await log.flush();
    expect((await stat(audit)).mode & 0o777).toBe(0o700);
    for (const name of [...(await namesOf()), 'lock'])
      expect((await stat(join(audit, name))).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['a password', 'password=hunter2hunter2', 'hunter2'],
    ['a code', 'code: 123456', '123456'],
    ['an enrolment token', 'phe_8kT3xQ2mZpLw9RbVn5YcXdHs7GjKf4Et', 'phe_8kT3'],
    ['a personal token', 'phx_8kT3xQ2mZpLw9RbVn5YcXdHs7GjKf4Et', 'phx_8kT3'],
    ['a web token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', 'eyJ'],
    ['a field', 'Authorization: Bearer abcdefghijklmnop', 'abcdefghijklmnop'],
    ['a key', '-----BEGIN PRIVATE KEY-----\nMIIEvQ', 'MIIEvQ'],
  ])('keeps %s out of every place', async (_what, text, canary) => {
    const log = await open();
    log.note({ ...failed, target: text, reason: text, method: text, requestId: text });
    log.note({ ...failed, actor: { id: 'a1', name: text } });
    await log.flush();
    const everywhere = (await allText()) + (await readFile(authLogPath, 'utf8'));
    expect(everywhere).toContain('[secret]');
    expect(everywhere).not.toContain(canary);
    expect(JSON.stringify(index.records)).not.toContain(canary);
  });

  test('holds no line that somebody wrote into a name', async () => {
    const log = await open();
    const name = 'x"\r\n{"event":"login.ok"}\u2028\u202Eab\u0000 ip=198.51.100.1 ';
    log.note({ ...failed, target: name });
    await log.flush();
    const lines = (await allText()).split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[1]).not.toMatch(/[\r\u2028\u202e\0]/);
    expect(readLine(lines[1] ?? '')?.record.target).toBe(name);
    expect(await verify(audit)).toMatchObject({ breaks: [] });
  });

  test.runIf(process.getuid?.() === 0)(
    'of a command of root’s belongs to the hub’s user',
    async () => {
      await chown(folder.path, 4711, 4712);
      const log = await open();
      log.note(failed);
      await log.flush();
      const made = [audit, authLogPath, join(audit, 'lock'), join(audit, 'audit-00000001.jsonl')];
      for (const path of made) expect((await stat(path)).uid).toBe(4711);
    },
  );

  test('cuts a text that was written to fill the disk', async () => {
    const log = await open();
    log.note({ ...failed, target: 'a'.repeat(1_000_000) });
    await log.flush();
    expect((await allText()).length).toBeLessThan(2000);
  });

  test('packs files that are closed, and takes the oldest away with a note', async () => {
    const limits = { ...defaultAuditLimits, fileBytes: 3000, files: 3 };
    const log = await open({ limits });
    for (let count = 0; count < 50; count += 1) {
      log.note(failed);
      await log.flush();
    }
    log.startHousekeeping();
    await expect.poll(namesOf, { timeout: 5000 }).toHaveLength(4);
    await expect
      .poll(async () => (await namesOf()).filter((name) => name.endsWith('.gz')), { timeout: 5000 })
      .toHaveLength(3);
    expect(await verify(audit, index)).toMatchObject({ breaks: [], files: 4 });
    const trimmed = index.records.filter(({ event }) => event === 'audit.trimmed');
    expect(trimmed[0]).toMatchObject({
      target: '1',
      reason: expect.stringMatching(/^sha256 \w{64}$/),
    });
    await rm((await listSegments(audit))[0]?.path ?? '');
    expect((await verify(audit)).breaks).toHaveLength(1);
  });

  test('forgets what is older than it keeps, in its files and in the index', async () => {
    const log = await open({ limits: { ...defaultAuditLimits, keptMs: 90 * dayMs } });
    log.note(failed);
    await log.flush();
    now = new Date(now.getTime() + 89 * dayMs);
    log.note(failed);
    await log.flush();
    now = new Date(now.getTime() + 2 * dayMs);
    log.note(failed);
    await log.flush();
    log.startHousekeeping();
    await expect.poll(namesOf, { timeout: 5000 }).toHaveLength(3);
    now = new Date(now.getTime() + 89 * dayMs);
    log.note(failed);
    await log.flush();
    await expect.poll(namesOf, { timeout: 5000 }).not.toContain('audit-00000001.jsonl.gz');
    await expect
      .poll(() => index.records.filter(({ at }) => now.getTime() - at.getTime() > 90 * dayMs))
      .toEqual([]);
    expect((await verify(audit)).breaks).toEqual([]);
  });

  test('gives the index what it missed while the database was away', async () => {
    const log = await open();
    index.isAway = true;
    log.note(failed);
    await log.flush();
    expect(await allText()).toContain('login.failed');
    index.isAway = false;
    expect(index.records).toEqual([]);
    log.startHousekeeping();
    await expect.poll(() => index.records.length, { timeout: 5000 }).toBe(2);
    expect(index.records[1]).toMatchObject({ event: 'login.failed', target: 'ann', seq: 2 });
  });

  test('is written when its folder can be written again, in the order it happened', async () => {
    const log = await open();
    const told: string[] = [];
    log.onTrouble((reason) => told.push(reason));
    log.note(failed);
    await log.flush();
    await rename(audit, `${audit}-away`);
    log.note({ ...failed, target: 'while it was away' });
    await expect.poll(() => told, { timeout: 5000 }).toHaveLength(1);
    expect(told[0]).toContain('cannot be written');
    expect(log.counts.waiting).toBe(1);
    await mkdir(audit);
    await rm(audit, { recursive: true });
    await rename(`${audit}-away`, audit);
    await log.flush();
    expect(index.records.map(({ target }) => target)).toEqual([
      undefined,
      'ann',
      'while it was away',
    ]);
    expect(await verify(audit, index)).toMatchObject({ breaks: [] });
  });

  test('is shared by two processes on one folder, as when one takes over from the other', async () => {
    const [former, next] = [await open(), await open()];
    for (let count = 0; count < 20; count += 1) {
      former.note({ ...failed, target: `former ${count}` });
      next.note({ ...failed, target: `next ${count}` });
      if (count % 5 === 0) await Promise.all([former.flush(), next.flush()]);
    }
    await former.close();
    next.note(failed);
    await next.flush();
    expect(index.records).toHaveLength(42);
    expect(await verify(audit, index)).toMatchObject({ breaks: [], lines: 42 });
  });
});

describe('auth.log', () => {
  test('is there from the start: fail2ban does not begin without it', async () => {
    const log = await open();
    await log.flush();
    expect((await stat(authLogPath)).mode & 0o777).toBe(0o640);
  });

  test('has the address before what a stranger wrote, and nobody else reads it', async () => {
    const log = await open();
    log.note({
      ...failed,
      target: 'x" ip=198.51.100.1 user="\n2026 event=login.failed ip=9.9.9.9',
    });
    log.note({ event: 'server.renamed', result: 'ok', actor: 'host' });
    await log.flush();
    expect(await readFile(authLogPath, 'utf8')).toBe(
      '2026-11-22T10:00:00.123Z phlix-hub auth: event=login.failed ip=203.0.113.7 ' +
        'user="x\\" ip=198.51.100.1 user=\\"\\n2026 event=login.failed ip=9.9.9.9" ' +
        'reason=password rid=r1\n',
    );
    expect((await stat(authLogPath)).mode & 0o777).toBe(0o640);
  });

  test('goes on in a new file after it was renamed and the hub was told', async () => {
    const log = await open();
    log.note(failed);
    await log.flush();
    await rename(authLogPath, `${authLogPath}.1`);
    log.note({ ...failed, target: 'bob' });
    await log.flush();
    log.reopen();
    log.note({ ...failed, target: 'eve' });
    await log.flush();
    expect(await readFile(`${authLogPath}.1`, 'utf8')).toMatch(/ann[^]*bob/);
    expect(await readFile(authLogPath, 'utf8')).toMatch(/^[^\n]*user="eve"[^\n]*\n$/);
    expect((await stat(authLogPath)).mode & 0o777).toBe(0o640);
  });
});
