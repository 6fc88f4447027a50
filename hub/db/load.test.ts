import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { DatabaseDump, LoadOptions } from '../backup/database-dump.ts';
import type { Manifest } from '../backup/manifest.ts';
import { chosenCases } from '../../test/support/long-form.ts';
import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { type Database, dumpOf } from './connect.ts';
import { listTables } from './dump.ts';
import { openLoad, requireEmpty } from './load.ts';
import { withClient } from './marks.ts';
import { applyMigrations } from './migrate.ts';
import { namesMadeBy, readMigrations } from './migration-files.ts';

const server = '01990000-0000-7000-8000-000000000001';
const other = '01990000-0000-7000-8000-000000000002';
const account = '01990000-0000-7000-8000-00000000000a';
const known = readMigrations();

/** Every awkward kind of value: tabs, line feeds, backslashes, bytes, arrays, nulls, numbers with all digits. */
const world = `
  INSERT INTO servers (id, owner_id, name, created_at, lifted) VALUES
    ('${server}', 'operator', E'Fi\\tl\\nms \\\\N ü', '2026-11-22 03:30:00.123456+00', '{"a,b","c\\"d"}'),
    ('${other}', 'operator', 'Second', now(), '{}');
  INSERT INTO labels (label, owner_id, server_id, state, claimed_at)
    VALUES ('films', 'operator', '${server}', 'active', now());
  INSERT INTO agents (agent_id, public_key, server_id, created_at)
    VALUES ('first', decode(repeat('00ff', 16), 'hex'), '${server}', now());
  INSERT INTO enrolment_tokens (id, secret_hash, owner_id, created_at, expires_at)
    VALUES ('open', decode(repeat('ab', 32), 'hex'), 'operator', now(), now() + interval '1 day');
  INSERT INTO accounts (id, owner_id, username, key, role, state, created_at)
    VALUES ('${account}', 'operator', 'Ann', 'ann', 'admin', 'active', now());
  INSERT INTO logins (id, account_id, secret_hash, methods, created_at, seen_at, software)
    VALUES ('${server}', '${account}', 'x', '{password}', now(), now(), 'Firefox');
  INSERT INTO whereabouts VALUES ('${account}', 52.520006599999995, 13.404953999999975, 0.1, now());
  SELECT setval('link_epoch', 41)`;

describe.each(Object.entries(databaseKinds))('on %s', (_kind, open) => {
  let opened: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    opened = await open();
    database = opened.database;
  });
  afterAll(async () => opened?.close());

  beforeEach(async () => {
    await withClient(database.connection, async (client) => {
      for (const { name } of (await listTables(client, namesMadeBy(known).tables)).toReversed())
        await client.query(`DELETE FROM ${name}`);
    });
    await ask(`INSERT INTO owners (id) VALUES ('operator')`);
    await ask(world);
  });

  async function ask<Row extends object>(query: string): Promise<Row[]> {
    return withClient(database.connection, async (client) => {
      const { rows } = await client.query<Row>(query);
      return rows;
    });
  }

  /** What a backup would hold now. */
  async function taken(): Promise<{ manifest: Manifest; rows: Map<string, string> }> {
    const dump = await dumpOf(database.connection);
    try {
      const rows = new Map<string, string>();
      for (const { name } of dump.tables) rows.set(name, await text(dump.copyOut(name)));
      return { manifest: manifestOf(dump, rows), rows };
    } finally {
      await dump.close();
    }
  }

  async function load(
    { manifest, rows }: Awaited<ReturnType<typeof taken>>,
    options: Partial<LoadOptions> = {},
  ): Promise<void> {
    const loading = await openLoad(database.connection, {
      manifest,
      id: 'x',
      isForward: true,
      ...options,
    });
    try {
      for (const [name, lines] of rows) {
        // In pieces that end in the middle of rows.
        for (let at = 0; at < lines.length; at += 50)
          await loading.write(name, Buffer.from(lines.slice(at, at + 50), 'latin1'));
      }
      await loading.commit();
    } catch (error) {
      await loading.abandon();
      throw error;
    }
  }

  async function latin(): Promise<Awaited<ReturnType<typeof taken>>> {
    const { manifest, rows } = await taken();
    const bytes = [...rows].map(([name, lines]): [string, string] => [
      name,
      Buffer.from(lines).toString('latin1'),
    ]);
    return { manifest, rows: new Map(bytes) };
  }

  test('what was dumped is there again, to the last digit', async () => {
    const before = await latin();
    await load(before, { isMove: true });
    const after = await latin();
    expect(after.rows).toEqual(before.rows);
    expect(after.manifest.sequences).toEqual(before.manifest.sequences);
  });

  test('a dump is of one moment, whatever is written meanwhile', async () => {
    const dump = await dumpOf(database.connection);
    await ask(`DELETE FROM logins`);
    expect(await text(dump.copyOut('logins'))).toContain('Firefox');
    await dump.close();
  });

  test('a dump that is given up in the middle of a table ends nothing but itself', async () => {
    await ask(
      `INSERT INTO told_notices SELECT repeat('x', 1000) || i, now() FROM generate_series(1, 20000) i`,
    );
    const dump = await dumpOf(database.connection);
    for await (const piece of dump.copyOut('told_notices')) {
      expect(piece).toBeInstanceOf(Buffer);
      break;
    }
    await dump.close();
    await expect(ask(`SELECT 1 AS one`)).resolves.toEqual([{ one: 1 }]);
  });

  test('what was revoked since stays revoked, and a key that took the place of another keeps it', async () => {
    await ask(`INSERT INTO access_tokens (id, kind, account_id, secret_hash, name, scopes, created_at, expires_at)
      VALUES ('tokenold', 'personal', '${account}', 'x', 'tv', '{}', now(), now() + interval '1 day')`);
    const backup = await latin();
    await ask(`UPDATE servers SET revoked_at = now() WHERE id = '${other}';
      UPDATE agents SET revoked_at = now();
      DELETE FROM access_tokens;
      INSERT INTO agents (agent_id, public_key, server_id, created_at)
        VALUES ('second', decode(repeat('11', 32), 'hex'), '${server}', now())`);
    await load(backup);
    expect(
      await ask(`SELECT agent_id, revoked_at IS NULL AS lives FROM agents ORDER BY agent_id`),
    ).toEqual([
      { agent_id: 'first', lives: false },
      { agent_id: 'second', lives: true },
    ]);
    expect(await ask(`SELECT name FROM servers WHERE revoked_at IS NULL`)).toHaveLength(1);
    expect(await ask(`SELECT FROM access_tokens`)).toEqual([]);
    const [found] = await ask<Record<string, unknown>>(`
      SELECT (SELECT count(*)::int FROM logins) AS logins,
        (SELECT count(*)::int FROM accounts) AS accounts,
        (SELECT expires_at <= now() FROM enrolment_tokens) AS over,
        (SELECT last_value > 1000000000 FROM link_epoch) AS ahead`);
    expect(found, 'logins and open tokens end, links are counted on from far ahead').toEqual({
      logins: 0,
      accounts: 1,
      over: true,
      ahead: true,
    });
  });

  test('what was suspended, banned or given away since stays closed', async () => {
    await ask(`INSERT INTO agents (agent_id, public_key, server_id, created_at)
      VALUES ('others', decode(repeat('22', 32), 'hex'), '${other}', now())`);
    const backup = await latin();
    await ask(`UPDATE servers SET suspended_at = now(), suspension_reason = 'abuse' WHERE id = '${server}';
      UPDATE accounts SET state = 'suspended';
      INSERT INTO owners (id) VALUES ('new');
      UPDATE servers SET owner_id = 'new' WHERE id = '${other}';
      INSERT INTO bans (id, network, origin, reason, banned_by, created_at) VALUES
        ('${server}', '192.0.2.0/24', 'operator', 'abuse', 'ann', now())`);
    await load(backup);
    expect(await ask(`SELECT name FROM servers WHERE suspension_reason = 'abuse'`)).toHaveLength(1);
    expect(await ask('SELECT state FROM accounts')).toEqual([{ state: 'suspended' }]);
    expect(await ask('SELECT network FROM bans')).toEqual([{ network: '192.0.2.0/24' }]);
    expect(
      await ask(`SELECT agent_id FROM agents WHERE revoked_at IS NULL`),
      'neither owner’s agent speaks for the other',
    ).toEqual([{ agent_id: 'first' }]);
  });

  test('one that is abandoned, or whose rows do not fit, leaves everything as it was', async () => {
    const before = await latin();
    const broken = new Map(before.rows).set('servers', 'nonsense\n');
    await expect(load({ ...before, rows: broken })).rejects.toMatchObject({
      code: 'backup.damaged',
      message: expect.stringContaining('servers'),
    });
    const short = new Map(before.rows).set('labels', '');
    await expect(load({ ...before, rows: short })).rejects.toMatchObject({
      code: 'backup.damaged',
    });
    const loading = await openLoad(database.connection, {
      manifest: before.manifest,
      id: 'x',
      isForward: true,
    });
    await loading.write('owners', Buffer.from('operator\t'));
    await loading.abandon();
    expect((await latin()).rows).toEqual(before.rows);
  });

  test('a place that holds a hub is not empty', async () => {
    await withClient(database.connection, async (client) => {
      await expect(requireEmpty(client, 'here')).rejects.toMatchObject({
        code: 'database.not-empty',
      });
    });
  });

  test('is refused while a hub lives', async () => {
    await withClient(database.connection, async (client) => {
      await client.query('SELECT pg_advisory_lock(7867, 1)');
      await expect(load(await latin())).rejects.toMatchObject({ code: 'database.in-use' });
    });
  });

  test.each(chosenCases([String(known.length - 1), '7', '1'], ['7']).map(Number))(
    'a dump of %i migrations is brought forward, or stays as it is for the version that made it',
    async (count) => {
      const then = known.slice(0, count);
      await ask('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
      await withClient(database.connection, async (client) => applyMigrations(client, then));
      await ask(
        world
          .replace(/, lifted\)/, ')')
          .replace(/, '\{.*?\}'\)/g, ')')
          .replace(/INSERT INTO whereabouts.*\n/, ''),
      );
      const old = await latin();
      await load(old, { isForward: false });
      expect((await latin()).manifest.migrations).toHaveLength(count);
      await load(old);
      expect((await latin()).manifest.migrations).toHaveLength(known.length);
      expect(await ask('SELECT http2 FROM servers')).toEqual([{ http2: true }, { http2: true }]);
    },
  );

  test('one with migrations that nobody knows names the version that made it', async () => {
    const { manifest, rows } = await latin();
    const migrations = [...manifest.migrations, { at: 9_000_000_000_000, hash: '' }];
    await expect(load({ manifest: { ...manifest, migrations }, rows })).rejects.toMatchObject({
      code: 'backup.newer',
    });
  });

  test('a sequence of somebody else is never set', async () => {
    await ask('CREATE SEQUENCE invoices');
    const { manifest, rows } = await latin();
    const sequences = [...manifest.sequences, { name: 'invoices', value: '9', is_called: true }];
    await expect(load({ manifest: { ...manifest, sequences }, rows })).rejects.toMatchObject({
      code: 'backup.damaged',
    });
    expect(await ask('SELECT last_value::int AS value FROM invoices')).toEqual([{ value: 1 }]);
    await ask('DROP SEQUENCE invoices');
  });

  test('names that are no tables of ours are refused, whatever they are', async () => {
    const { manifest, rows } = await latin();
    const stranger = {
      name: 'pg_authid',
      columns: ['rolname'],
      rows: 0,
      bytes: 0,
      parts: 0,
      sha256: '',
    };
    const tables = [...manifest.tables, stranger];
    await expect(load({ manifest: { ...manifest, tables }, rows })).rejects.toMatchObject({
      code: 'backup.damaged',
    });
  });
});

function manifestOf(dump: DatabaseDump, rows: ReadonlyMap<string, string>): Manifest {
  const tables = dump.tables.map(({ name, columns }) => {
    const lines = rows.get(name) ?? '';
    const sha256 = createHash('sha256').update(lines).digest('hex');
    const bytes = Buffer.byteLength(lines);
    return {
      name,
      columns: [...columns],
      rows: lines.split('\n').length - 1,
      bytes,
      parts: 1,
      sha256,
    };
  });
  return {
    program: 'phlix-hub',
    format: 1,
    version: '0.1.0',
    made_at: new Date(),
    reason: 'hand',
    hub_host: 'hub.example.org',
    postgres: dump.postgres,
    migrations: [...dump.migrations],
    tables,
    sequences: dump.sequences.map(({ name, value, isCalled }) => ({
      name,
      value,
      is_called: isCalled,
    })),
    files: [],
    settings: [],
  };
}
