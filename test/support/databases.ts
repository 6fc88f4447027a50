// A kind of PostgreSQL arrives; an open, migrated, empty database of that kind leaves: the same promises are tested on both.

import { pino } from 'pino';
import { type Database, openDatabase } from '../../hub/db/connect.ts';
import { hasParts } from './parts.ts';
import { startPostgres } from './postgres.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface TestDatabase {
  readonly database: Database;
  /** A second connection to the same data, as another process of the hub has. */
  openAnother(): Promise<Database>;
  close(): Promise<void>;
}

export const silent = pino({ level: 'silent' });

/** Every kind on this machine, by name. */
export const databaseKinds: Record<string, () => Promise<TestDatabase>> = {
  'the embedded PostgreSQL': openEmbeddedDatabase,
  ...(hasParts('postgresql') ? { 'a PostgreSQL of its own': openExternalDatabase } : {}),
};

async function openEmbeddedDatabase(): Promise<TestDatabase> {
  const folder = temporaryFolder('database');
  const settings = { url: undefined, dataDir: folder.path };
  const database = await openDatabase(settings, { purpose: 'hub', log: silent });
  return {
    database,
    openAnother: () => openDatabase(settings, { purpose: 'command', log: silent }),
    close: async () => {
      await database.close();
      folder.remove();
    },
  };
}

async function openExternalDatabase(): Promise<TestDatabase> {
  const server = await startPostgres();
  const settings = { url: await server.createDatabase(), dataDir: '/nonexistent' };
  const open = () => openDatabase(settings, { purpose: 'hub', log: silent });
  const database = await open();
  return {
    database,
    openAnother: open,
    close: async () => {
      await database.close();
      await server.stop();
    },
  };
}
