// A kind of PostgreSQL arrives; an open, migrated, empty database of that kind leaves: the same promises are tested on both.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type Database, openDatabase } from '../../hub/db/connect.ts';
import { requireDebianPrograms, startPostgres } from './postgres.ts';

export interface TestDatabase {
  readonly database: Database;
  /** A second connection to the same data, as another process of the hub has. */
  openAnother(): Promise<Database>;
  close(): Promise<void>;
}

export const silent = pino({ level: 'silent' });

/** A folder that the database's user may reach, as HUB_DATA_DIR. */
export function makeDataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'phlix-hub-'));
  chmodSync(folder, 0o700);
  return folder;
}

/** Every kind on this machine, by name. */
export const databaseKinds: Record<string, () => Promise<TestDatabase>> = {
  'the embedded PostgreSQL': openEmbeddedDatabase,
};
const programs = requireDebianPrograms();
if (programs !== undefined) {
  databaseKinds[`PostgreSQL ${programs.majorVersion} by HUB_DATABASE_URL`] = async () => {
    const server = await startPostgres(programs);
    const url = await server.createDatabase();
    const open = () =>
      openDatabase({ url, dataDir: '/nonexistent' }, { purpose: 'hub', log: silent });
    const database = await open();
    return {
      database,
      openAnother: open,
      close: async () => {
        await database.close();
        await server.stop();
      },
    };
  };
}

async function openEmbeddedDatabase(): Promise<TestDatabase> {
  const settings = { url: undefined, dataDir: makeDataDir() };
  const database = await openDatabase(settings, { purpose: 'hub', log: silent });
  return {
    database,
    openAnother: () => openDatabase(settings, { purpose: 'command', log: silent }),
    close: async () => {
      await database.close();
      rmSync(settings.dataDir, { recursive: true, force: true });
    },
  };
}
