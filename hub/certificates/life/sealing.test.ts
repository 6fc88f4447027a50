import { Buffer } from 'node:buffer';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { KeyRing } from './sealing.ts';

let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'phlix-sealing-'));
});

afterEach(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

const ringOf = async (...secrets: string[]): Promise<KeyRing> => KeyRing.open({ secrets, dataDir });
const sealedError = expect.objectContaining({ code: 'certificate.sealed' });

describe('a key ring', () => {
  test('opens what it sealed, for the same context', async () => {
    const ring = await ringOf('a secret of the operator');
    const sealed = ring.seal('-----BEGIN PRIVATE KEY-----', 'certificate 1');
    expect(sealed.toString('latin1')).not.toContain('PRIVATE');
    expect(ring.open(sealed, 'certificate 1')).toBe('-----BEGIN PRIVATE KEY-----');
  });

  test('opens it for no other context, so that no row can lend another its key', async () => {
    const ring = await ringOf('a secret');
    const sealed = ring.seal('key', 'certificate 1');
    expect(() => ring.open(sealed, 'certificate 2')).toThrow(sealedError);
  });

  test('seals the same text differently each time', async () => {
    const ring = await ringOf('a secret');
    expect(ring.seal('key', 'c')).not.toEqual(ring.seal('key', 'c'));
  });

  test('says that another HUB_SECRET_KEY sealed it, and what to do', async () => {
    const sealed = (await ringOf('former')).seal('key', 'c');
    const ring = await ringOf('new');
    expect(() => ring.open(sealed, 'c')).toThrow(/sealed with another HUB_SECRET_KEY; set the/);
  });

  test('opens with each of its secrets and seals with the first', async () => {
    const former = await ringOf('former');
    const changing = await ringOf('new', 'former');
    expect(changing.open(former.seal('key', 'c'), 'c')).toBe('key');
    expect((await ringOf('new')).open(changing.seal('key', 'c'), 'c')).toBe('key');
  });

  test('knows what its first secret has sealed', async () => {
    const former = (await ringOf('former')).seal('key', 'c');
    const changing = await ringOf('new', 'former');
    expect(changing.isCurrent(former)).toBe(false);
    expect(changing.isCurrent(changing.seal('key', 'c'))).toBe(true);
    expect(changing.isCurrent(Buffer.alloc(0))).toBe(false);
  });

  test('refuses every change of a single bit, and every shortening', async () => {
    const ring = await ringOf('a secret');
    const sealed = ring.seal('key', 'c');
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => ring.open(changed, 'c')).toThrow(sealedError);
    }
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => ring.open(sealed.subarray(0, length), 'c')).toThrow(sealedError);
    }
  });
});

describe('without HUB_SECRET_KEY', () => {
  test('a file that only the hub can read is made once', async () => {
    const first = await KeyRing.open({ secrets: undefined, dataDir });
    const again = await KeyRing.open({ secrets: [], dataDir });
    expect(again.open(first.seal('key', 'c'), 'c')).toBe('key');
    expect((await stat(join(dataDir, 'sealing.key'))).mode & 0o777).toBe(0o600);
    expect(await readdir(dataDir)).toEqual(['sealing.key']);
  });

  test('ten first starts at once end with one secret, also in a folder that is not there yet', async () => {
    const folder = join(dataDir, 'new');
    const opening = Array.from({ length: 10 }, async () =>
      KeyRing.open({ secrets: undefined, dataDir: folder }),
    );
    const [first, ...others] = await Promise.all(opening);
    const sealed = first?.seal('key', 'c') ?? Buffer.alloc(0);
    for (const ring of others) expect(ring.open(sealed, 'c')).toBe('key');
    expect(await readdir(folder)).toEqual(['sealing.key']);
  });

  test.skipIf(process.platform === 'win32')('a file that others can read is refused', async () => {
    await KeyRing.open({ secrets: undefined, dataDir });
    await chmod(join(dataDir, 'sealing.key'), 0o644);
    await expect(KeyRing.open({ secrets: undefined, dataDir })).rejects.toMatchObject({
      code: 'certificate.exposed',
    });
  });

  test('a missing file is not made anew where it sealed something, and the way out is told', async () => {
    const open = KeyRing.open({ secrets: undefined, dataDir, hasSealedKeys: async () => true });
    const told = /sealing\.key is missing.*restore it from a backup.*forget-keys/;
    await expect(open).rejects.toThrow(told);
    await expect(open).rejects.toThrow(dataDir);
    expect(await readdir(dataDir)).toEqual([]);
  });

  test('its text opens as a HUB_SECRET_KEY what it has sealed', async () => {
    const sealed = (await KeyRing.open({ secrets: undefined, dataDir })).seal('key', 'c');
    const text = await readFile(join(dataDir, 'sealing.key'), 'utf8');
    expect((await ringOf('a new secret', text.trim())).open(sealed, 'c')).toBe('key');
    const other = await ringOf('another');
    expect(() => other.open(sealed, 'c')).toThrow(/it is the text of sealing\.key/);
  });

  test('a damaged file is refused and not replaced', async () => {
    await writeFile(join(dataDir, 'sealing.key'), '', { mode: 0o600 });
    await expect(KeyRing.open({ secrets: undefined, dataDir })).rejects.toThrow(/from a backup/);
    expect((await stat(join(dataDir, 'sealing.key'))).size).toBe(0);
  });
});
