import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { hostCommand } from '../support/host-command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder('sealing-key');
const keyFile = join(folder.path, 'sealing.key');
const environment = {
  HUB_DATA_DIR: folder.path,
  HUB_HTTPS_LISTEN: '127.0.0.1:0',
  HUB_HTTP_LISTEN: 'off',
  HUB_TUNNEL_LISTEN: '127.0.0.1:0',
  HUB_METRICS_LISTEN: 'off',
};
const run = hostCommand(environment);
let key: string;

beforeAll(async () => {
  const words = ['notices', 'add', 'webhook', 'https://chat.example.org/hooks/x'];
  const { exitCode, stderr } = await run(...words);
  if (exitCode !== 0) throw new Error(stderr);
  key = readFileSync(keyFile, 'utf8');
}, 120_000);
afterEach(() => {
  rmSync(keyFile, { force: true });
  writeFileSync(keyFile, key, { mode: 0o600 });
});
afterAll(() => folder.remove());

const another = 'Zq8vR2mXk1TnWc5yLb0d3HfGj6sPaEuUwYt4iOe9KzN';

/** What becomes of the file, and what the hub says instead of starting. */
const cases: [what: string, change: () => void, says: RegExp][] = [
  ['may be read by nobody', () => chmodSync(keyFile, 0o000), /may be read by nobody.*chmod 600/s],
  ['was cut off', () => writeFileSync(keyFile, key.slice(0, 20)), /does not hold the hub's secret/],
  ['is empty', () => writeFileSync(keyFile, ''), /does not hold the hub's secret/],
  ['is another one', () => writeFileSync(keyFile, `${another}\n`), /sealed with another secret/],
  ['was not restored', () => rmSync(keyFile), /is missing.*restore it from a backup/s],
];

describe('where something is sealed, and the key that sealed it (row E-04)', () => {
  test.each(cases)(
    '%s, the hub does not start, and makes no other',
    async (_what, change, says) => {
      change();
      const { exitCode, stderr } = await run('start');
      expect([exitCode, stderr]).toEqual([78, expect.stringMatching(says)]);
      expect(stderr).not.toContain(key.trim());
    },
    60_000,
  );

  test('is another HUB_SECRET_KEY, the hub says so, and with the former behind it goes on', async () => {
    const wrong = hostCommand({ ...environment, HUB_SECRET_KEY: another });
    const { exitCode, stderr } = await wrong('start');
    expect([exitCode, stderr]).toEqual([78, expect.stringContaining('HUB_SECRET_KEY=new,former')]);
    const both = hostCommand({ ...environment, HUB_SECRET_KEY: `${another},${key.trim()}` });
    const rotated = await both('keys', 'rotate', '--json');
    const { kinds } = JSON.parse(rotated.stdout) as { kinds: object[] };
    expect(kinds).toContainEqual({ what: 'targets of notices', resealed: 1, closed: 0 });
  }, 60_000);
});
