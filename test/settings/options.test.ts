import { globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openDatabase, type Database } from '../../hub/db/connect.ts';
import { silent } from '../support/databases.ts';
import { hostCommand } from '../support/host-command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { root } from './documented.ts';

const folder = temporaryFolder('options');
const passwordFile = join(folder.path, 'password');
const run = hostCommand({ HUB_DATA_DIR: folder.path, CLIENT_SECRET: 'kettle-orbit-willow' });
let database: Database;

beforeAll(async () => {
  const settings = { url: undefined, dataDir: folder.path };
  // Commands join it, which is faster than a database for each.
  database = await openDatabase(settings, { purpose: 'hub', log: silent });
  writeFileSync(passwordFile, 'kettle-orbit-willow-79\n', { mode: 0o600 });
}, 120_000);
afterAll(async () => {
  await database.close();
  folder.remove();
});

async function said(...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(...words);
  expect([words, exitCode, exitCode === 0 ? '' : stderr]).toEqual([words, 0, '']);
  return stdout;
}

const verify = async (...words: string[]): Promise<number> =>
  (await run('audit', 'verify', ...words)).exitCode;

const json = async (...words: string[]): Promise<unknown> =>
  JSON.parse(await said(...words, '--json'));

test('every option of a command is used in some test', () => {
  const sources = globSync('hub/cli/*.ts', { cwd: root }).filter((path) => !/\.test\./.test(path));
  const options = sources.flatMap((path) =>
    [...readFileSync(join(root, path), 'utf8').matchAll(/'(--[a-z][a-z-]+)(?: [<[][^']*)?'/g)].map(
      ([, option = '']) => option,
    ),
  );
  expect(options.length).toBeGreaterThan(100);
  const tests = globSync(['{hub,agent}/**/*.test.ts', 'test/**/*.ts'], { cwd: root })
    .map((path) => readFileSync(join(root, path), 'utf8'))
    .join('\n');
  const unused = [...new Set(options)].filter((option) => !tests.includes(`'${option}'`));
  expect(unused).toEqual([]);
});

describe('an option changes what its command does', () => {
  test('sso add', async () => {
    const least = ['--issuer', 'https://id.example.org', '--client-id', 'phlix'];
    const usual = await json('sso', 'add', 'usual', ...least);
    expect(usual).toMatchObject({
      preset: 'other',
      has_secret: false,
      allow_private: false,
      links_by_email: false,
      creates_accounts: false,
      role_map: { admin: [], owner: [], member: [] },
      allow: [],
    });
    const groups = [
      '--admin-group',
      'chiefs',
      '--owner-group',
      'homes',
      '--member-group',
      'friends',
    ];
    const proofs = ['--groups-claim', 'roles', '--mfa-acr', 'gold', '--mfa-amr', 'hwk'];
    const switches = ['--link-by-email', '--create-accounts', '--allow-private'];
    const issuer = ['--issuer', 'https://other.example.org', '--client-id', 'phlix'];
    const more = ['--preset', 'keycloak', '--name', 'Ours', '--secret-env', 'CLIENT_SECRET'];
    const allow = ['--allow', '169.254.1.2/32'];
    const all = [...issuer, ...more, ...groups, ...proofs, ...switches, ...allow];
    expect(await json('sso', 'add', 'full', ...all)).toMatchObject({
      preset: 'keycloak',
      name: 'Ours',
      has_secret: true,
      groups_claim: 'roles',
      role_map: { admin: ['chiefs'], owner: ['homes'], member: ['friends'] },
      mfa: { acr: ['gold'], amr: ['hwk'] },
      links_by_email: true,
      creates_accounts: true,
      allow_private: true,
      allow: ['169.254.1.2/32'],
    });
  });

  test('user create --email, and reset-mfa --keep-sso', async () => {
    const words = ['--email', 'ann@example.org', '--password-file', passwordFile];
    expect(await json('user', 'create', 'ann', ...words)).toMatchObject({
      email: 'ann@example.org',
    });
    expect(await said('user', 'reset-mfa', 'ann', '--keep-sso')).toContain('are gone');
  });

  test('audit list --until, and verify --files-only', async () => {
    const { entries } = (await json('audit', 'list')) as { entries: unknown[] };
    expect(entries.length).toBeGreaterThan(0);
    expect(await json('audit', 'list', '--until', '2020-01-01')).toMatchObject({ entries: [] });
    const [name = ''] = readdirSync(join(folder.path, 'audit')).filter((file) =>
      file.endsWith('.jsonl'),
    );
    const path = join(folder.path, 'audit', name);
    const whole = readFileSync(path, 'utf8');
    // An end that is cut off leaves no trace in files.
    writeFileSync(path, whole.slice(0, whole.lastIndexOf('\n', whole.length - 2) + 1));
    expect([await verify('--files-only'), await verify()]).toEqual([0, 65]);
    writeFileSync(path, whole);
  });

  test('ban list --plain', async () => {
    await said('ban', 'add', '192.0.2.7');
    expect(await said('ban', 'list', '--plain')).toBe('192.0.2.7/32\n');
  });

  test('backup --passphrase-file', async () => {
    const output = join(folder.path, 'hub.tar.age');
    expect((await run('backup', '--output', output)).exitCode).toBe(64);
    await said('backup', '--output', output, '--passphrase-file', passwordFile);
    expect(readFileSync(output, 'latin1')).toContain('-> scrypt');
  });
});
