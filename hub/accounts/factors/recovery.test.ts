import { randomUUID } from 'node:crypto';

import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import {
  doer,
  openFactorRooms,
  testKeyRing,
  testSecret,
  Told,
  type FactorRooms,
} from '../../../test/support/factors.ts';
import { recoveryCodes } from '../../db/factor-tables.ts';
import { PostgresSealedSecretStore } from '../../db/factors/sealed-secret-store.ts';
import { Pepper } from './pepper.ts';
import { RecoveryCodes, type RecoveryStore } from './recovery.ts';
import { newRecoveryCode, requireRecoveryCode } from './recovery-code.ts';

test('a code is twelve symbols that nobody mistakes, and every symbol comes', () => {
  const codes = Array.from({ length: 500 }, newRecoveryCode);
  for (const code of codes)
    expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}$/);
  expect(new Set(codes.join('').replaceAll('-', '')).size).toBe(32);
});

test.each([
  ['as printed', '10VA-BCDE-FGH1', '10VABCDEFGH1'],
  ['in lower case', '10va-bcde-fgh1', '10VABCDEFGH1'],
  ['without dashes', '10VABCDEFGH1', '10VABCDEFGH1'],
  ['with spaces', ' 10VA BCDE  FGH1 ', '10VABCDEFGH1'],
  ['with the letters that look like others', 'IoUA-bcde-fghl', '10VABCDEFGH1'],
])('a code is read %s', (_how, typed, spelled) => {
  expect(requireRecoveryCode(typed)).toBe(spelled);
});

test.each([
  '',
  '10VA-BCDE-FGH',
  '10VA-BCDE-FGH11',
  '10VA_BCDE_FGH1',
  '１0VA-BCDE-FGH1',
  'ı0va-bcde-fgh1',
  'A'.repeat(1e6),
])('what is no code is malformed (%#)', (typed) => {
  expect(() => requireRecoveryCode(typed)).toThrow(
    expect.objectContaining({ code: 'mfa.malformed' }),
  );
});

test('the first code and the last cost the same: one HMAC, one look-up', async () => {
  const asked: string[] = [];
  const macs = new Set<string>();
  const store: RecoveryStore = {
    left: async () => 9,
    replace: async (_account, replaced) => {
      for (const mac of replaced) macs.add(mac.toString('hex'));
    },
    use: async (_account, mac) => {
      asked.push('use');
      return macs.delete(mac.toString('hex'));
    },
  };
  const pepper = {
    mac: async (text: string) => {
      asked.push('mac');
      return Buffer.from(text);
    },
  };
  const recovery = new RecoveryCodes({ store, pepper, news: new Told().news });
  const codes = await recovery.regenerate('an account', doer);
  for (const code of [codes[0] ?? '', codes[9] ?? '', newRecoveryCode()]) {
    asked.length = 0;
    await recovery.use('an account', code);
    expect(asked).toEqual(['mac', 'use']);
  }
});

describe.each(Object.entries(databaseKinds))('recovery codes on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let told: Told;
  let rooms: FactorRooms;
  let robin: string;

  beforeAll(async () => {
    opened = await openTestDatabase();
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    told = new Told();
    robin = randomUUID();
    rooms = await openFactorRooms(opened.database, { told });
  });

  test('are ten, each of use once', async () => {
    const codes = await rooms.recovery.regenerate(robin, doer);
    expect(new Set(codes).size).toBe(10);
    for (const [index, code] of codes.entries()) {
      expect(await rooms.recovery.use(robin, code.toLowerCase().replaceAll('-', ''))).toBe(true);
      expect(await rooms.recovery.use(robin, code)).toBe(false);
      expect(await rooms.recovery.left(robin)).toBe(9 - index);
    }
    expect(told.kinds.filter((kind) => kind === 'recovery.used')).toHaveLength(10);
    expect(told.notices.filter(({ kind }) => kind === 'recovery.low')).toMatchObject(
      [3, 2, 1, 0].map((left) => ({ facts: { left } })),
    );
    expect(told.noted.filter(({ event }) => event === 'mfa.recovery-used')).toHaveLength(10);
  });

  test('of one code fifty times at once, at two processes, one counts', async () => {
    const [code = ''] = await rooms.recovery.regenerate(robin, doer);
    const second = await opened.openAnother();
    const other = await openFactorRooms(second);
    const tries = Array.from({ length: 50 }, async (_, index) =>
      (index % 2 === 0 ? rooms : other).recovery.use(robin, code),
    );
    expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1);
    await second.close();
  });

  test('are void once new ones are made, and a code of another account is none', async () => {
    const [former = ''] = await rooms.recovery.regenerate(robin, doer);
    await rooms.recovery.regenerate(robin, doer);
    expect(await rooms.recovery.use(robin, former)).toBe(false);
    const [other = ''] = await rooms.recovery.regenerate(randomUUID(), doer);
    expect(await rooms.recovery.use(robin, other)).toBe(false);
    expect(await rooms.recovery.left(robin)).toBe(10);
  });

  test('two processes that begin at once share one pepper', async () => {
    await opened.database.queries.execute(sql`DELETE FROM sealed_secrets`);
    const second = await opened.openAnother();
    const both = [await openFactorRooms(opened.database), await openFactorRooms(second)] as const;
    const jay = randomUUID();
    const [ofRobin, ofJay] = await Promise.all([
      both[0].recovery.regenerate(robin, doer),
      both[1].recovery.regenerate(jay, doer),
    ]);
    expect(await both[1].recovery.use(robin, ofRobin[0] ?? '')).toBe(true);
    expect(await both[0].recovery.use(jay, ofJay[0] ?? '')).toBe(true);
    await second.close();
  });

  test("a code's row copied to another account opens nothing there, and no row holds a code", async () => {
    const mallory = randomUUID();
    const [code = ''] = await rooms.recovery.regenerate(mallory, doer);
    await opened.database.queries.execute(sql`
      UPDATE recovery_codes SET account_id = ${robin} WHERE account_id = ${mallory}`);
    expect(await rooms.recovery.use(robin, code)).toBe(false);
    const rows = await opened.database.queries.select().from(recoveryCodes);
    expect(JSON.stringify(rows)).not.toContain(code);
  });

  test('without the secret that opens the pepper fail closed, are heard of, and none are made', async () => {
    const [code = ''] = await rooms.recovery.regenerate(robin, doer);
    const sealing = await testKeyRing('quite another secret, of 32 characters or more');
    const lost = await openFactorRooms(opened.database, { told, sealing });
    expect(await lost.recovery.use(robin, code)).toBe(false);
    expect(told.kinds.at(-1)).toBe('factor.unreadable');
    await expect(lost.recovery.regenerate(robin, doer)).rejects.toMatchObject({
      code: 'mfa.sealed',
    });
    expect(await rooms.recovery.use(robin, code)).toBe(true);
  });

  test('keep a hub from starting whose secret does not open their key, and are sealed anew by its next one', async () => {
    await rooms.recovery.regenerate(robin, doer);
    const store = new PostgresSealedSecretStore(opened.database);
    const next = 'quite another secret, of 32 characters or more';
    const verify = async (...secrets: string[]): Promise<void> =>
      new Pepper({ store, sealing: await testKeyRing(...secrets) }).verify();
    await expect(verify(next)).rejects.toMatchObject({ code: 'certificate.sealed' });
    await verify(next, testSecret);
    await verify(next);
    await expect(verify(testSecret)).rejects.toMatchObject({ code: 'certificate.sealed' });
    await verify(testSecret, next);
  });

  test('prove nothing beside no factor at all', async () => {
    const [code = ''] = await rooms.recovery.regenerate(robin, doer);
    expect(await rooms.factors.methodsOf(robin)).toEqual([]);
    expect(await rooms.factors.check(robin, { method: 'recovery', code }, 'a login')).toBe(false);
    expect(await rooms.recovery.left(robin)).toBe(10);
  });
});
