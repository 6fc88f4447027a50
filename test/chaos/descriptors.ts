// A process id arrives; what that process has open leaves, counted by kind, and a wait until it is no more than it was.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';

export interface Descriptors {
  /** Listeners and connections, closing ones included. */
  readonly tcp: number;
  /** All else but Unix sockets, of which the database's pool opens and closes some as it pleases. */
  readonly other: number;
}

export function descriptorsOf(pid: number): Descriptors {
  const [tcp, unix] = [socketsOf(pid, ['tcp', 'tcp6'], 9), socketsOf(pid, ['unix'], 6)];
  const inodes = readdirSync(`/proc/${pid}/fd`).map((fd) => inodeOf(pid, fd));
  return {
    tcp: inodes.filter((inode) => tcp.has(inode)).length,
    other: inodes.filter((inode) => inode !== 'gone' && !tcp.has(inode) && !unix.has(inode)).length,
  };
}

/** Resolves when the process has no more open than `before`. @throws at the deadline, with both */
export async function untilQuiet(
  pid: number,
  before: Descriptors,
  deadlineMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  let now = descriptorsOf(pid);
  while (now.tcp > before.tcp || now.other > before.other) {
    if (performance.now() > deadline) {
      throw new Error(
        `process ${pid} has ${now.tcp} TCP sockets and ${now.other} others open, before ${before.tcp} and ${before.other}`,
      );
    }
    await after(50);
    now = descriptorsOf(pid);
  }
}

/** TCP connections in the kernel that have this port at either end, without those of TIME_WAIT, which no process owns. */
export function connectionsOf(pid: number, port: number): number {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return lines(pid, 'tcp').filter(([, local, remote, state]) => {
    const isConnection = state !== '0A' && state !== '06';
    return isConnection && (local?.endsWith(hex) === true || remote?.endsWith(hex) === true);
  }).length;
}

/** `column` is that of the inode in /proc/net. */
function socketsOf(pid: number, files: readonly string[], column: number): Set<string> {
  return new Set(
    files.flatMap((file) => lines(pid, file)).map((words) => `socket:[${words[column]}]`),
  );
}

function lines(pid: number, file: string): string[][] {
  const text = readFileSync(`/proc/${pid}/net/${file}`, 'utf8');
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
}

function inodeOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return 'gone';
  }
}
