import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { databaseFolders } from '../../hub/db/embedded-folders.ts';
import { openDatabase } from '../../hub/db/connect.ts';
import { findPostmaster, type Purpose } from '../../hub/db/postmaster.ts';
import { enrolmentTokens } from '../../hub/db/schema.ts';
import { silent } from '../support/databases.ts';
import { Program } from '../support/program.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const writer = join(import.meta.dirname, 'database', 'main.ts');
const isRoot = process.getuid?.() === 0;
/** Debian's and everybody's user for nothing in particular. */
const nobody = 65534;

let folder: TemporaryFolder | undefined;
const programs: Program[] = [];

afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.stop()));
  // Its database follows in a moment, and would still be writing into the folder.
  const data = join(folder?.path ?? '', 'database', 'data');
  await until(() => findPostmaster(data) === undefined);
  folder?.remove();
  folder = undefined;
});

function dataDir(): string {
  folder ??= temporaryFolder('chaos-db');
  return folder.path;
}

function write(purpose: Purpose = 'hub', ...rest: string[]): Program {
  const program = new Program({
    command: [process.execPath, writer, dataDir(), purpose, ...rest],
    env: process.env,
  });
  programs.push(program);
  return program;
}

async function serverPidOf(program: Program): Promise<number> {
  return Number((await program.waitForLine(/^open \S+ (\d+)$/))[1]);
}

/** Every token that the program was told is kept. */
function acknowledged(program: Program): string[] {
  return [...program.output.matchAll(/^kept (\d+)$/gm)].map(
    ([, number]) => `${program.pid}-${number}`,
  );
}

async function keptIds(): Promise<Set<string>> {
  const settings = { url: undefined, dataDir: dataDir() };
  const database = await openDatabase(settings, { purpose: 'command', log: silent });
  const rows = await database.queries.select({ id: enrolmentTokens.id }).from(enrolmentTokens);
  await database.close();
  return new Set(rows.map(({ id }) => id));
}

/** A process that has ended may stay listed until its parent asks for its end. */
function isAlive(pid: number): boolean {
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
  return /\) [^ZX] /.test(stat);
}

function missing(ids: readonly string[], kept: ReadonlySet<string>): string[] {
  return ids.filter((id) => !kept.has(id));
}

/** Wakes as soon as it is true; there is no event for another process's state. */
async function until(isTrue: () => boolean): Promise<void> {
  await expect.poll(isTrue, { interval: 10, timeout: 20_000 }).toBe(true);
}

// Each test starts several real programs, which takes its time where other suites run beside it.
vi.setConfig({ testTimeout: 60_000 });

describe('kill -9', () => {
  test('of the database amid writes loses nothing acknowledged, and it runs again by itself', async () => {
    const hub = write();
    const server = await serverPidOf(hub);
    await hub.waitForLine(/^kept 50$/);
    process.kill(server, 'SIGKILL');
    await until(() => !isAlive(server));
    const before = acknowledged(hub).length;
    await until(() => acknowledged(hub).length >= before + 50);
    // Asked for before the rows are read: more is acknowledged meanwhile.
    const promised = acknowledged(hub);
    expect(missing(promised, await keptIds())).toEqual([]);
    expect(acknowledged(hub).length).toBeGreaterThan(before);
  });

  test('of the hub ends its database too, and loses nothing acknowledged', async () => {
    const hub = write();
    const server = await serverPidOf(hub);
    await hub.waitForLine(/^kept 50$/);
    hub.kill('SIGKILL');
    await hub.ended;
    await until(() => !isAlive(server));
    const kept = await keptIds();
    expect(missing(acknowledged(hub), kept)).toEqual([]);
    expect(acknowledged(hub).length).toBeGreaterThan(50);
  });

  test.runIf(isRoot)(
    'of the hub where setpriv is missing leaves an orphan that the next start stops',
    async () => {
      const hub = new Program({
        command: [
          'unshare',
          '--mount',
          'sh',
          '-c',
          'mount --bind /dev/null "$(command -v setpriv)" && exec "$@"',
          'sh',
          process.execPath,
          writer,
          dataDir(),
        ],
        env: process.env,
      });
      programs.push(hub);
      const server = await serverPidOf(hub);
      await hub.waitForLine(/^kept 50$/);
      hub.kill('SIGKILL');
      await hub.ended;
      expect(isAlive(server)).toBe(true);
      const next = write('hub', '1');
      expect(await serverPidOf(next)).not.toBe(server);
      expect(isAlive(server)).toBe(false);
      await next.ended;
      expect(missing(acknowledged(hub), await keptIds())).toEqual([]);
    },
  );
});

describe('a second process on the same folder', () => {
  test('that is a hub is refused while the first lives, whose writes go on', async () => {
    const hub = write();
    await serverPidOf(hub);
    const second = write();
    await second.waitForLine(/^failed database\.in-use: .*process \d+ already runs a hub/);
    expect(await second.ended).toBe(1);
    const before = acknowledged(hub).length;
    await hub.waitForLine(new RegExp(`^kept ${before + 5}$`));
  });

  test('of two hubs started at once exactly one runs', async () => {
    const hubs = [write(), write(), write()];
    const outcomes = await Promise.all(
      hubs.map((hub) => hub.waitForLine(/^(?:open|failed database\.in-use)\b/)),
    );
    expect(outcomes.filter(([line]) => line === 'open')).toHaveLength(1);
  });

  test('that is a command works with the hub and leaves its database running', async () => {
    const hub = write();
    const server = await serverPidOf(hub);
    const command = write('command', '3');
    await command.waitForLine(/^open \S+ undefined$/);
    expect(await command.ended).toBe(0);
    expect(isAlive(server)).toBe(true);
    expect(missing(acknowledged(command), await keptIds())).toEqual([]);
  });

  test('of several commands at once without a hub, all are answered', async () => {
    await write('hub', '0').ended;
    const commands = Array.from({ length: 4 }, () => write('command', '3'));
    expect(await Promise.all(commands.map((command) => command.ended))).toEqual([0, 0, 0, 0]);
    const kept = await keptIds();
    expect(commands.flatMap((command) => missing(acknowledged(command), kept))).toEqual([]);
    expect(kept.size).toBe(12);
  });
});

describe('the folder', () => {
  test('is closed to others, and the database listens on no port', async () => {
    const hub = write();
    const server = await serverPidOf(hub);
    const folders = databaseFolders({ dataDir: dataDir() });
    expect(modeOf(folders.data)).toBe(0o700);
    expect(modeOf(folders.socket)).toBe(0o700);
    const command = readFileSync(`/proc/${server}/cmdline`, 'utf8');
    expect(command).toContain('listen_addresses=\0');
    expect(command).toContain('fsync=on\0');
    expect(readFileSync(`/proc/${server}/status`, 'utf8')).not.toMatch(/^Uid:\s+0\b/m);
    // The hub's environment holds its secrets.
    expect(readFileSync(`/proc/${server}/environ`, 'utf8')).toBe('LC_ALL=C\0TZ=UTC\0');
  });

  test('written by another PostgreSQL is left alone, with the reason', async () => {
    await write('hub', '1').ended;
    const version = join(databaseFolders({ dataDir: dataDir() }).data, 'PG_VERSION');
    writeFileSync(version, '17\n');
    const refused = write();
    await refused.waitForLine(
      /^failed database\.version: .*PostgreSQL 17, this hub brings PostgreSQL 18/,
    );
    expect(await refused.ended).toBe(1);
  });

  test('of an interrupted first start is begun again', async () => {
    const { root } = databaseFolders({ dataDir: dataDir() });
    mkdirSync(join(root, 'data.4711'), { recursive: true });
    const hub = write('hub', '1');
    await hub.waitForLine(/^kept 0$/);
    expect(await hub.ended).toBe(0);
  });

  test('with a long path still gets a socket', async () => {
    folder = temporaryFolder('chaos-db');
    const deep = join(folder.path, 'd'.repeat(100));
    mkdirSync(deep, { mode: 0o755 });
    const program = new Program({
      command: [process.execPath, writer, deep, 'hub', '1'],
      env: process.env,
    });
    programs.push(program);
    const socket = (await program.waitForLine(/^open (\S+) \d+$/))[1] ?? '';
    expect(Buffer.byteLength(socket)).toBeLessThan(100);
    expect(await program.end()).toBe(0);
    rmSync(socket, { recursive: true });
  });

  test.runIf(isRoot)('below a closed home is kept where the database may reach it', async () => {
    folder = temporaryFolder('chaos-db');
    const home = join(folder.path, 'home');
    const outside = join(folder.path, 'outside');
    mkdirSync(home, { mode: 0o700 });
    for (const round of [1, 2]) {
      const program = new Program({
        command: [process.execPath, writer, join(home, '.phlix'), 'hub', '1', outside],
        env: process.env,
      });
      programs.push(program);
      expect((await program.waitForLine(/^open (\S+) \d+$/))[1]).toContain(outside);
      expect([round, await program.end()]).toEqual([round, 0]);
    }
    expect(modeOf(home)).toBe(0o700);
  });

  test.runIf(isRoot)(
    'of an ordinary user is served by that user, and stays so under root',
    async () => {
      chownSync(dataDir(), nobody, nobody);
      chmodSync(dataDir(), 0o700);
      const user = new Program({
        command: [
          'setpriv',
          '--reuid=65534',
          '--regid=65534',
          '--clear-groups',
          process.execPath,
          writer,
          dataDir(),
          'hub',
          '1',
        ],
        env: process.env,
      });
      programs.push(user);
      await user.waitForLine(/^kept 0$/);
      expect(await user.ended).toBe(0);
      const root = write('hub');
      const server = await serverPidOf(root);
      expect(readFileSync(`/proc/${server}/status`, 'utf8')).toMatch(/^Uid:\s+65534\b/m);
      expect(findPostmaster(databaseFolders({ dataDir: dataDir() }).data)?.owner?.pid).toBe(
        root.pid,
      );
    },
  );
});

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}
