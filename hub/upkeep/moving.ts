// A database and the place for it arrive; an exact copy leaves there, and the former one stays as it is, marked as moved.

import { createHash } from 'node:crypto';
import { rename } from 'node:fs/promises';

import type { Logger } from '../../shared/log.ts';
import { version } from '../../shared/version.ts';
import { lineFeeds } from '../backup/archive-writer.ts';
import { stampOf } from '../backup/backup-folder.ts';
import { BackupError } from '../backup/backup-error.ts';
import type { DatabaseDump } from '../backup/database-dump.ts';
import { formatVersion, type DumpedTable, type Manifest } from '../backup/manifest.ts';
import type { HubConfig } from '../config.ts';
import { dumpOf, openServer, type FoundServer } from '../db/connect.ts';
import { copyOut } from '../db/dump.ts';
import { databaseFolders } from '../db/embedded-folders.ts';
import { openLoad, refuseLivingHubs, requireEmpty } from '../db/load.ts';
import { readMark, refuseMoved, withClient, writeMark } from '../db/marks.ts';
import { appliedMigrations } from '../db/migrate.ts';
import { DatabaseError } from '../db/database-error.ts';

export interface Moved {
  readonly from: string;
  readonly to: string;
  readonly tables: number;
  readonly rows: number;
  /** Where a database of the hub's own is that stood there since it was moved away. */
  readonly aside: string | undefined;
}

/** `undefined`: the hub's own PostgreSQL. */
type Place = string | undefined;

/**
 * Needs a hub that is stopped. What does not arrive exactly as it left is not committed.
 * @throws DatabaseError
 */
export async function moveDatabase(config: HubConfig, to: Place, log: Logger): Promise<Moved> {
  const { dataDir } = config;
  const from = config.databaseUrl?.reveal();
  if (from === to) throw same();
  const options = { purpose: 'hub', log } as const;
  const source = await openServer({ url: from, dataDir }, options);
  try {
    await requireMovable(source);
    const aside = to === undefined ? await clearOwn(config, log) : undefined;
    const target = await openServer({ url: to, dataDir }, options);
    try {
      const copied = await copyAll(source, target);
      const name = to === undefined ? 'embedded' : target.place;
      await withClient(source.connection, async (client) =>
        writeMark(client, { kind: 'moved', to: name }),
      );
      return { from: source.place, to: name, ...copied, aside };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** The copy that was left behind is used again, as it was then. @throws DatabaseError */
export async function reopenDatabase(config: HubConfig, log: Logger): Promise<string> {
  const settings = { url: config.databaseUrl?.reveal(), dataDir: config.dataDir };
  const server = await openServer(settings, { purpose: 'hub', log });
  try {
    await withClient(server.connection, async (client) => {
      const mark = await readMark(client);
      if (mark?.kind === 'moved') await writeMark(client, undefined);
    });
    return server.place;
  } finally {
    await server.close();
  }
}

async function requireMovable({ connection, place }: FoundServer): Promise<void> {
  await withClient(connection, async (client) => {
    await refuseMoved(client);
    await refuseLivingHubs(client);
    if ((await appliedMigrations(client)).length > 0) return;
    throw new DatabaseError(
      'database.not-empty',
      `the database at ${place} holds no hub: there is nothing to move`,
    );
  });
}

/** A folder that was moved away from earlier goes aside; one that is in use is nobody's to move. */
async function clearOwn({ dataDir }: HubConfig, log: Logger): Promise<string | undefined> {
  const server = await openServer({ url: undefined, dataDir }, { purpose: 'hub', log });
  let isLeftBehind = false;
  try {
    isLeftBehind = await withClient(server.connection, async (client) => {
      const mark = await readMark(client);
      if (mark?.kind !== 'moved') await requireEmpty(client, server.place);
      return mark?.kind === 'moved';
    });
  } finally {
    await server.close();
  }
  if (!isLeftBehind) return undefined;
  const { data } = databaseFolders({ dataDir });
  const aside = `${data}.before-${stampOf(new Date())}`;
  await rename(data, aside);
  return aside;
}

async function copyAll(
  source: FoundServer,
  target: FoundServer,
): Promise<{ tables: number; rows: number }> {
  await withClient(target.connection, async (client) => requireEmpty(client, target.place));
  const dump = await dumpOf(source.connection);
  try {
    const tables = await measured(dump);
    const manifest = manifestOf(dump, tables);
    await fill(target.connection, dump, manifest);
    return { tables: tables.length, rows: tables.reduce((sum, { rows }) => sum + rows, 0) };
  } finally {
    await dump.close();
  }
}

async function fill(
  to: FoundServer['connection'],
  dump: DatabaseDump,
  manifest: Manifest,
): Promise<void> {
  const load = await openLoad(to, { manifest, id: 'move', isForward: false, isMove: true });
  try {
    for (const { name } of manifest.tables) {
      for await (const rows of dump.copyOut(name)) await load.write(name, rows as Buffer);
    }
    await load.finish();
    for (const table of manifest.tables) {
      const { sha256 } = await measure(copyOut(load.client, manifest.tables, table.name));
      if (sha256 !== table.sha256) throw differs(table.name);
    }
    await load.commit();
  } catch (error) {
    await load.abandon();
    throw error;
  }
}

async function measured(dump: DatabaseDump): Promise<DumpedTable[]> {
  const tables: DumpedTable[] = [];
  for (const { name, columns } of dump.tables)
    tables.push({ name, columns: [...columns], parts: 0, ...(await measure(dump.copyOut(name))) });
  return tables;
}

async function measure(
  rows: AsyncIterable<Buffer>,
): Promise<Pick<DumpedTable, 'rows' | 'bytes' | 'sha256'>> {
  const digest = createHash('sha256');
  let [count, bytes] = [0, 0];
  for await (const piece of rows) {
    digest.update(piece);
    count += lineFeeds(piece);
    bytes += piece.length;
  }
  return { rows: count, bytes, sha256: digest.digest('hex') };
}

function manifestOf(dump: DatabaseDump, tables: DumpedTable[]): Manifest {
  const { migrations, postgres, sequences } = dump;
  return {
    program: 'phlix-hub',
    format: formatVersion,
    version,
    made_at: new Date(),
    reason: 'move',
    hub_host: '',
    postgres,
    migrations: [...migrations],
    tables,
    sequences: sequences.map(({ name, value, isCalled }) => ({ name, value, is_called: isCalled })),
    files: [],
    settings: [],
  };
}

function differs(table: string): BackupError {
  return new BackupError(
    'backup.damaged',
    `The rows of ${table} did not arrive as they left: nothing was changed. Check the disks of both machines, and try again.`,
  );
}

function same(): DatabaseError {
  return new DatabaseError(
    'database.bad-url',
    'the database is there already: name another place with --to, or leave HUB_DATABASE_URL as it is',
  );
}
