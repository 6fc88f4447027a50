import { describe, expect, test } from 'vitest';

import { hashPassword, isPassword } from './argon2.ts';
import { Passwords } from './passwords.ts';

const limits = { atOnce: 4, queued: 32 };
/** So that a hundred of them take no second. */
const cheap = { memoryKib: 64, passes: 1, parallelism: 1 };
const password = 'violet tractor eats seven moons';

describe('passwords', () => {
  test('are kept as Argon2id with the numbers of OWASP, each with a salt of its own', async () => {
    const passwords = new Passwords({ limits });
    const [one, two] = await Promise.all([passwords.hash(password), passwords.hash(password)]);
    expect(one).toMatch(
      /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/,
    );
    expect(two).not.toBe(one);
    expect(await passwords.check(password, one, 'stranger')).toEqual({
      isRight: true,
      isOutdated: false,
    });
    expect(await passwords.check(`${password}.`, one, 'stranger')).toEqual({
      isRight: false,
      isOutdated: false,
    });
  });

  test('are those of the reference implementation', async () => {
    // Made by argon2-cffi 25, which wraps the reference implementation in C.
    const phc =
      '$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$uL2hQzJmxaz0Tfm2KK6uNjA0+UvbrHBEBwVmJYrNXCE';
    expect(await isPassword('correct horse', phc)).toBe(true);
    expect(await isPassword('correct horsf', phc)).toBe(false);
  });

  test('that look alike to a keyboard are one', async () => {
    const passwords = new Passwords({ limits, cost: cheap });
    const phc = await passwords.hash('ﬁve cafe\u0301s by the sea');
    expect(await passwords.check('five cafés by the sea', phc, 'stranger')).toMatchObject({
      isRight: true,
    });
  });

  test('made with other numbers are right, and to be hashed again', async () => {
    const phc = await hashPassword(password, cheap);
    const passwords = new Passwords({ limits, cost: { ...cheap, passes: 2 } });
    expect(await passwords.check(password, phc, 'stranger')).toEqual({
      isRight: true,
      isOutdated: true,
    });
  });

  test('of nobody take one hash, like everybody else', async () => {
    const passwords = new Passwords({ limits, cost: cheap });
    expect(await passwords.check(password, undefined, 'stranger')).toEqual({
      isRight: false,
      isOutdated: false,
    });
    const phc = await passwords.hash(password);
    await passwords.check(password, phc, 'stranger');
    expect(passwords.hashes).toBe(3);
  });

  test('kept in no form that is known open nothing', async () => {
    const passwords = new Passwords({ limits, cost: cheap });
    for (const phc of ['', password, '$argon2id$v=19$m=64,t=1,p=1$$', '$2b$10$abc']) {
      expect(await passwords.check(password, phc, 'stranger')).toMatchObject({ isRight: false });
    }
  });

  test('are checked four at once; 32 wait, and the rest is told to come again', async () => {
    const passwords = new Passwords({ limits, cost: cheap });
    const all = await Promise.allSettled(
      Array.from({ length: 100 }, () => passwords.hash(password)),
    );
    const refused = all.flatMap((one) =>
      one.status === 'rejected' ? [one.reason as unknown] : [],
    );
    expect(refused).toHaveLength(64);
    expect(refused[0]).toMatchObject({ code: 'login.busy', retryAfterMs: 2000 });
    expect(passwords.hashes).toBe(36);
    await expect(passwords.hash(password)).resolves.toMatch(/^\$argon2id/);
  });
});
