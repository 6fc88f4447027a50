// What the kernel says of a process arrives; whether it may open as many files and connections as it needs leaves.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ok, warning, failure, type Verdict } from './finding.ts';

/** Above this share of what it may have, a busy evening takes the rest. */
const fullShare = 0.8;

/** `process`: `/proc/self`. Undefined where there is no such folder, as on macOS. */
export async function descriptorVerdict(
  needed: number,
  process: string,
): Promise<Verdict | undefined> {
  const [limit, open] = await Promise.all([limitOf(process), countOf(process)]);
  if (limit === undefined || open === undefined) return undefined;
  const remedy = `Raise the limit to ${Math.max(needed, 65_536)}: LimitNOFILE= in the systemd unit, nofile in the container's ulimits, or ulimit -n in the shell that starts it.`;
  const message = `This process may have ${limit} files and connections open, and has ${open}.`;
  if (open > limit * fullShare) return failure(message, remedy);
  return limit < needed ? warning(message, remedy) : ok(message);
}

async function limitOf(process: string): Promise<number | undefined> {
  const text = await readFile(join(process, 'limits'), 'utf8').catch(() => '');
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Infinity : Number(soft);
}

async function countOf(process: string): Promise<number | undefined> {
  const open = await readdir(join(process, 'fd')).catch(() => undefined);
  return open?.length;
}
