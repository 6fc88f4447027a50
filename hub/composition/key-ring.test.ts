import { randomUUID } from 'node:crypto';
import { chmod, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { sql } from 'drizzle-orm';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { doer, openFactorRooms, Told } from '../../test/support/factors.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { PostgresSealedRows, sealedColumns } from '../db/sealed-rows.ts';
import { openKeyRing, rotateKeys, type Rotation } from './key-ring.ts';
import { Secret } from '../../shared/settings/secret.ts';

const firstSecret = 'the first secret, of 32 characters or more';
const secondSecret = 'the second secret, of 32 characters or more';

const resealed = ({ kinds }: Rotation): Record<string, number> =>
  Object.fromEntries(
    kinds.filter((kind) => kind.resealed > 0).map((kind) => [kind.what, kind.resealed]),
  );
const nowSeconds = (): number => Math.floor(Date.now() / 1000);

const enrol = async (rooms: Awaited<ReturnType<typeof openFactorRooms>>) => {
  const id = randomUUID();
  const { secret } = await rooms.totp.start({ id, username: 'robin' });
  // A step ago, so that the next code is fresh at once.
  await rooms.totp.confirm(id, generateSync({ secret, epoch: nowSeconds() - 30 }), doer);
  return { id, secret };
};
const opens = async (
  rooms: Awaited<ReturnType<typeof openFactorRooms>>,
  { id, secret }: { id: string; secret: string },
): Promise<boolean> => rooms.totp.check(id, generateSync({ secret, epoch: nowSeconds() }));

/** Root reads whatever it likes: for the time of `work` the process is nobody. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return work();
  process.seteuid?.('nobody');
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

describe.each(Object.entries(databaseKinds))('what is sealed on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let sealed: PostgresSealedRows;
  let dataDir: string;

  beforeAll(async () => {
    opened = await openTestDatabase();
    sealed = new PostgresSealedRows(opened.database);
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    dataDir = temporaryFolder('key-ring').path;
    for (const { table } of sealedColumns) {
      await opened.database.queries.execute(sql`DELETE FROM ${sql.identifier(table)}`);
    }
  });

  const ringOf = async (...secrets: string[]) =>
    openKeyRing(
      {
        dataDir,
        secretKeys: secrets.length === 0 ? undefined : secrets.map((secret) => new Secret(secret)),
      },
      { sealed },
    );
  test('is all in the list: no column is forgotten', async () => {
    const { rows } = await opened.database.queries.execute<{ name: string }>(sql`
      SELECT table_name || '.' || column_name AS name FROM information_schema.columns
      WHERE table_schema = 'public' AND udt_name = 'bytea' AND column_name LIKE 'sealed%'`);
    const listed = sealedColumns.map(({ table, column }) => `${table}.${column}`);
    expect(rows.map(({ name }) => name).toSorted()).toEqual(listed.toSorted());
  });

  test('is sealed anew by another HUB_SECRET_KEY, after which the former can go', async () => {
    const before = await openFactorRooms(opened.database, { sealing: await ringOf(firstSecret) });
    const robin = await enrol(before);
    const [code = ''] = await before.recovery.regenerate(robin.id, doer);
    const rotation = await rotateKeys(await ringOf(secondSecret, firstSecret), { sealed });
    expect(rotation.hasNewSecret).toBe(false);
    expect(resealed(rotation)).toEqual({
      'authenticator apps': 1,
      'secrets of the hub itself': 1,
    });
    const after = await openFactorRooms(opened.database, { sealing: await ringOf(secondSecret) });
    expect(await opens(after, robin)).toBe(true);
    expect(await after.recovery.use(robin.id, code)).toBe(true);
    const again = await rotateKeys(await ringOf(secondSecret, firstSecret), { sealed });
    expect(resealed(again)).toEqual({});
  });

  test('that nothing opens is counted and left as it is', async () => {
    const before = await openFactorRooms(opened.database, { sealing: await ringOf(firstSecret) });
    const robin = await enrol(before);
    const { kinds } = await rotateKeys(await ringOf(secondSecret), { sealed });
    expect(kinds.find(({ what }) => what === 'authenticator apps')).toMatchObject({
      resealed: 0,
      closed: 1,
    });
    expect(await opens(before, robin)).toBe(true);
  });

  test('with the file gets a new secret in front, which a running hub notices by itself', async () => {
    const running = await ringOf();
    const rooms = await openFactorRooms(opened.database, { sealing: running });
    const robin = await enrol(rooms);
    const file = join(dataDir, 'sealing.key');
    const former = (await readFile(file, 'utf8')).trim();
    const rotation = await rotateKeys(await ringOf(), { sealed });
    expect(rotation.hasNewSecret).toBe(true);
    expect((await readFile(file, 'utf8')).trim()).toMatch(new RegExp(`^[\\w-]{43},${former}$`));
    expect(await opens(rooms, robin)).toBe(true);
    const jay = await enrol(rooms);
    // Sealed by the running hub with the new secret: the former can be taken away.
    await rotateKeys(await ringOf(), { sealed });
    expect((await readFile(file, 'utf8')).trim()).not.toContain(former);
    expect(
      await opens(await openFactorRooms(opened.database, { sealing: await ringOf() }), jay),
    ).toBe(true);
  });

  test(
    'goes on under load: whoever signs in, enrols or recovers meanwhile succeeds',
    { timeout: 60_000 },
    async () => {
      const told = new Told();
      const second = await opened.openAnother();
      // Two hubs, which both have both secrets, and which seal with the former.
      const hubs = await Promise.all(
        [opened.database, second].map(async (database) =>
          openFactorRooms(database, { told, sealing: await ringOf(firstSecret, secondSecret) }),
        ),
      );
      const [one, two] = hubs;
      if (one === undefined || two === undefined) throw new Error('two hubs');
      const people = [];
      for (let count = 0; count < 40; count++) people.push(await enrol(count % 2 ? one : two));
      const rotating = new AbortController();
      let served = 0;
      const load = async (hub: typeof one): Promise<void> => {
        while (!rotating.signal.aborted) {
          const person = await enrol(hub);
          expect(await opens(hub, person)).toBe(true);
          const [code = ''] = await hub.recovery.regenerate(person.id, doer);
          expect(await hub.recovery.use(person.id, code)).toBe(true);
          served += 1;
        }
      };
      const loads = [load(one), load(two)];
      try {
        for (const secrets of [
          [secondSecret, firstSecret],
          [firstSecret, secondSecret],
          [secondSecret, firstSecret],
        ]) {
          await rotateKeys(await ringOf(...secrets), { sealed });
        }
      } finally {
        rotating.abort();
        await Promise.all(loads);
      }
      expect(served).toBeGreaterThan(0);
      expect(told.kinds).not.toContain('factor.unreadable');
      for (const person of people) expect(await opens(one, person)).toBe(true);
      await rotateKeys(await ringOf(secondSecret, firstSecret), { sealed });
      const kept = await openFactorRooms(second, { sealing: await ringOf(secondSecret) });
      const last = await enrol(kept);
      expect(await opens(kept, last)).toBe(true);
      await second.close();
    },
  );

  test('is rotated by one at a time', async () => {
    const ring = await ringOf(firstSecret);
    await sealed.alone(async () => {
      await expect(rotateKeys(ring, { sealed })).rejects.toMatchObject({ code: 'database.in-use' });
    });
    await rotateKeys(ring, { sealed });
  });

  describe('keeps a hub from starting', () => {
    beforeEach(async () => {
      await enrol(await openFactorRooms(opened.database, { sealing: await ringOf() }));
    });

    test('where the file is missing, and none is made', async () => {
      await rm(join(dataDir, 'sealing.key'));
      await expect(ringOf()).rejects.toMatchObject({ code: 'certificate.sealed' });
      await expect(readFile(join(dataDir, 'sealing.key'))).rejects.toThrow('ENOENT');
    });

    test('where the file is truncated, in the middle or behind a comma', async () => {
      const file = join(dataDir, 'sealing.key');
      await truncate(file, 20);
      await expect(ringOf()).rejects.toMatchObject({ code: 'certificate.unreadable' });
      await writeFile(file, `${'a'.repeat(43)},`);
      await expect(ringOf()).rejects.toMatchObject({ code: 'certificate.unreadable' });
    });

    test('where the file cannot be read', async () => {
      const file = join(dataDir, 'sealing.key');
      await chmod(dataDir, 0o755);
      await chmod(file, 0o000);
      await asNobody(async () => {
        await expect(readFile(file)).rejects.toThrow('EACCES');
        await expect(ringOf()).rejects.toMatchObject({ code: 'certificate.unreadable' });
      });
    });
  });
});
