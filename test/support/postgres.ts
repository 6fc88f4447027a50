// Debian's PostgreSQL programs arrive; a throwaway server with a database of its own per caller leaves, without TCP.

import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { partPath } from './parts.ts';

export interface ThrowawayPostgres {
  /** A new, empty database; the text for HUB_DATABASE_URL. */
  createDatabase(): Promise<string>;
  /** Ends the server at once, as a crash does; `resume` starts it again on the same data. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

const run = promisify(execFile);
/** Empty clusters, to be copied; they are as good in the next run. */
const clusters = fileURLToPath(new URL('../../node_modules/.cache/clusters', import.meta.url));

/** Needs the part `postgresql`. */
export async function startPostgres(): Promise<ThrowawayPostgres> {
  const programs = dirname(realpathSync(partPath('postgresql')));
  const home = mkdtempSync(join(tmpdir(), 'phlix-pg-'));
  const account = serverAccount();
  chownSync(home, account.uid, account.gid);
  chmodSync(home, 0o700);
  const data = join(home, 'data');
  const program = (name: string, ...rest: string[]) =>
    run(join(programs, name), rest, { ...account, cwd: '/', env: { LC_ALL: 'C' } });
  await copyCluster(programs, data, account);
  const settings = `-c listen_addresses='' -c unix_socket_directories=${home} -c fsync=off`;
  const resume = async () => {
    await program('pg_ctl', '-D', data, '-w', '-l', join(home, 'log'), '-o', settings, 'start');
  };
  const pause = async () => {
    await program('pg_ctl', '-D', data, '-w', '-m', 'immediate', 'stop');
  };
  await resume();
  // It runs by itself, and would outlive a run that is interrupted.
  const abandon = (): void => end(data, home);
  process.once('exit', abandon);
  return {
    createDatabase: async () => {
      const name = `t_${randomBytes(6).toString('hex')}`;
      await program('createdb', '-h', home, '-U', 'tester', name);
      return `postgresql://tester@/${name}?host=${home}`;
    },
    pause,
    resume,
    stop: async () => {
      process.off('exit', abandon);
      await pause();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** A fresh cluster takes initdb three seconds, a copy of one a tenth of that. */
async function copyCluster(
  programs: string,
  data: string,
  account: { uid: number; gid: number },
): Promise<void> {
  const kept = join(clusters, `${programs.replaceAll('/', '-')}-${account.uid}`);
  if (!existsSync(kept)) await initialise(programs, kept, account);
  await run('cp', ['--archive', '--reflink=auto', kept, data]);
}

/** Made elsewhere and moved there whole: two workers may come at once. */
async function initialise(
  programs: string,
  kept: string,
  account: { uid: number; gid: number },
): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'phlix-pg-'));
  chownSync(home, account.uid, account.gid);
  const fresh = join(home, 'data');
  const options = ['-D', fresh, '-U', 'tester', '--auth=trust', '-N', '-E', 'UTF8'];
  await run(join(programs, 'initdb'), options, { ...account, cwd: '/', env: { LC_ALL: 'C' } });
  mkdirSync(clusters, { recursive: true });
  // Beside its place first: a rename does not leave its file system.
  const beside = `${kept}.${process.pid}`;
  await run('cp', ['--archive', fresh, beside]);
  rmSync(home, { recursive: true, force: true });
  try {
    renameSync(beside, kept);
  } catch {
    // The other one was faster.
    rmSync(beside, { recursive: true, force: true });
  }
}

/** At once: nothing may be waited for when a process exits. */
function end(data: string, home: string): void {
  try {
    const [pid] = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    process.kill(Number(pid), 'SIGQUIT');
    // It writes into its folder until it is gone.
    const clock = new Int32Array(new SharedArrayBuffer(4));
    for (let look = 0; look < 40 && process.kill(Number(pid), 0); look += 1)
      Atomics.wait(clock, 0, 0, 50);
  } catch {
    // It is not running, or not any more.
  }
  rmSync(home, { recursive: true, force: true });
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
