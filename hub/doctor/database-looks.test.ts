import { DrizzleQueryError } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';

import { closeExamined, examinedHub } from '../../test/support/examined-hub.ts';
import { lookAtAll } from '../../shared/doctor/look.ts';
import { connectFailure } from '../db/database-error.ts';
import { sparingDatabase } from './database-looks.ts';
import { examineIdle } from './doctor.ts';

afterEach(closeExamined);

const query = 'select "secret_hash" from "tokens" where "id" = $1';
const failing = (cause: Error) => () => Promise.reject(new DrizzleQueryError(query, ['x'], cause));
const saying = (message: string, code: string) => Object.assign(new Error(message), { code });
const place = { place: 'db:5432/hub', isOwn: false };

test('a database that does not answer is told of once, and no finding quotes a query', async () => {
  const looks = sparingDatabase({
    connection: failing(connectFailure(saying('timeout expired', ''), place)),
    reading: failing(new Error('Query read timeout')),
    limit: failing(saying('canceling statement due to statement timeout', '57014')),
    refused: failing(saying('permission denied for table tokens', '42501')),
    other: () => Promise.reject(new Error('no such file')),
  });
  const found = await lookAtAll(looks, undefined);
  expect(found.map(({ check, state }) => [check, state])).toEqual([
    ['connection', 'unknown'],
    ['reading', 'unknown'],
    ['limit', 'unknown'],
    ['refused', 'failure'],
    ['other', 'failure'],
  ]);
  expect(found[0]?.message).toBe('The database does not answer, so this is not known.');
  expect(found[3]?.message).toContain('permission denied for table tokens');
  expect(JSON.stringify(found)).not.toMatch(/select|Failed query/i);
});

test('so says the doctor of a hub whose certificates lie in that database', async () => {
  const hub = await examinedHub({}, { certificates: failing(new Error('Query read timeout')) });
  const found = JSON.stringify(await examineIdle(hub));
  expect(found).toContain('The database does not answer, so this is not known.');
  expect(found).not.toMatch(/select|Failed query/i);
});
