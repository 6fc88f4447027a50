// A backup or a snapshot arrives; a hub that is stopped has its state afterwards, or the one it had: never a part of both.

import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { Logger } from '../../shared/log.ts';
import { listSegments } from '../audit/segment-files.ts';
import { fileFolder, manifestName, tablePath } from '../backup/archive-layout.ts';
import { readVerified, verifyArchive } from '../backup/archive-reader.ts';
import { BackupError } from '../backup/backup-error.ts';
import { stampOf } from '../backup/backup-folder.ts';
import type { DatabaseLoad } from '../backup/database-dump.ts';
import type { Keys } from '../backup/encryption.ts';
import { secretKeyFile } from '../backup/kept-files.ts';
import type { Manifest } from '../backup/manifest.ts';
import type { SnapshotReason } from '../backup/snapshots.ts';
import { settleStaged, StagedFiles } from '../backup/staged-files.ts';
import type { HubConfig } from '../config.ts';
import { openServer, type FoundServer } from '../db/connect.ts';
import { openLoad, refuseLivingHubs } from '../db/load.ts';
import { readMark, withClient, writeMark } from '../db/marks.ts';
import { appliedMigrations, holdMigrations } from '../db/migrate.ts';
import { takeSnapshot } from './snapshotting.ts';

export interface RestoreOrder {
  readonly file: string;
  readonly keys: Keys;
  /** What is there may go; a snapshot of it is taken first, and files are moved aside. */
  readonly replaces: boolean;
  /** False: the tables stay those of the version that made it. */
  readonly isForward: boolean;
  /** Of the snapshot of what is there. */
  readonly reason: Extract<SnapshotReason, 'restore' | 'rollback'>;
}

export interface Restored {
  readonly manifest: Manifest;
  /** Undefined: there was nothing to keep. */
  readonly snapshot: string | undefined;
  /** Where the files are that others took the place of. */
  readonly aside: string | undefined;
  /** Where HUB_SECRET_KEY of the backup is, if it is not set here. */
  readonly secretKeyFile: string | undefined;
}

/**
 * Needs a hub that is stopped.
 * @throws BackupError, DatabaseError; nothing was changed then
 */
export async function restore(
  config: HubConfig,
  order: RestoreOrder,
  log: Logger,
): Promise<Restored> {
  const manifest = await verifyArchive(order.file, order.keys);
  if (!order.replaces) await requireNoFiles(config.dataDir);
  const settings = { url: config.databaseUrl?.reveal(), dataDir: config.dataDir };
  // As a hub would: whoever runs one on this folder is found by it.
  const server = await openServer(settings, { purpose: 'hub', log });
  try {
    await settleInterrupted(config, server);
    const isFull = await holdsHub(server);
    if (isFull && !order.replaces) throw notEmpty(`the database at ${server.place}`);
    const snapshot = isFull
      ? (await takeSnapshot(config, server.connection, order.reason, order.file)).path
      : undefined;
    return { manifest, snapshot, ...(await fill(config, order, { manifest, server })) };
  } finally {
    await server.close();
  }
}

/** What a restore left behind that was killed: its files take their places if its database was committed, or go. */
export async function settleInterrupted(
  { dataDir }: Pick<HubConfig, 'dataDir'>,
  { connection }: Pick<FoundServer, 'connection'>,
): Promise<string | undefined> {
  return withClient(connection, async (client) => {
    // Not while one runs.
    await holdMigrations(client);
    const mark = await readMark(client);
    const id = mark?.kind === 'restored' ? mark.id : undefined;
    const aside = await settleStaged(dataDir, id);
    if (id !== undefined) await writeMark(client, undefined);
    return aside;
  });
}

async function fill(
  config: HubConfig,
  order: RestoreOrder,
  { manifest, server }: { manifest: Manifest; server: FoundServer },
): Promise<Pick<Restored, 'aside' | 'secretKeyFile'>> {
  const id = `${stampOf(new Date())}-${randomBytes(3).toString('hex')}`;
  const { isForward } = order;
  const load = await openLoad(server.connection, { manifest, id, isForward });
  const staged = await StagedFiles.open(config.dataDir, id);
  let secret: string | undefined;
  try {
    await pour(order, manifest, { load, staged });
    await leaveOut(config, staged);
    secret = await staged.read(secretKeyFile);
    await staged.finish();
    await load.commit();
  } catch (error) {
    await load.abandon();
    await staged.abandon();
    throw error;
  }
  const aside = await settleInterrupted(config, server);
  const place = join(config.dataDir, secretKeyFile);
  return { aside, secretKeyFile: secret === undefined ? undefined : place };
}

/** Read a second time: what is written is held against its hashes again, before it is committed. */
async function pour(
  { file, keys }: RestoreOrder,
  manifest: Manifest,
  { load, staged }: { load: DatabaseLoad; staged: StagedFiles },
): Promise<void> {
  const tables = new Map(manifest.tables.map(({ name }) => [tablePath(name), name]));
  for await (const { path, bytes } of readVerified(file, keys, manifest)) {
    const table = tables.get(path);
    if (table !== undefined) await load.write(table, bytes);
    else if (path !== manifestName) await staged.write(path.slice(fileFolder.length), bytes);
  }
}

/** The log of this host only ever grows; and a secret that is set already is no news. */
async function leaveOut(config: HubConfig, staged: StagedFiles): Promise<void> {
  if (await isOfSameChain(config.audit.folder, staged.pathOf('audit'))) await staged.drop('audit');
  const secret = (await staged.read(secretKeyFile))?.trim();
  const known = new Set(config.secretKeys?.map((key) => key.reveal()));
  if (secret !== undefined && secret.split(',').every((one) => known.has(one)))
    await staged.drop(secretKeyFile);
}

/** By their first lines, which name the chain. */
async function isOfSameChain(here: string, there: string): Promise<boolean> {
  const [own, other] = await Promise.all([here, there].map(firstChain));
  return own !== undefined && own === other;
}

async function firstChain(folder: string): Promise<string | undefined> {
  const { linesOf } = await import('../audit/segment-files.ts');
  const { readLine } = await import('../audit/line.ts');
  const [oldest] = await listSegments(folder).catch(() => []);
  if (oldest === undefined) return undefined;
  for await (const line of linesOf(oldest)) return readLine(line)?.chain;
  return undefined;
}

/** @throws DatabaseError database.in-use: a hub works with it */
async function holdsHub({ connection }: FoundServer): Promise<boolean> {
  return withClient(connection, async (client) => {
    await refuseLivingHubs(client);
    return (await appliedMigrations(client)).length > 0;
  });
}

/** Whatever the database is: a folder with keys in it is somebody's. */
async function requireNoFiles(dataDir: string): Promise<void> {
  const names = await readdir(dataDir).catch(() => []);
  const found = names.find((name) => ['sealing.key', 'local-ca', 'audit'].includes(name));
  if (found !== undefined) throw notEmpty(join(dataDir, found));
}

function notEmpty(what: string): BackupError {
  return new BackupError(
    'backup.not-empty',
    `There is a hub already: ${what}. Restore into an empty HUB_DATA_DIR and database, or say --replace: what is there is then kept as a snapshot and moved aside.`,
  );
}
