import { existsSync } from 'node:fs';

import { expect, test } from 'vitest';

import { silent } from '../../test/support/databases.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { openDatabase } from './connect.ts';
import { sql } from './drizzle.ts';
import { examineDatabase } from './examination.ts';

test('the tables are told from those of other versions', { timeout: 60_000 }, async () => {
  const { path: dataDir } = temporaryFolder('examined');
  const settings = { url: undefined, dataDir };
  const database = await openDatabase(settings, { purpose: 'hub', log: silent });
  try {
    expect(await examineDatabase(settings)).toMatchObject({ schema: 'current', version: 18 });
    await database.queries.execute(sql`UPDATE migrations SET created_at = created_at + 1`);
    expect(await examineDatabase(settings)).toMatchObject({ schema: 'newer' });
    await database.queries.execute(sql`UPDATE migrations SET created_at = created_at - 2`);
    expect(await examineDatabase(settings)).toMatchObject({ schema: 'older' });
    await database.queries.execute(sql`DELETE FROM migrations`);
    expect(await examineDatabase(settings)).toMatchObject({ schema: 'none' });
  } finally {
    await database.close();
  }
  // It runs while its hub does.
  expect(await examineDatabase(settings)).toBeUndefined();
});

test('a server that does not answer is an error with its remedy, and a folder that is not there stays so', async () => {
  const url = 'postgresql://hub:kX9-long-enough-2f@127.0.0.1:1/hub';
  await expect(examineDatabase({ url, dataDir: '/nonexistent' })).rejects.toMatchObject({
    code: 'database.unreachable',
    message: expect.not.stringContaining('kX9'),
  });
  expect(await examineDatabase({ url: undefined, dataDir: '/nonexistent/hub' })).toBeUndefined();
  expect(existsSync('/nonexistent')).toBe(false);
});
