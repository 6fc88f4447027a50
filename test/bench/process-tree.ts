// A process id arrives; what it and everything under it have used leaves, read from /proc.

import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ, which Linux shows to programs as 100 on every architecture. */
const ticksPerSecond = 100;

/** Seconds of user and system time since they started. */
function cpuSeconds(rootPid: number): number {
  const processes = readProcesses();
  let ticks = 0;
  for (const pid of treeOf(rootPid, processes)) ticks += processes.get(pid)?.ticks ?? 0;
  return ticks / ticksPerSecond;
}

/** Of a process's main thread alone, but counted in nanoseconds: proc(5), schedstat. A hundredth of a second is too coarse for one stream. */
export function mainThreadSeconds(pid: number): number {
  const [nanoseconds] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
  return Number(nanoseconds) / 1e9;
}

export interface CpuMeter {
  /** By name, since the meter was made. */
  read(): Record<string, number>;
}

export function meterCpu(programs: Readonly<Record<string, { readonly pid: number }>>): CpuMeter {
  const now = (): [string, number][] =>
    Object.entries(programs).map(([name, { pid }]) => [name, cpuSeconds(pid)]);
  const before = new Map(now());
  return {
    read: () =>
      Object.fromEntries(now().map(([name, seconds]) => [name, seconds - (before.get(name) ?? 0)])),
  };
}

/** All that runs below a process. */
export function childrenOf(rootPid: number): number[] {
  return treeOf(rootPid, readProcesses()).slice(1);
}

/** Of these processes together: what several share counts once (proc(5), Pss). */
export function sharedBytes(pids: readonly number[]): number {
  const kilobytes = pids.map((pid) => {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0);
  });
  return kilobytes.reduce((sum, each) => sum + each, 0) * 1024;
}

interface Process {
  readonly parent: number;
  readonly ticks: number;
}

function readProcesses(): Map<number, Process> {
  const processes = new Map<number, Process>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    const found = Number.isInteger(pid) ? readProcess(pid) : undefined;
    if (found !== undefined) processes.set(pid, found);
  }
  return processes;
}

function readProcess(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc_pid_stat(5): the name in parentheses may hold anything; behind it come state, parent, ... utime (12th), stime, and both of waited-for children.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const ticks = fields.slice(11, 15).reduce((sum, value) => sum + value, 0);
    return { parent: fields[1] ?? 0, ticks };
  } catch {
    // It ended between the listing and the look.
    return undefined;
  }
}

function treeOf(rootPid: number, processes: ReadonlyMap<number, Process>): number[] {
  const children = [...processes].filter(([, { parent }]) => parent === rootPid);
  return [rootPid, ...children.flatMap(([pid]) => treeOf(pid, processes))];
}
