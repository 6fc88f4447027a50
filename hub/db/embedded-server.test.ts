import { Client } from 'pg';
import { expect, test } from 'vitest';

import { recordingLogger } from '../../test/support/agents-door.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { openServer } from './connect.ts';
import { connectFailure } from './database-error.ts';

test('what sessions are told when their server is stopped worries nobody', async () => {
  const folder = temporaryFolder('embedded');
  const { log, logged } = recordingLogger();
  const server = await openServer(
    { url: undefined, dataDir: folder.path },
    { purpose: 'hub', log },
  );
  const session = new Client(server.connection);
  session.on('error', () => undefined);
  await session.connect();
  await server.close();
  const farewells = () => logged.filter((line) => String(line['line']).startsWith('FATAL:'));
  await expect.poll(farewells).not.toEqual([]);
  expect(farewells().map(({ level }) => level)).not.toContain('warn');
  folder.remove();
}, 60_000);

test('a failure of the hub’s own database names no setting that nobody set', () => {
  const place = '/var/lib/phlix-hub/database/run';
  expect(connectFailure(new Error('timeout expired'), { place, isOwn: true }).message).toBe(
    `the hub's own database in ${place} does not answer (timeout expired): the log of the hub says why; if it does not come back, start the hub again`,
  );
  const other = connectFailure(new Error('timeout expired'), { place: 'db:5432', isOwn: false });
  expect(other.message).toContain('HUB_DATABASE_URL');
});
