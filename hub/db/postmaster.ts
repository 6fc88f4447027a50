// A database folder arrives; who is running on it leaves: nobody, a living hub or command, or an orphan that its hub left behind.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { DatabaseError } from './database-error.ts';

/** A hub's database runs until the hub stops; a command's only until the command has printed its answer. */
export type Purpose = 'hub' | 'command';

export interface Postmaster {
  readonly pid: number;
  readonly socketFolder: string;
  /** undefined: its starter is gone. */
  readonly owner: { readonly pid: number; readonly purpose: Purpose } | undefined;
}

/**
 * Marks a postmaster as started by this process. PostgreSQL takes any setting with a dot in its name and ignores it; the
 * command line cannot change afterwards, and the kernel gives an orphan another parent in the moment its parent dies. So "its
 * parent is the process it names" says without lock files and without races that the starter lives.
 */
export function ownerArguments(purpose: Purpose): string[] {
  return ['-c', `phlix.owner=${process.pid}`, '-c', `phlix.purpose=${purpose}`];
}

/** undefined: no server runs on this folder as far as this machine can see. */
export function findPostmaster(dataFolder: string): Postmaster | undefined {
  const lines = readText(join(dataFolder, 'postmaster.pid'))?.split('\n') ?? [];
  const pid = Number(lines[0]);
  const socketFolder = lines[4] ?? '';
  if (!Number.isSafeInteger(pid) || pid <= 1 || lines[1] !== dataFolder) {
    return undefined;
  }
  const words = readText(`/proc/${pid}/cmdline`)?.split('\0') ?? [];
  if (words[1] !== '-D' || words[2] !== dataFolder || parentOf(pid) === undefined) {
    return undefined;
  }
  const ownerPid = Number(settingOf(words, 'phlix.owner'));
  const purpose: Purpose = settingOf(words, 'phlix.purpose') === 'command' ? 'command' : 'hub';
  const owner = parentOf(pid) === ownerPid ? { pid: ownerPid, purpose } : undefined;
  return { pid, socketFolder, owner };
}

/** How long each way of stopping may take, from the kind to the certain one; all three keep what was acknowledged. */
const stopSteps: readonly { signal: NodeJS.Signals; patienceMs: number }[] = [
  { signal: 'SIGINT', patienceMs: 20_000 }, // "fast": rolls back what is open, writes a checkpoint
  { signal: 'SIGQUIT', patienceMs: 5000 }, // "immediate": the next start replays the log
  { signal: 'SIGKILL', patienceMs: 2000 },
];

/** Ends a postmaster that nobody waits for any more. @throws DatabaseError database.failed */
export async function stopPostmaster(pid: number, isGone: () => boolean): Promise<void> {
  for (const { signal, patienceMs } of stopSteps) {
    const deadline = Date.now() + patienceMs;
    if (!sendSignal(pid, signal)) {
      return;
    }
    while (Date.now() < deadline) {
      if (isGone()) {
        return;
      }
      await wait(10);
    }
  }
  throw new DatabaseError(
    'database.failed',
    `the database process ${pid} does not end: stop it by hand (kill -9 ${pid}) and start the hub again`,
  );
}

function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function settingOf(words: readonly string[], name: string): string | undefined {
  return words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Fourth field of /proc/<pid>/stat, behind a program name that may hold anything; undefined for a dead or unreaped process. */
function parentOf(pid: number): number | undefined {
  const stat = readText(`/proc/${pid}/stat`) ?? '';
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === undefined || parent === undefined || 'ZX'.includes(state)
    ? undefined
    : Number(parent);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
