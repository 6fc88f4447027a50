// A folder of backups arrives; those that the schedule made leave by their names, and the ones whose time is over leave for good.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { expired, type Kept } from './retention.ts';

export interface StoredBackup {
  readonly path: string;
  readonly at: Date;
}

/** Made by the schedule: in time they go by themselves. Made by hand: they stay. */
export function backupName(at: Date, by: 'schedule' | 'hand', isPlain: boolean): string {
  const prefix = by === 'schedule' ? 'phlix-hub-scheduled' : 'phlix-hub';
  return `${prefix}-${stampOf(at)}.tar${isPlain ? '' : '.age'}`;
}

/** `20261122T033000Z`: sorts by time, and every file system takes it. */
export function stampOf(at: Date): string {
  return at.toISOString().replaceAll(/[-:]|\.\d+/g, '');
}

export function parseStamp(text: string): Date | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const at = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(at.getTime()) ? undefined : at;
}

export async function listScheduled(folder: string): Promise<StoredBackup[]> {
  const names = await readdir(folder).catch(() => []);
  return names.flatMap((name) => {
    const at = parseStamp(/^phlix-hub-scheduled-(\w+)\.tar\.age$/.exec(name)?.[1] ?? '');
    return at === undefined ? [] : [{ path: join(folder, name), at }];
  });
}

/** What it removed. */
export async function tidy(folder: string, kept: Kept): Promise<StoredBackup[]> {
  const gone = expired(await listScheduled(folder), kept);
  for (const { path } of gone) await rm(path, { force: true });
  return gone;
}
