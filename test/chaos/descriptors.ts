// A process id arrives; what that process has open leaves, counted by kind, and a wait until it is no more than it was.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';

export interface Descriptors {
  /** Listeners and connections, closing ones included. */
  readonly tcp: readonly string[];
  /**
   * All else but Unix sockets, of which the database's pool opens and closes some as it pleases. A connection that was reset
   * and that its process forgot to close is here: the kernel does not list it any more.
   */
  readonly other: readonly string[];
}

export function descriptorsOf(pid: number): Descriptors {
  const [tcp, unix] = [socketsOf(pid, ['tcp', 'tcp6'], 9), socketsOf(pid, ['unix'], 6)];
  const targets = readdirSync(`/proc/${pid}/fd`).map((fd) => targetOf(pid, fd));
  return {
    tcp: targets.filter((target) => tcp.has(target)),
    other: targets.filter((target) => target !== 'gone' && !tcp.has(target) && !unix.has(target)),
  };
}

/** Resolves when the process has no more open than `before`. @throws at the deadline, with what is new */
export async function untilQuiet(
  pid: number,
  before: Descriptors,
  deadlineMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  let now = descriptorsOf(pid);
  while (now.tcp.length > before.tcp.length || now.other.length > before.other.length) {
    if (performance.now() > deadline) {
      const open = JSON.stringify({ before, now });
      throw new Error(`process ${pid} has more open than before: ${open}`);
    }
    await after(50);
    now = descriptorsOf(pid);
  }
}

/** TCP connections in the kernel that have this port at either end, without those of TIME_WAIT, which no process owns. */
export function connectionsOf(pid: number, port: number): number {
  const hex = portText(port);
  return lines(pid, 'tcp').filter(([, local, remote, state]) => {
    const isConnection = state !== '0A' && state !== '06';
    return isConnection && (local?.endsWith(hex) === true || remote?.endsWith(hex) === true);
  }).length;
}

/** Bytes that the connections accepted at this port have not got rid of: what their visitors do not take. */
export function unsentBytes(pid: number, port: number): number {
  const hex = portText(port);
  return lines(pid, 'tcp')
    .filter(([, local]) => local?.endsWith(hex))
    .reduce((sum, words) => sum + Number.parseInt(words[4]?.split(':')[0] ?? '', 16), 0);
}

function portText(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
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

function targetOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return 'gone';
  }
}
