// Changes arrive; what a doctor looks at leaves: a hub in order but for these, with real files, sockets and logs below it.

import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';

import { Bans } from '../../hub/access/bans/bans.ts';
import { AuditLog } from '../../hub/audit/audit-log.ts';
import { verify } from '../../hub/audit/verify.ts';
import { noteBackup } from '../../hub/backup/backup-state.ts';
import { readConfig } from '../../hub/config.ts';
import { premisesOf } from '../../hub/doctor/doctor.ts';
import type { OpenDoors, RunningHub } from '../../hub/doctor/premises.ts';
import { Trips } from '../../hub/telemetry/trips.ts';
import { CidrSet } from '../../shared/net-address.ts';
import { silent } from './databases.ts';
import { MemoryAuditIndex } from './memory-audit-index.ts';
import { MemoryBans } from './memory-bans.ts';
import { temporaryFolder } from './temporary-folder.ts';

const ends: (() => unknown)[] = [];

/** Whatever these hubs opened. */
export async function closeExamined(): Promise<void> {
  for (const end of ends.splice(0).toReversed()) await end();
}

export function atTheEnd(end: () => unknown): void {
  ends.push(end);
}

/** On loopback, at any port. */
export async function listening(server: Server): Promise<AddressInfo> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atTheEnd(() => server.close());
  return server.address() as AddressInfo;
}

/** Nobody listens there. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const { port } = await listening(server);
  server.close();
  await once(server, 'close');
  return port;
}

export const now = new Date('2026-11-22T12:00:00Z');

export interface ExaminedHub extends RunningHub {
  readonly folder: string;
}

export type Change = Partial<Omit<RunningHub, 'config' | 'machine'>> & {
  readonly machine?: Partial<RunningHub['machine']>;
};

export async function examinedHub(
  environment: Record<string, string> = {},
  change: Change = {},
): Promise<ExaminedHub> {
  const folder = join(temporaryFolder('doctor').path, 'data');
  await noteBackup(folder, { at: new Date(now.getTime() - 3_600_000), file: 'a', ok: true });
  const config = readConfig(
    { HUB_DATA_DIR: folder, ...environment },
    { bindsLowPorts: false, stateFolder: folder, memoryBytes: 2 ** 32 },
  );
  const index = new MemoryAuditIndex();
  const audit = await AuditLog.open({ ...config.audit, index, log: silent });
  atTheEnd(() => audit.close());
  const store = new MemoryBans();
  const bans = await Bans.open({ store, audit, trustedProxies: new CidrSet([]), log: silent });
  atTheEnd(() => bans.close());
  const premises = premisesOf(config, {
    memoryBytes: 2 ** 32,
    certificates: held,
    advisories: undefined,
    now,
  });
  return {
    ...premises,
    version: '0.1.0',
    doors: () => undefined,
    publicUrl: 'https://hub.localhost:8443',
    databaseTime: async () => now,
    verifyAudit: () => verify(config.audit.folder, index),
    audit,
    findsNoted: async (target) => index.records.some((record) => record.target === target),
    bans: async () => ({ held: bans.list().map(({ network }) => network), stored: [] }),
    admins: async () => [{ username: 'robin', passkeys: 1, hasTotp: true }],
    unnamedAt: () => undefined,
    travels: () => undefined,
    trips: new Trips(() => now),
    memory: () => ({ residentBytes: 2 ** 27, sheds: false }),
    ...change,
    machine: { ...premises.machine, ...change.machine },
    folder,
  };
}

async function held() {
  const names = ['hub.localhost', '*.phlix.localhost'];
  const notAfter = new Date(now.getTime() + 60 * 86_400_000);
  const rest = { isOwn: true, isReleased: false, isFailing: false, keyKind: 'ecdsa' as const };
  return [{ names, notAfter, ...rest }];
}

/** All of them at this port. */
export function doorsAt(port: number): OpenDoors {
  const at: AddressInfo = { address: '127.0.0.1', family: 'IPv4', port };
  return { https: at, tunnel: at, http: at, admin: undefined };
}
