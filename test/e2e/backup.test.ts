import {
  existsSync,
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { lastBackup } from '../../hub/backup/backup-state.ts';
import { runHub } from '../../hub/cli/program.ts';
import { openDatabase } from '../../hub/db/connect.ts';
import { sql } from '../../hub/db/drizzle.ts';
import { ApiClient, password } from '../support/api-client.ts';
import { Canaries } from '../support/canaries.ts';
import { silent } from '../support/databases.ts';
import { AgentProcess, HubProcess, type CommandResult } from '../support/deployment.ts';
import { chosenCases } from '../support/long-form.ts';
import { hasParts } from '../support/parts.ts';
import { startPostgres } from '../support/postgres.ts';
import { Program } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const place = temporaryFolder('backup');
const at = (...names: string[]): string => join(place.path, ...names);
/** A folder that no attempt before has written to. */
const fresh = (name: string): string => mkdtempSync(at(`${name}-`));
const keyFile = at('key.txt');
const file = at('hub.tar.age');
const withKey = ['--identity-file', keyFile];

// Every step is a program of its own, on a machine that other suites use as well.
vi.setConfig({ testTimeout: 120_000 });
afterAll(() => place.remove());

type Settings = Readonly<Record<string, string>>;

/** `phlix-hub <words>` with a data folder, in this process: a program of its own for each would take a minute. */
async function phlixHub(
  folder: string,
  words: readonly string[],
  settings: Settings = {},
): Promise<CommandResult> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const environment = { HOME: '/', HUB_DATA_DIR: folder, ...settings };
  const exitCode = await runHub(words, { environment, stdout, stderr });
  stdout.end();
  stderr.end();
  return { exitCode, stdout: await text(stdout), stderr: await text(stderr) };
}

/** What it printed. @throws Error with what went wrong */
async function output(result: Promise<CommandResult>): Promise<string> {
  const { exitCode, stdout, stderr } = await result;
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stderr}`);
  return stdout;
}

async function json(result: Promise<CommandResult>): Promise<Record<string, unknown>> {
  return JSON.parse(await output(result)) as Record<string, unknown>;
}

async function signIn(hub: HubProcess): Promise<number> {
  const body = { username: 'robin', password };
  return (await new ApiClient(hub).ask('POST', '/api/v1/auth/login', { body })).status;
}

/** Rows that come while the backup is made: refused sign-ins, and what the audit log says of them. */
async function write(somebody: ApiClient): Promise<void> {
  for (let i = 0; i < 10; i += 1)
    await somebody.ask('POST', '/api/v1/auth/login', {
      body: { username: `nobody${i}`, password: 'wrong' },
    });
}

describe('a hub that is written to', () => {
  let hub: HubProcess;
  let admin: ApiClient;
  let agent: AgentProcess;
  let other: HubProcess | undefined;
  let made: Record<string, unknown>;
  const canaries = new Canaries();

  beforeAll(async () => {
    const key = await json(phlixHub('/', ['backup', 'keygen', '--output', keyFile, '--json']));
    hub = await HubProcess.start({
      settings: {
        HUB_BACKUP_RECIPIENT: String(key['recipient']),
        HUB_BACKUP_DIR: at('daily'),
      },
    });
    admin = new ApiClient(hub);
    await admin.becomeAdmin();
    agent = new AgentProcess({ hub, originPort: 9, token: await hub.createToken() });
    await agent.reachable();
    for (const name of ['sealing.key', 'local-ca/ca-key.pem'])
      canaries.plant(name, readFileSync(join(hub.folder, name), 'utf8').trim());
    // From an address of its own, which they shut out.
    const writing = write(new ApiClient(hub, hub.ports.https, '127.0.0.9'));
    const recipient = ['--recipient', String(key['recipient'])];
    const backup = phlixHub(hub.folder, ['backup', ...recipient, '-o', file, '--json']);
    made = await json(backup);
    await writing;
  });

  afterAll(async () => {
    await agent?.stop();
    await hub?.stop();
    await other?.stop();
  });

  test('makes a backup by itself, which opens', async () => {
    await hub.program.waitForLine(/scheduled backup made/);
    const [name = ''] = readdirSync(at('daily'));
    expect(name).toMatch(/^phlix-hub-scheduled-\d{8}T\d{6}Z\.tar\.age$/);
    const verified = phlixHub('/', [
      'restore',
      '--verify',
      at('daily', name),
      ...withKey,
      '--json',
    ]);
    expect(await json(verified)).toMatchObject({ ok: true, reason: 'schedule' });
    expect(await lastBackup(hub.folder)).toMatchObject({ ok: true });
  });

  test('gives a backup that is closed to others, and holds no secret that could be read', () => {
    expect(made).toMatchObject({ file, encrypted: true });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    expect(canaries.leaksIn('the backup', readFileSync(file, 'latin1'))).toEqual([]);
  });

  test('gives none in plain text by mistake', async () => {
    expect(await phlixHub(hub.folder, ['backup'])).toMatchObject({
      exitCode: 64,
      stderr: expect.stringContaining('HUB_BACKUP_RECIPIENT'),
    });
    const plain = await phlixHub(hub.folder, ['backup', '--insecure-plain', '-o', at('plain.tar')]);
    expect(plain).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('NOT encrypted') });
    expect(canaries.leaksIn('it', readFileSync(at('plain.tar'), 'latin1'))).not.toEqual([]);
  });

  test('is looked through without touching anything', async () => {
    const empty = at('untouched');
    const found = await json(phlixHub(empty, ['restore', '--verify', file, ...withKey, '--json']));
    expect(found).toMatchObject({ ok: true, hub_host: 'hub.localhost' });
    expect(existsSync(empty)).toBe(false);
  });

  test('keeps what it has when the file is damaged, the key wrong, or the hub running', async () => {
    const bytes = readFileSync(file);
    writeFileSync(at('cut'), bytes.subarray(0, -100));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(at('flipped'), bytes);
    await phlixHub('/', ['backup', 'keygen', '-o', at('other.txt')]);
    const before = readdirSync(hub.folder);
    for (const [wrong, key, exitCode] of [
      [at('flipped'), keyFile, 65],
      [at('cut'), keyFile, 65],
      [file, at('other.txt'), 65],
      [file, keyFile, 75],
    ] as const) {
      const words = ['restore', '--replace', wrong, '--identity-file', key];
      const refused = { wrong, exitCode: (await phlixHub(hub.folder, words)).exitCode };
      expect(refused).toEqual({ wrong, exitCode });
    }
    expect(readdirSync(hub.folder)).toEqual(before);
    expect(await signIn(hub)).toBe(200);
  });

  test('is restored into an empty folder: people sign in, logins have ended, agents come back', async () => {
    const { ports } = hub;
    await hub.stop();
    const folder = at('elsewhere');
    expect(await phlixHub(folder, ['restore', file, ...withKey])).toMatchObject({ exitCode: 0 });
    expect(await phlixHub(folder, ['restore', file, ...withKey])).toMatchObject({
      exitCode: 73,
      stderr: expect.stringContaining('There is a hub already'),
    });
    other = await HubProcess.start({
      folder,
      settings: {
        HUB_HTTPS_LISTEN: `127.0.0.1:${ports.https}`,
        HUB_TUNNEL_LISTEN: `127.0.0.1:${ports.tunnel}`,
        HUB_BACKUP_PASSPHRASE: 'a passphrase of many words',
        // A file, where a folder should be.
        HUB_BACKUP_DIR: keyFile,
      },
    });
    expect(await signIn(other)).toBe(200);
    const cookie = { headers: { cookie: admin.cookieLine } };
    const former = await new ApiClient(other).ask('GET', '/api/v1/account', cookie);
    expect(former.status).toBe(401);
    const servers = async () => await output(phlixHub(folder, ['servers', 'list', '--json']));
    await expect.poll(servers, { timeout: 30_000 }).toContain('"is_connected":true');
    await other.program.waitForLine(/scheduled backup failed/);
    const failures = async () =>
      await output(phlixHub(folder, ['audit', 'list', '--event', 'admin.backup-failed']));
    await expect.poll(failures, { timeout: 10_000 }).toContain('schedule');
    expect(await lastBackup(folder)).toMatchObject({ ok: false, error: expect.any(String) });
    await other.stop();
    expect(await phlixHub(folder, ['audit', 'verify'])).toMatchObject({ exitCode: 0 });
  });

  test('whose restore is killed has its former state, or the new one', async () => {
    await Promise.all([hub.stop(), other?.stop()]);
    const add = ['user', 'create', 'later', '--role', 'member', '--password-file', passwordFile()];
    await phlixHub(hub.folder, add);
    for (const step of chosenCases(steps, ['pouring', 'settling'])) {
      const restoring = new Program({
        command: [process.execPath, stoppingScript, step, hub.folder, file, keyFile],
        env: { PATH: process.env['PATH'], HOME: '/' },
      });
      await restoring.waitForLine(/^here$/, 30_000);
      restoring.kill('SIGKILL');
      await restoring.ended;
      const people = await output(phlixHub(hub.folder, ['user', 'list', '--json']));
      const names = [...people.matchAll(/"username":"(\w+)"/g)].map(([, name]) => name);
      expect({ step, names: names.toSorted((a = '', b = '') => a.localeCompare(b)) }).toEqual({
        step,
        names: step === 'settling' ? ['robin'] : ['later', 'robin'],
      });
      expect(globSync(join(hub.folder, 'restoring-*'))).toEqual([]);
    }
    await hub.startAgain();
    expect(await signIn(hub)).toBe(200);
  });
});

/** Where a restore can be killed: while rows come in, before they are committed, and before the files are in place. */
const steps = ['opening', 'pouring', 'committing', 'settling'] as const;
const stoppingScript = fileURLToPath(
  new URL('../support/stopping-restore/main.ts', import.meta.url),
);

function passwordFile(): string {
  const path = at('password');
  writeFileSync(path, `${password}\n`, { mode: 0o600 });
  return path;
}

describe('a backup that is asked for by hand', () => {
  test('is looked into by the words that it is given with, and says whose addresses it has', async () => {
    const [from, to] = [fresh('asked'), fresh('of-another-domain')];
    const key = at('asked.txt');
    const { recipient } = await json(phlixHub('/', ['backup', 'keygen', '-o', key, '--json']));
    const tar = join(from, 'asked.tar.age');
    const lock = { HUB_BACKUP_RECIPIENT: String(recipient) };
    const said = await output(phlixHub(from, ['backup', '-o', tar], lock));
    const [, words = ''] = /: phlix-hub (restore --verify .*)$/m.exec(said) ?? [];
    expect(words).toBe(`restore --verify ${tar} --identity-file backup-key.txt`);
    const verify = words.replace('backup-key.txt', key).split(' ');
    expect(await phlixHub(from, verify, lock)).toMatchObject({ exitCode: 0 });
    const restore = ['restore', tar, '--identity-file', key];
    const domain = { HUB_TENANT_DOMAIN: 'films.localhost' };
    expect(await output(phlixHub(to, restore, domain))).toContain(
      'Set HUB_TENANT_DOMAIN=phlix.localhost before you start',
    );
    expect(await json(phlixHub(to, [...restore, '--replace', '--json']))).toMatchObject({
      former_tenant_domain: null,
    });
  });

  test.each([
    ['-', 64, 'Name a file'],
    ['/nonexistent/usb/hub.tar.age', 73, 'mount its disk, or make it (mkdir /nonexistent/usb)'],
  ])('goes into no %s', async (output, exitCode, sentence) => {
    const refused = await phlixHub(fresh('refused'), ['backup', '--insecure-plain', '-o', output]);
    expect(refused).toMatchObject({ exitCode, stderr: expect.stringContaining(sentence) });
    expect(existsSync('/nonexistent')).toBe(false);
    expect(existsSync('-')).toBe(false);
  });
});

describe('an upgrade that changes tables', () => {
  test('keeps a snapshot, to which one goes back', async () => {
    const folder = fresh('upgraded');
    const create = ['user', 'create', '--password-file', passwordFile(), '--role'];
    await phlixHub(folder, [...create, 'admin', 'robin']);
    await downgrade(folder);
    // Whichever program of the new version comes first: here a command.
    await phlixHub(folder, [...create, 'member', 'since']);
    const { snapshots } = (await json(phlixHub(folder, ['rollback', '--list', '--json']))) as {
      snapshots: { id: string; before: string; file: string }[];
    };
    expect(snapshots).toMatchObject([{ before: 'migration' }]);
    expect(readFileSync(snapshots[0]?.file ?? '', 'latin1')).not.toContain('robin');
    const plan = await phlixHub(folder, ['rollback', '--dry-run']);
    expect(plan.stdout).toContain('admin.account-created: 1');
    expect(await phlixHub(folder, ['rollback'], { HUB_SNAPSHOT_KEEP: '1' })).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('Start that version'),
    });
    const people = await output(phlixHub(folder, ['user', 'list', '--json']));
    expect(people).toContain('robin');
    expect(people).not.toContain('since');
    expect((await phlixHub(folder, ['audit', 'verify'])).exitCode).toBe(0);
  });
});

describe.skipIf(!hasParts('postgresql'))('the database', () => {
  test('moves to another server and back, and neither place goes on with old data', async () => {
    const server = await startPostgres();
    const url = await server.createDatabase();
    const folder = fresh('moving');
    writeFileSync(at('url'), url);
    const there = { HUB_DATABASE_URL: url };
    const create = ['user', 'create', '--password-file', passwordFile(), '--role'];
    await phlixHub(folder, [...create, 'admin', 'robin']);
    const move = ['database', 'move'];
    const out = await json(phlixHub(folder, [...move, '--to-file', at('url'), '--json']));
    expect(out).toMatchObject({ setting: 'HUB_DATABASE_URL', rows: expect.any(Number) });
    expect(await phlixHub(folder, ['user', 'list'])).toMatchObject({
      exitCode: 78,
      stderr: expect.stringContaining('was moved to'),
    });
    await phlixHub(folder, [...create, 'owner', 'olga'], there);
    expect((await phlixHub(folder, [...move, '--to-file', at('url')], there)).exitCode).toBe(78);
    const back = await phlixHub(folder, [...move, '--to', 'embedded'], there);
    expect(back).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('take HUB_DATABASE_URL away'),
    });
    expect(await output(phlixHub(folder, ['user', 'list']))).toMatch(/olga[\s\S]*robin/);
    expect((await phlixHub(folder, ['user', 'list'], there)).exitCode).toBe(78);
    expect((await phlixHub(folder, ['database', 'reopen'], there)).exitCode).toBe(0);
    expect(await output(phlixHub(folder, ['user', 'list'], there))).toContain('olga');
    await server.stop();
  });

  test('may be another one than that of the backup, whose secret goes along', async () => {
    const server = await startPostgres();
    const there = { HUB_DATABASE_URL: await server.createDatabase() };
    const secret = { HUB_SECRET_KEY: 'nine quiet herons over the lake at dawn' };
    const [from, to] = [fresh('with-secret'), fresh('with-server')];
    await phlixHub(from, ['user', 'create', 'robin', '--password-file', passwordFile()], secret);
    const tar = join(from, 'secret.tar');
    await phlixHub(from, ['backup', '--insecure-plain', '-o', tar], secret);
    expect(await phlixHub(to, ['restore', tar], there)).toMatchObject({
      exitCode: 64,
      stderr: expect.stringContaining('anybody may have written it'),
    });
    const restore = ['restore', tar, '--insecure-plain'];
    expect(await phlixHub(to, restore, there)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(`HUB_SECRET_KEY_FILE=${join(to, 'secret-key')}`),
    });
    expect(await output(phlixHub(to, ['user', 'list'], there))).toContain('robin');
    expect((await phlixHub(to, restore, there)).exitCode).toBe(73);
    const replaced = await json(phlixHub(to, [...restore, '--replace', '--json'], there));
    expect(replaced).toMatchObject({ snapshot: expect.stringContaining('-restore.tar.age') });
    const known = { ...there, HUB_SECRET_KEY_FILE: join(to, 'secret-key') };
    expect(await output(phlixHub(to, ['user', 'list'], known))).toContain('robin');
    await server.stop();
  });

  test.each([
    'postgresql://hub:a-long-password-of-mine@127.0.0.1/phlix',
    'postgresql://hub:a-long-password-of-mine@/phlix?host=/run/postgresql',
    'postgresql://hub@127.0.0.1/phlix?sslmode=require&password=a-long-password-of-mine',
    'postgresql://hub@127.0.0.1/phlix?p%61ssword=a-long-password-of-mine',
  ])('is never named with its password on a command line: %s', async (address) => {
    expect(await phlixHub(at('argv'), ['database', 'move', '--to', address])).toMatchObject({
      exitCode: 78,
      stderr: expect.stringContaining('--to-file'),
    });
  });
});

/** As the version before left it: one migration and what it made are not there. */
async function downgrade(folder: string): Promise<void> {
  const settings = { url: undefined, dataDir: folder };
  const database = await openDatabase(settings, { purpose: 'command', log: silent });
  await database.queries.execute(sql`DROP TABLE whereabouts`);
  await database.queries.execute(sql`
    DELETE FROM migrations WHERE created_at = 1795374000000`);
  await database.close();
}
