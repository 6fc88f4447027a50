// Debian's PostgreSQL programs arrive; a throwaway server with a database of its own per caller leaves, without TCP.

import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface ThrowawayPostgres {
  readonly majorVersion: number;
  /** A new, empty database; the text for HUB_DATABASE_URL. */
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
}

const run = promisify(execFile);
const debianFolder = '/usr/lib/postgresql';

/** undefined: not installed (`apt-get install postgresql`). */
export function debianPrograms(): { folder: string; majorVersion: number } | undefined {
  const versions = existsSync(debianFolder) ? readdirSync(debianFolder).map(Number) : [];
  const majorVersion = Math.max(...versions.filter((version) => version >= 15));
  const folder = join(debianFolder, String(majorVersion), 'bin');
  return existsSync(join(folder, 'initdb')) ? { folder, majorVersion } : undefined;
}

/** Says loudly what is missing; in CI a missing program is a failure, not a shorter run. */
export function requireDebianPrograms(): { folder: string; majorVersion: number } | undefined {
  const programs = debianPrograms();
  const complaint = `no PostgreSQL 15 or newer in ${debianFolder}: apt-get install postgresql`;
  if (programs === undefined && process.env['CI'] === 'true') {
    throw new Error(complaint);
  }
  if (programs === undefined) {
    process.stderr.write(`\nSKIPPED, these promises stay unproven: ${complaint}\n`);
  }
  return programs;
}

export async function startPostgres(programs: {
  folder: string;
  majorVersion: number;
}): Promise<ThrowawayPostgres> {
  const home = mkdtempSync(join(tmpdir(), 'phlix-pg-'));
  const account = serverAccount();
  chownSync(home, account.uid, account.gid);
  chmodSync(home, 0o700);
  const data = join(home, 'data');
  const program = (name: string, ...rest: string[]) =>
    run(join(programs.folder, name), rest, { ...account, cwd: '/', env: { LC_ALL: 'C' } });
  await program('initdb', '-D', data, '-U', 'tester', '--auth=trust', '-N', '-E', 'UTF8');
  const settings = `-c listen_addresses='' -c unix_socket_directories=${home} -c fsync=off`;
  await program('pg_ctl', '-D', data, '-w', '-l', join(home, 'log'), '-o', settings, 'start');
  return {
    majorVersion: programs.majorVersion,
    createDatabase: async () => {
      const name = `t_${randomBytes(6).toString('hex')}`;
      await program('createdb', '-h', home, '-U', 'tester', name);
      return `postgresql://tester@/${name}?host=${home}`;
    },
    stop: async () => {
      await program('pg_ctl', '-D', data, '-w', '-m', 'immediate', 'stop');
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL refuses root; Debian's package brings a user for it. */
function serverAccount(): { uid: number; gid: number } {
  if (process.getuid?.() !== 0) {
    const { uid, gid } = userInfo();
    return { uid, gid };
  }
  return { uid: idOf('-u'), gid: idOf('-g') };
}

function idOf(option: '-u' | '-g'): number {
  return Number(execFileSync('id', [option, 'postgres']).toString());
}
