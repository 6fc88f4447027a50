import { appendFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { openServer } from '../../hub/db/connect.ts';
import { withClient } from '../../hub/db/marks.ts';
import { migrate } from '../../hub/db/migrate.ts';
import { migrationsFolder } from '../../hub/db/migration-files.ts';
import { silent } from '../support/databases.ts';
import { chosenCases } from '../support/long-form.ts';
import { hasParts } from '../support/parts.ts';
import { startPostgres } from '../support/postgres.ts';
import { Program } from '../support/program.ts';
import { seededRandom } from '../support/random.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const program = join(import.meta.dirname, 'upgrades', 'main.ts');
/** `npm run test:long` kills fifty times on each database, in every commit two moments stand for them. */
const rounds = Number(chosenCases(['50'], []).at(0) ?? 2);

vi.setConfig({ testTimeout: 30_000 + rounds * 20_000 });

const folders: TemporaryFolder[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) folder.remove();
});

function newFolder(word: string): string {
  const folder = temporaryFolder(word);
  folders.push(folder);
  return folder.path;
}

/** One more migration, which takes its time: of half of it nothing may ever be seen. */
function addMigration(folder: string, round: number): void {
  const path = join(folder, 'meta', '_journal.json');
  const journal = JSON.parse(readFileSync(path, 'utf8')) as { entries: object[] };
  const [tag, when] = [`90${round}_chaos`, 9_000_000_000_000 + round];
  journal.entries.push({ idx: journal.entries.length, version: '7', when, tag, breakpoints: true });
  writeFileSync(path, JSON.stringify(journal));
  writeFileSync(
    join(folder, `${tag}.sql`),
    `CREATE TABLE chaos_${round} (id integer);
     INSERT INTO chaos_${round} SELECT generate_series(1, 20000);
     SELECT pg_sleep(0.1);
     ALTER TABLE told_notices ADD COLUMN chaos_${round} integer NOT NULL DEFAULT 1;`,
  );
  appendFileSync(
    join(folder, 'meta', 'schema.txt'),
    `column chaos_${round}.id integer\ncolumn told_notices.chaos_${round} integer not null\n`,
  );
}

interface Place {
  readonly dataDir: string;
  readonly url: string;
  readonly folder: string;
}

/** As the next start of a hub: it brings the tables forward, and finds what was acknowledged. */
async function keptIn({ dataDir, url, folder }: Place): Promise<Set<string>> {
  const settings = { url: url === '' ? undefined : url, dataDir };
  const server = await openServer(settings, { purpose: 'hub', log: silent });
  try {
    await migrate(server.connection, { folder });
    return await withClient(server.connection, async (client) => {
      const { rows } = await client.query<{ key: string }>('SELECT key FROM told_notices');
      return new Set(rows.map(({ key }) => key));
    });
  } finally {
    await server.close();
  }
}

/** Kills at a random moment of the start, of the snapshot, of the migration or of the writes behind it. */
async function ordeal(
  place: Place,
  crash?: () => Promise<void>,
): Promise<{ acknowledged: number; lost: string[] }> {
  const random = seededRandom(22_11);
  const acknowledged: string[] = [];
  const lost = new Set<string>();
  for (let round = 0; round < rounds; round += 1) {
    addMigration(place.folder, round);
    const words = [place.dataDir, place.url, place.folder, String(round)];
    const hub = new Program({ command: [process.execPath, program, ...words], env: process.env });
    const isLate = round % 2 === 1;
    await hub.waitForLine(isLate ? /^migrated$/ : /^server/, 60_000);
    const timer = setTimeout(() => hub.kill('SIGKILL'), random.below(isLate ? 300 : 600));
    if (crash !== undefined && round % 4 === 3) await crash();
    await hub.ended;
    clearTimeout(timer);
    for (const [, key = ''] of hub.output.matchAll(/^kept (\S+)$/gm)) acknowledged.push(key);
    const kept = await keptIn(place);
    for (const key of acknowledged) if (!kept.has(key)) lost.add(key);
  }
  return { acknowledged: acknowledged.length, lost: [...lost] };
}

describe(`kill -9 at ${rounds} moments, during migrations and during writes`, () => {
  test('the embedded database always starts again, and loses nothing acknowledged', async () => {
    const folder = newFolder('migrations');
    cpSync(migrationsFolder, folder, { recursive: true });
    const outcome = await ordeal({ dataDir: newFolder('upgrades'), url: '', folder });
    expect(outcome.lost).toEqual([]);
    expect(outcome.acknowledged).toBeGreaterThan(0);
  });

  test.skipIf(!hasParts('postgresql'))(
    'neither does a server of its own, which crashes now and then as well',
    async () => {
      const server = await startPostgres();
      const folder = newFolder('migrations');
      cpSync(migrationsFolder, folder, { recursive: true });
      const url = await server.createDatabase();
      const outcome = await ordeal({ dataDir: newFolder('upgrades'), url, folder }, async () => {
        await server.pause();
        await server.resume();
      });
      await server.stop();
      expect(outcome.lost).toEqual([]);
      expect(outcome.acknowledged).toBeGreaterThan(0);
    },
  );
});
