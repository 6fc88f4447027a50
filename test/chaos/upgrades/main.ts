// A data folder, a database and a folder of migrations arrive as arguments; numbers leave on stdout, each after the database has acknowledged it, until the process is killed.

import { pino } from 'pino';

import { readConfig } from '../../../hub/config.ts';
import { openServer } from '../../../hub/db/connect.ts';
import { withClient } from '../../../hub/db/marks.ts';
import { migrate } from '../../../hub/db/migrate.ts';
import { thisMachine } from '../../../hub/process/machine.ts';
import { takeSnapshot } from '../../../hub/upkeep/snapshotting.ts';

const [dataDir = '', url = '', folder = '', round = '0'] = process.argv.slice(2);
const environment = { HOME: '/', HUB_DATA_DIR: dataDir, HUB_DATABASE_URL: url };
const config = readConfig(environment, thisMachine(environment));
const settings = { url: config.databaseUrl?.reveal(), dataDir };

const say = (line: string): boolean => process.stdout.write(`${line}\n`);

try {
  const log = pino({ level: 'silent' });
  const server = await openServer(settings, { purpose: 'hub', log });
  say(`server ${server.pid}`);
  await migrate(server.connection, {
    folder,
    beforeChange: async () => void (await takeSnapshot(config, server.connection, 'migration')),
  });
  say('migrated');
  await withClient(server.connection, async (client) => {
    for (let number = 0; ; number += 1) {
      await client.query('INSERT INTO told_notices (key, told_at) VALUES ($1, now())', [
        `${round}-${number}`,
      ]);
      say(`kept ${round}-${number}`);
    }
  });
} catch (error) {
  say(`failed ${String(error)}`);
  process.exitCode = 1;
}
