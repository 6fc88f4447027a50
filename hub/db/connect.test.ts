import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { getTableColumns, getTableName, is, sql } from 'drizzle-orm';
import { PgTable } from 'drizzle-orm/pg-core';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { databaseKinds, silent, type TestDatabase } from '../../test/support/databases.ts';
import { hasParts } from '../../test/support/parts.ts';
import { startPostgres, type ThrowawayPostgres } from '../../test/support/postgres.ts';
import { openDatabase } from './connect.ts';
import { externalServer } from './external.ts';
import { migrate } from './migrate.ts';

const options = { purpose: 'hub', log: silent } as const;
const secret = 'correct-horse-battery';

describe.each(Object.entries(databaseKinds))('on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  beforeAll(async () => {
    opened = await openTestDatabase();
  });
  afterAll(() => opened.close());

  test('the migrations make exactly the tables that the schema names', async () => {
    const { rows } = await opened.database.queries.execute<Record<string, string>>(sql`
      SELECT table_name, column_name, udt_name, is_nullable FROM information_schema.columns
      WHERE table_schema = 'public' AND table_name <> 'migrations'`);
    const found = rows.map((row) => Object.values(row).join(' ')).toSorted();
    expect(found).toEqual(await columnsOfSchema());
  });

  test('a change while the listening connection was cut is told as "anything may have changed"', async () => {
    const { changes, queries } = opened.database;
    const heard: (string | undefined)[] = [];
    const stop = await changes.listen('test_channel', (payload) => heard.push(payload));
    await queries.execute(sql`SELECT pg_notify('test_channel', 'first')`);
    await expect.poll(() => heard).toEqual(['first']);
    await queries.execute(sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()`);
    await expect.poll(() => heard).toEqual(['first', undefined]);
    await queries.execute(sql`SELECT pg_notify('test_channel', 'second')`);
    await expect.poll(() => heard).toEqual(['first', undefined, 'second']);
    stop();
  });

  test('connections cut amid a transaction fail that transaction and nothing else', async () => {
    const { queries } = opened.database;
    const broken = queries.transaction(async (tx) => {
      const other = await opened.openAnother();
      const { rows } = await tx.execute<{ pid: number }>(sql`SELECT pg_backend_pid() AS pid`);
      const pid = rows[0]?.pid;
      await other.queries.execute(sql`SELECT pg_terminate_backend(${pid})`);
      // Between two statements: no query is under way that could take the error.
      const alive = sql`SELECT 1 FROM pg_stat_activity WHERE pid = ${pid}`;
      await expect.poll(async () => (await other.queries.execute(alive)).rows).toEqual([]);
      await other.close();
      await tx.execute(sql`SELECT 1`);
    });
    await expect(broken).rejects.toThrow('Failed query');
    expect((await queries.execute(sql`SELECT 1 AS one`)).rows).toEqual([{ one: 1 }]);
  });
});

describe.skipIf(!hasParts('postgresql'))('a PostgreSQL of its own', () => {
  let server: ThrowawayPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  test('is migrated once, however many hubs start at the same moment', async () => {
    const { connection } = externalServer(await server.createDatabase());
    await Promise.all(Array.from({ length: 5 }, () => migrate(connection)));
    const { rows } = await ask(connection, 'SELECT count(*)::int AS applied FROM migrations');
    const files = readdirSync(join(import.meta.dirname, 'migrations'));
    const written = files.filter((name) => name.endsWith('.sql')).length;
    expect(rows).toEqual([{ applied: written }]);
  });

  test('that a newer hub has changed is refused', async () => {
    const { connection } = externalServer(await server.createDatabase());
    await migrate(connection);
    await ask(connection, "INSERT INTO migrations (hash, created_at) VALUES ('x', 9999999999999)");
    await expect(migrate(connection)).rejects.toMatchObject({ code: 'database.newer' });
  });

  test('where the hub may not make tables is refused with the remedy', async () => {
    const url = await server.createDatabase();
    const { connection } = externalServer(url);
    await ask(connection, `CREATE ROLE guest_${connection.database} LOGIN`);
    const guest = url.replace('tester@', `guest_${connection.database}@`);
    await expect(open(guest)).rejects.toMatchObject({
      code: 'database.no-permission',
      message: expect.stringContaining('ALTER DATABASE'),
    });
  });

  test('without the database named in the URL is refused with the remedy', async () => {
    const url = (await server.createDatabase()).replace(/t_\w+/, 'nowhere');
    await expect(open(url)).rejects.toMatchObject({
      code: 'database.no-permission',
      message: expect.stringContaining('createdb'),
    });
  });

  test('that comes up late is waited for', async () => {
    const late = await startPostgres();
    const url = await late.createDatabase();
    await late.pause();
    const opening = openDatabase({ url, dataDir: '/nonexistent' }, options);
    await late.resume();
    const database = await opening;
    expect((await database.queries.execute(sql`SELECT 1 AS one`)).rows).toEqual([{ one: 1 }]);
    await database.close();
    await late.stop();
  });

  test('that is restarted is waited for by the next query', async () => {
    const own = await startPostgres();
    const database = await open(await own.createDatabase());
    await own.pause();
    const query = database.queries.execute(sql`SELECT 1 AS one`);
    await own.resume();
    expect((await query).rows).toEqual([{ one: 1 }]);
    await database.close();
    await own.stop();
  });
});

describe('a database', () => {
  test('that nobody runs is reported with its place and without the password', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    const opening = openDatabase(
      {
        url: `postgresql://hub:${secret}@127.0.0.1:${port}/phlix`,
        dataDir: '/',
        startPatienceMs: 0,
      },
      options,
    );
    await expect(opening).rejects.toMatchObject({
      code: 'database.unreachable',
      message: expect.stringMatching(`127.0.0.1:${port}/phlix does not answer`),
    });
    await expect(opening).rejects.not.toThrow(secret);
  });

  test('that offers no TLS although TLS was asked for is refused', async () => {
    const plain = createServer((socket) => socket.once('data', () => socket.end('N')));
    await once(plain.listen(0, '127.0.0.1'), 'listening');
    const { port } = plain.address() as AddressInfo;
    const url = `postgresql://hub:${secret}@127.0.0.1:${port}/phlix?sslmode=verify-full`;
    await expect(open(url)).rejects.toMatchObject({ code: 'database.tls-required' });
    plain.close();
  });
});

function open(url: string): ReturnType<typeof openDatabase> {
  return openDatabase({ url, dataDir: '/nonexistent', startPatienceMs: 0 }, options);
}

async function ask(connection: ConstructorParameters<typeof Client>[0], query: string) {
  const client = new Client(connection);
  await client.connect();
  try {
    return await client.query(query);
  } finally {
    await client.end();
  }
}

/** Every room has its tables in a file of its own. */
async function columnsOfSchema(): Promise<string[]> {
  const files = readdirSync(import.meta.dirname).filter((name) =>
    /^schema\.ts$|-tables\.ts$/.test(name),
  );
  const rooms: object[] = await Promise.all(
    files.map(async (name) => import(`./${name.slice(0, -3)}.ts`)),
  );
  const types: Record<string, string> = {
    'timestamp with time zone': 'timestamptz',
    boolean: 'bool',
    bigint: 'int8',
    integer: 'int4',
    'text[]': '_text',
    'bigint[]': '_int8',
    'smallint[]': '_int2',
    'real[]': '_float4',
    real: 'float4',
    'double precision': 'float8',
  };
  return rooms
    .flatMap((room): unknown[] => Object.values(room))
    .filter((table) => is(table, PgTable))
    .flatMap((table) =>
      Object.values(getTableColumns(table)).map((column) => {
        const type = column.getSQLType();
        const isNullable = column.notNull ? 'NO' : 'YES';
        return `${getTableName(table)} ${column.name} ${types[type] ?? type} ${isNullable}`;
      }),
    )
    .toSorted();
}
