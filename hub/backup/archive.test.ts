import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hasParts, partPath } from '../../test/support/parts.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { readArchive, readVerified, verifyArchive } from './archive-reader.ts';
import type { Contents } from './archive-writer.ts';
import { newIdentity, type Lock } from './encryption.ts';
import { makeBackup, requireLock } from './make-backup.ts';

const canary = 'canary-7f3a9c-of-a-secret';
const passphrase = 'a passphrase of many words';
const folder = temporaryFolder('archive');
afterAll(() => folder.remove());
const at = (name: string): string => join(folder.path, name);
const noKeys = { identities: [], passphrases: [] };
const plainly = { ...noKeys, readsPlain: true };

/** `rowsOf` the second table: as many bytes as wished, never in memory at once. */
function contents(rowsOf: () => AsyncIterable<Uint8Array> = () => Readable.from([])): Contents {
  return {
    madeAt: new Date('2026-11-22T03:30:00Z'),
    facts: { version: '0.1.0', reason: 'hand', hub_host: 'hub.example.org', settings: [] },
    files: files(),
    dump: {
      postgres: '18.0',
      migrations: [{ at: 1, hash: 'ab'.repeat(32) }],
      tables: [
        { name: 'servers', columns: ['id', 'name'] },
        { name: 'traffic', columns: ['line'] },
      ],
      sequences: [{ name: 'link_epoch', value: '7', isCalled: true }],
      copyOut: (table) =>
        table === 'servers'
          ? Readable.from([Buffer.from(`1\t${canary}\n2\tFi`), Buffer.from('lms\n')])
          : Readable.from(rowsOf()),
      close: async () => undefined,
    },
  };
}

async function* files() {
  yield { path: 'sealing.key', read: () => Readable.from([Buffer.from(canary)]) };
}

async function* lines(count: number): AsyncGenerator<Uint8Array> {
  for (let line = 0; line < count; line += 1) yield Buffer.from(`${'x'.repeat(65_535)}\n`);
}

describe('a backup', () => {
  let identity: string;
  let lock: Lock;
  const path = at('hub.tar.age');

  beforeAll(async () => {
    const made = await newIdentity();
    identity = made.identity;
    lock = { kind: 'recipients', recipients: [made.recipient] };
    await makeBackup(
      path,
      contents(() => lines(40)),
      lock,
    );
  });

  const keys = () => ({ identities: [identity], passphrases: [] });

  test('tells what is in it, and holds every byte against its hash', async () => {
    const manifest = await verifyArchive(path, keys());
    expect(manifest).toMatchObject({
      program: 'phlix-hub',
      hub_host: 'hub.example.org',
      tables: [
        { name: 'servers', rows: 2, parts: 1 },
        { name: 'traffic', rows: 40, parts: 3 },
      ],
      files: [{ path: 'sealing.key', bytes: canary.length }],
      sequences: [{ name: 'link_epoch', value: '7', is_called: true }],
    });
  });

  test('gives back what was put in', async () => {
    const found = new Map<string, string>();
    for await (const part of readArchive(path, keys()))
      found.set(part.path, (found.get(part.path) ?? '') + part.bytes.toString());
    expect(found.get('database/servers.copy')).toBe(`1\t${canary}\n2\tFilms\n`);
    expect(found.get('database/traffic.copy')?.length).toBe(40 * 65_536);
    expect(found.get('files/sealing.key')).toBe(canary);
  });

  test('is for its owner alone, holds no secret that could be read, and leaves no draft', () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'latin1')).not.toContain(canary);
    expect(readdirSync(folder.path).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  test('is refused when a byte was flipped, wherever', async () => {
    const whole = readFileSync(path);
    const places = [0, 30, 100, 250, 70_000, 1_500_000, whole.length - 10, whole.length - 1];
    for (const place of places) {
      const flipped = Buffer.from(whole);
      flipped[place] = (flipped[place] ?? 0) ^ 1;
      writeFileSync(at('flipped'), flipped);
      await expect(verifyArchive(at('flipped'), keys()), `byte ${place}`).rejects.toMatchObject({
        code: expect.stringMatching(/^backup\.(damaged|wrong-key)$/),
      });
    }
  });

  test('is refused when its end is missing, wherever it was cut', async () => {
    const whole = readFileSync(path);
    for (const length of [10, 400, 65_552 + 216, 1_000_000, whole.length - 1]) {
      writeFileSync(at('cut'), whole.subarray(0, length));
      await expect(verifyArchive(at('cut'), keys()), `${length} bytes`).rejects.toMatchObject({
        code: expect.stringMatching(/^backup\.(damaged|wrong-key)$/),
      });
    }
  });

  test('opens with no other key', async () => {
    const other = { identities: [(await newIdentity()).identity], passphrases: [passphrase] };
    await expect(verifyArchive(path, other)).rejects.toMatchObject({ code: 'backup.wrong-key' });
    await expect(verifyArchive(path, noKeys)).rejects.toMatchObject({ code: 'backup.no-key' });
  });

  test('never takes the place of a file', async () => {
    await expect(makeBackup(path, contents(), lock)).rejects.toMatchObject({
      code: 'backup.exists',
    });
    await expect(verifyArchive(path, keys())).resolves.toBeDefined();
  });

  test('of which the database breaks off is none', async () => {
    const broken = contents(() => breakingOff());
    await expect(makeBackup(at('broken'), broken, lock)).rejects.toThrow('connection terminated');
    expect(readdirSync(folder.path).filter((name) => /broken/.test(name))).toEqual([]);
  });

  test.skipIf(!hasParts('age'))(
    'opens with age itself, and so does one with a passphrase of age',
    () => {
      writeFileSync(at('key.txt'), `# mine\n${identity}\n`);
      const tar = execFileSync(partPath('age'), ['--decrypt', '-i', at('key.txt'), path], {
        maxBuffer: 1e8,
      });
      expect(tar.toString('latin1')).toContain('database/servers.copy.00000');
    },
  );
});

test('a backup with a passphrase opens with it, and with no other', async () => {
  await makeBackup(at('words'), contents(), { kind: 'passphrase', passphrase });
  const opening = verifyArchive(at('words'), {
    identities: [],
    passphrases: ['wrong', passphrase],
  });
  await expect(opening).resolves.toMatchObject({ reason: 'hand' });
  const wrong = { identities: [], passphrases: ['another passphrase'] };
  await expect(verifyArchive(at('words'), wrong)).rejects.toMatchObject({
    code: 'backup.wrong-key',
  });
});

test('plain text is written for whoever insists on it, and its damage is found by the hashes', async () => {
  expect(() => requireLock(undefined)).toThrow(expect.objectContaining({ code: 'backup.plain' }));
  await makeBackup(at('plain'), contents(), requireLock({ kind: 'plain' }));
  await expect(verifyArchive(at('plain'), plainly)).resolves.toBeDefined();
  const bytes = readFileSync(at('plain'));
  bytes.write('C', bytes.indexOf(canary));
  writeFileSync(at('changed'), bytes);
  await expect(verifyArchive(at('changed'), plainly)).rejects.toMatchObject({
    code: 'backup.damaged',
    message: expect.stringContaining('servers'),
  });
});

test('plain text is read for whoever insists on it, and never in place of what a key opens', async () => {
  await makeBackup(at('unsealed'), contents(), { kind: 'plain' });
  const { identity } = await newIdentity();
  for (const keys of [noKeys, { identities: [identity], passphrases: [passphrase] }])
    await expect(verifyArchive(at('unsealed'), keys)).rejects.toMatchObject({
      code: 'backup.plain',
      message: expect.stringContaining('--insecure-plain'),
    });
});

test('one that lost its manifest since it was looked through is not used', async () => {
  await makeBackup(at('two'), contents(), { kind: 'plain' });
  const manifest = await verifyArchive(at('two'), plainly);
  const tar = pack();
  for await (const { path, bytes } of readArchive(at('two'), plainly))
    if (path !== 'manifest.json') tar.entry({ name: `${path}.00000` }, bytes);
  tar.finalize();
  writeFileSync(at('headless'), await buffer(tar));
  const reading = async () => {
    for await (const { path } of readVerified(at('headless'), plainly, manifest))
      expect(path).not.toBe('manifest.json');
  };
  await expect(reading()).rejects.toMatchObject({
    code: 'backup.damaged',
    message: expect.stringContaining('manifest is missing'),
  });
});

test.each(['symlink', 'link', 'directory', 'character-device'] as const)(
  'a %s in it is refused, whatever it is called',
  async (type) => {
    const tar = pack();
    tar.entry({ name: 'files/sealing.key.00000', type, linkname: '/etc/passwd' });
    tar.finalize();
    writeFileSync(at(type), await buffer(tar));
    await expect(verifyArchive(at(type), plainly)).rejects.toMatchObject({
      message: expect.stringContaining('nobody knows what files/sealing.key.00000 in it is'),
    });
  },
);

test.each([
  ['nothing', Buffer.alloc(0)],
  ['noise', randomBytes(10_000)],
  ['another tar', Buffer.from('x'.repeat(257) + 'ustar'.padEnd(2000, '\0'))],
])('%s is no backup', async (name, bytes) => {
  writeFileSync(at(name), bytes);
  await expect(verifyArchive(at(name), plainly)).rejects.toMatchObject({ code: 'backup.damaged' });
});

test('a file that is not there is named', async () => {
  await expect(verifyArchive(at('nowhere'), noKeys)).rejects.toMatchObject({
    code: 'backup.unknown',
    message: expect.stringContaining('nowhere'),
  });
});

test('one of a later layout names the version that made it', async () => {
  await makeBackup(at('now'), contents(), { kind: 'plain' });
  const text = readFileSync(at('now'), 'latin1').replace('"format": 1', '"format": 2');
  writeFileSync(at('later'), text, 'latin1');
  await expect(verifyArchive(at('later'), plainly)).rejects.toMatchObject({
    code: 'backup.newer',
    message: expect.stringContaining('0.1.0'),
  });
});

test('a database of any size takes a few parts of memory', async () => {
  await makeBackup(
    at('large'),
    contents(() => watched(lines(3000))),
    { kind: 'plain' },
  );
  expect(statSync(at('large')).size).toBeGreaterThan(190_000_000);
  expect(peak).toBeLessThan(120_000_000);
});

let peak = 0;
/** 196 MB pass by; what is held of them meanwhile is outside of the heap. */
async function* watched(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { arrayBuffers: before } = process.memoryUsage();
  for await (const piece of source) {
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    yield piece;
  }
}

async function* breakingOff(): AsyncGenerator<Uint8Array> {
  yield* lines(20);
  throw new Error('connection terminated');
}
