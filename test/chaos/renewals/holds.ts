// A step of an order arrives; whoever takes it is stopped there, by an answer that does not come or a row that is locked, and named.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

import { vi } from 'vitest';

import { sql } from '../../../hub/db/drizzle.ts';
import type { AcmeFront, Passage } from '../../support/acme-front.ts';
import { within } from '../../support/deadline.ts';
import type { HubProcess } from '../../support/deployment.ts';
import type { Crowd } from './crowd.ts';

/** Until a step is reached by hubs that are as slow as the machine. */
const deadlineMs = 60_000;

/** Something that a hub waits for until it is let go. */
export interface Held {
  readonly holder: HubProcess;
  letGo(): Promise<void>;
}

/** The first passage of this kind stays where it is; resolves when it is there. */
export async function holdPassage(
  crowd: Crowd,
  path: RegExp,
  side: Passage['side'],
): Promise<() => Promise<Held>> {
  const { front } = crowd;
  const arrived = Promise.withResolvers<Passage>();
  const gone = Promise.withResolvers<void>();
  let isArmed = true;
  front.hold = async (passage) => {
    if (!isArmed || passage.side !== side || !path.test(passage.path)) return;
    isArmed = false;
    arrived.resolve(passage);
    await gone.promise;
  };
  return async () => {
    const { port } = await within(arrived.promise, deadlineMs, () => `${side} of ${path}`);
    const holder = crowd.hubs.find(({ program }) => isEndOf(program.pid, port, portOf(front)));
    if (holder === undefined) throw new Error(`no hub has the port ${port}`);
    return { holder, letGo: async () => gone.resolve() };
  };
}

/** Whoever writes into the table from now on waits; resolves when somebody does. */
export async function lockTable(crowd: Crowd, table: string): Promise<() => Promise<Held>> {
  const { queries } = crowd.database;
  const locked = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  const transaction = queries.transaction(async (tx) => {
    await tx.execute(sql`LOCK TABLE ${sql.identifier(table)} IN EXCLUSIVE MODE`);
    locked.resolve();
    await free.promise;
  });
  await Promise.race([locked.promise, transaction]);
  const letGo = async (): Promise<void> => {
    free.resolve();
    await transaction;
  };
  return async () => {
    const look = async (): Promise<string | undefined> => blockedOn(crowd, table);
    const name = await vi.waitUntil(look, { interval: 20, timeout: deadlineMs });
    const holder = crowd.hubNamed(name);
    if (holder === undefined) throw new Error(`${name} is no hub`);
    return { holder, letGo };
  };
}

/** The name that a hub's connections have, of the first that waits to write into the table. */
async function blockedOn({ database }: Crowd, table: string): Promise<string | undefined> {
  const { rows } = await database.queries.execute<{ application_name: string }>(sql`
    SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE NOT granted AND relation = ${table}::regclass AND application_name LIKE 'hub-%'
    ORDER BY query_start LIMIT 1`);
  return rows[0]?.application_name;
}

function portOf({ directoryUrl }: AcmeFront): number {
  return Number(new URL(directoryUrl).port);
}

/** Whether the process has the connection from one port of loopback to the other: proc(5), /proc/net/tcp. */
function isEndOf(pid: number, from: number, to: number): boolean {
  const inodes = ['tcp', 'tcp6'].flatMap((kind) =>
    readFileSync(`/proc/net/${kind}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, remote]) => isPort(local, from) && isPort(remote, to))
      .map((fields) => `socket:[${fields[9]}]`),
  );
  return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.includes(linkOf(pid, fd)));
}

function isPort(address: string | undefined, port: number): boolean {
  return address?.endsWith(`:${port.toString(16).toUpperCase().padStart(4, '0')}`) ?? false;
}

/** Descriptors come and go while they are read. */
function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}
