import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { externalServer } from './external.ts';

const secret = 'correct-horse-battery';
const folder = temporaryFolder('ca');
const caFile = join(folder.path, 'ca.pem');
writeFileSync(caFile, 'the certificate');
afterAll(() => folder.remove());

describe('HUB_DATABASE_URL', () => {
  test.each([
    [
      `postgresql://hub:${secret}@db.example.net/phlix`,
      { host: 'db.example.net', port: 5432, database: 'phlix', user: 'hub', password: secret },
      'db.example.net:5432/phlix',
    ],
    [
      `postgres://hub:p%40ss%2Fword-of-some-length@127.0.0.1:5433/phlix`,
      { host: '127.0.0.1', port: 5433, password: 'p@ss/word-of-some-length' },
      '127.0.0.1:5433/phlix',
    ],
    [`postgresql://hub:${secret}@[::1]/phlix`, { host: '::1' }, '::1:5432/phlix'],
    [
      'postgresql://hub@/phlix?host=/run/postgresql',
      { host: '/run/postgresql', user: 'hub' },
      '/run/postgresql/phlix',
    ],
    [
      'postgresql://hub@%2Frun%2Fpostgresql/phlix',
      { host: '/run/postgresql', user: 'hub' },
      '/run/postgresql/phlix',
    ],
  ])('%s is understood', (url, connection, place) => {
    const server = externalServer(url);
    expect(server.connection).toMatchObject(connection);
    expect(server.place).toBe(place);
    expect(server.place).not.toContain(secret);
  });

  test.each([
    'nonsense',
    'mysql://hub:x@h/d',
    `postgresql://hub:${secret}@db.example.net/`,
    `postgresql://:${secret}@db.example.net/phlix`,
    'postgresql:///phlix',
    `postgresql://hub:${secret}@localhost/phlix?sslmod=disable`,
    `postgresql://hub:${secret}@localhost/phlix?sslmode=sometimes`,
    `postgresql://hub:%zz@localhost/phlix`,
    `postgresql://hub:${secret}@db.example.net/phlix?sslrootcert=/nonexistent.pem`,
  ])('%s is refused without repeating its secret', (url) => {
    expect(() => externalServer(url)).toThrow(
      expect.objectContaining({
        code: 'database.bad-url',
        message: expect.not.stringContaining(secret),
      }),
    );
  });

  test.each(['postgresql://hub@localhost/phlix', 'postgresql://hub:short@127.0.0.1/phlix'])(
    '%s is refused for its password',
    (url) => {
      expect(() => externalServer(url)).toThrow(
        expect.objectContaining({ code: 'database.weak-password' }),
      );
    },
  );

  test.each(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'no-verify'])(
    'to another machine with sslmode=%s is refused',
    (mode) => {
      const url = `postgresql://hub:${secret}@db.example.net/phlix?sslmode=${mode}`;
      expect(() => externalServer(url)).toThrow(
        expect.objectContaining({ code: 'database.tls-required' }),
      );
    },
  );

  test('to another machine verifies its certificate, without being asked to', () => {
    const verified = { rejectUnauthorized: true, servername: 'db.example.net' };
    expect(sslOf('db.example.net', '')).toEqual(verified);
    expect(sslOf('db.example.net', '?sslmode=verify-full')).toEqual(verified);
    expect(sslOf('db.example.net', `?sslrootcert=${caFile}`)).toEqual({
      ...verified,
      ca: 'the certificate',
    });
  });

  test('on this machine uses TLS only if asked to', () => {
    expect(sslOf('localhost', '')).toBeUndefined();
    expect(sslOf('localhost', '?sslmode=disable')).toBeUndefined();
    expect(sslOf('localhost', '?sslmode=verify-full')).toMatchObject({ rejectUnauthorized: true });
  });
});

function sslOf(host: string, options: string): unknown {
  return externalServer(`postgresql://hub:${secret}@${host}/phlix${options}`).connection.ssl;
}
