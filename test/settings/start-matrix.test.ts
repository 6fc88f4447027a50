import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { readConfig as readAgentConfig, readToken } from '../../agent/config.ts';
import { readConfig } from '../../hub/config.ts';
import { SettingsError, type Environment } from '../../shared/settings/settings.ts';
import { hostCommand } from '../support/host-command.ts';
import { Program } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { secretSettings, settingSources } from './documented.ts';

const folder = temporaryFolder('start-matrix');
afterAll(() => folder.remove());

const machine = { bindsLowPorts: false, stateFolder: folder.path, memoryBytes: 2 ** 33 };

/** `phlix-hub start` in this process: what it refuses, it refuses before it opens anything. */
async function start(environment: Environment): Promise<{ code: number; said: string }> {
  const usual = { HUB_DATA_DIR: folder.path, HUB_METRICS_LISTEN: 'off' };
  const { exitCode, stdout, stderr } = await hostCommand({ ...usual, ...environment })('start');
  return { code: exitCode, said: `${stdout}${stderr}` };
}

/** Of the hub or the agent, whichever has the setting. */
function problemsOf(name: string, environment: Environment): SettingsError['problems'] {
  try {
    if (name === 'PHLIX_HUB_ENROLLMENT_TOKEN') readToken(environment);
    else if (name.startsWith('PHLIX_'))
      readAgentConfig({ PHLIX_HUB_URL: 'https://hub.example.org', ...environment });
    else readConfig(environment, machine);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

let written = 0;
function file(text: string): string {
  const path = join(folder.path, `value-${(written += 1)}`);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

const everybodyKnows = [
  'default-secret-change-me',
  'changeme',
  'secret',
  'phlix',
  'test',
  'password',
  '0'.repeat(32),
  '0123456789abcdef0123456789abcdef',
  '${HUB_SECRET_KEY}',
  '<your secret>',
  'phe_...',
];

/** Where the secret is part of more. */
const inContext: Readonly<Record<string, (secret: string) => string>> = {
  HUB_DATABASE_URL: (secret) => `postgresql://hub:${encodeURIComponent(secret)}@db.example/hub`,
  HUB_SMTP_URL: (secret) => `smtp://hub:${encodeURIComponent(secret)}@mail.example.org`,
  HUB_OTLP_HEADERS: (secret) => `authorization=${secret}`,
};

describe('a secret that everybody knows is refused by the name of its variable (row E-02)', () => {
  test('and no secret of the programs is missing here', () => {
    expect(secretSettings.length).toBeGreaterThan(12);
    const declared = [...settingSources().matchAll(/^ +((?:HUB|PHLIX)_\w+): .*\bsecret\(/gm)];
    expect(secretSettings).toEqual(expect.arrayContaining(declared.map(([, name]) => name)));
  });

  test.each(secretSettings)('%s, in any case, with a line’s end, and from a file', (name) => {
    const write = inContext[name] ?? ((secret: string) => secret);
    for (const known of everybodyKnows) {
      for (const text of [known, known.toUpperCase(), `${known}\n`, ` ${known} `]) {
        const direct = problemsOf(name, { [name]: write(text) });
        expect(direct.map((problem) => problem.name)).toContain(name);
        const fromFile = problemsOf(name, { [`${name}_FILE`]: file(`${write(text)}\r\n`) });
        expect(fromFile.map((problem) => problem.name)).toContain(`${name}_FILE`);
        const words = JSON.stringify([direct, fromFile]).toLowerCase();
        // Words such as "secret" stand in the remedy too.
        const isTelling = known.length > 8 && words.includes(known.toLowerCase());
        expect([known, isTelling]).toEqual([known, false]);
      }
    }
  });

  test('by the program itself, with exit code 78', async () => {
    for (const environment of [
      { HUB_SECRET_KEY: 'default-secret-change-me-in-production' },
      { HUB_SECRET_KEY_FILE: file('DEFAULT-SECRET-CHANGE-ME-in-production\n') },
    ]) {
      const { code, said } = await start(environment);
      expect([code, said]).toEqual([78, expect.stringMatching(/HUB_SECRET_KEY(_FILE)?: expected/)]);
      expect(said.toLowerCase()).not.toContain('default-secret');
    }
  });

  test('also where the secret stands in the variable that should name its file', async () => {
    const secret = 'Zq8vR2mXk1TnWc5yLb0d3HfGj6sPaEuU';
    const { code, said } = await start({ HUB_SECRET_KEY_FILE: secret });
    expect([code, said]).toEqual([78, expect.stringContaining('HUB_SECRET_KEY_FILE: ')]);
    expect(said).not.toContain(secret);
  });

  test('and the agent refuses such a token before it asks anybody', async () => {
    const { PATH } = process.env;
    const agent = new Program({
      command: [process.execPath, join(import.meta.dirname, '../../agent/main.ts')],
      env: {
        PATH,
        PHLIX_HUB_URL: 'https://hub.example.org',
        PHLIX_HUB_ENROLLMENT_TOKEN: 'changeme',
        PHLIX_STATE_DIR: join(folder.path, 'agent'),
      },
    });
    expect(await agent.ended).toBe(78);
    expect(agent.output).toContain('PHLIX_HUB_ENROLLMENT_TOKEN');
    expect(agent.output).not.toContain('changeme');
  });
});

const strong = 'correct-horse-battery-7';

const refusals: [row: string, what: string, environment: Environment, says: RegExp][] = [
  [
    'E-01',
    'a database without a password',
    db('postgresql://hub@127.0.0.1/hub'),
    /HUB_DATABASE_URL has no password/,
  ],
  [
    'E-01',
    'a password that is too short',
    db('postgresql://hub:aB3$xY9_qw@127.0.0.1/hub'),
    /HUB_DATABASE_URL has a password of fewer than 16/,
  ],
  [
    'E-01',
    'a password everybody knows',
    db('postgresql://hub:ChangeMe@127.0.0.1/hub'),
    /HUB_DATABASE_URL: expected/,
  ],
  [
    'E-02',
    'a password everybody knows, for a database behind a socket',
    db('postgresql://hub:secret@/phlix?host=/run/postgresql'),
    /HUB_DATABASE_URL: expected/,
  ],
  ...['disable', 'allow', 'prefer', 'require', 'verify-ca', 'no-verify'].map(
    (mode): [string, string, Environment, RegExp] => [
      'E-08',
      `a distant database with sslmode=${mode}`,
      db(`postgresql://hub:${strong}@db.example.net/hub?sslmode=${mode}`),
      /HUB_DATABASE_URL asks for sslmode/,
    ],
  ),
  [
    'E-08',
    'an authority that is not there',
    db(`postgresql://hub:${strong}@192.0.2.7/hub?sslrootcert=/nonexistent.pem`),
    /HUB_DATABASE_URL cannot be used/,
  ],
  [
    'E-04',
    'a secret that is too short',
    { HUB_SECRET_KEY: 'k0v5yT8mWqZr3nXs7bLd2fGh6jPc9aE' },
    /HUB_SECRET_KEY: expected/,
  ],
  [
    'E-04',
    'no secret of its own beside a database of others',
    { ...acme(), ...db(`postgresql://hub:${strong}@127.0.0.1/hub`) },
    /HUB_SECRET_KEY: required/,
  ],
  [
    'E-05',
    'an address without TLS',
    { HUB_PUBLIC_URL: 'http://hub.example.org' },
    /HUB_PUBLIC_URL: expected/,
  ],
  [
    'E-14',
    'admins from everywhere, said as a list',
    { HUB_ADMIN_ALLOW_CIDRS: '0.0.0.0/0' },
    /HUB_ADMIN_ALLOW_CIDRS: expected/,
  ],
  [
    'E-19',
    'a list of passwords over http',
    { HUB_HIBP: 'on', HUB_HIBP_URL: 'http://mirror.example.org' },
    /HUB_HIBP_URL: expected the https/,
  ],
  [
    'E-20',
    'every address as trusted proxy',
    { HUB_TRUSTED_PROXIES: '::/0', HUB_TRUSTED_PROXIES_ALLOW_WIDE: '1' },
    /HUB_TRUSTED_PROXIES: /,
  ],
  [
    'E-20',
    'a wide network as trusted proxy',
    { HUB_TRUSTED_PROXIES: '10.0.0.0/8' },
    /HUB_TRUSTED_PROXIES: /,
  ],
  [
    'E-20',
    'bits behind the prefix',
    { HUB_TRUSTED_NETWORKS: '10.0.0.1/8' },
    /HUB_TRUSTED_NETWORKS: expected/,
  ],
  [
    'E-20',
    'an octal address',
    { HUB_ADMIN_ALLOW_CIDRS: '010.0.0.0/24' },
    /HUB_ADMIN_ALLOW_CIDRS: expected/,
  ],
  ['E-20', 'a zone', { HUB_TRUSTED_PROXIES: 'fe80::1%eth0' }, /HUB_TRUSTED_PROXIES: expected/],
];

function db(url: string): Environment {
  return { HUB_DATABASE_URL: url };
}

function acme(): Environment {
  return {
    HUB_TLS: 'acme',
    HUB_ACME_AGREE_TERMS: '1',
    HUB_PUBLIC_URL: 'https://hub.example.org',
    HUB_TENANT_DOMAIN: 'films.example.net',
  };
}

describe('a hub does not start', () => {
  test.each(refusals)('%s: with %s', async (_row, _what, environment, says) => {
    const { code, said } = await start(environment);
    expect([code, said]).toEqual([78, expect.stringMatching(says)]);
    for (const secret of [strong, 'aB3$xY9_qw', 'k0v5yT8m']) expect(said).not.toContain(secret);
  });

  test('and says all that is wrong at once', async () => {
    const { said } = await start({
      HUB_SECRET_KEY: 'changeme',
      HUB_HIBP_URL: 'http://mirror.example.org',
      HUB_TRUSTED_PROXIES: '10.1',
    });
    expect(said).toMatch(/^phlix-hub: 3 settings are wrong:\n/);
  });
});

const agent = (environment: Environment): readonly string[] =>
  problemsOf('PHLIX_HUB_URL', environment).map(({ name }) => name);

describe('an agent does not start (row E-05)', () => {
  test('with a hub that speaks no TLS, wherever it is', () => {
    expect(agent({ PHLIX_HUB_URL: 'http://hub.example.org' })).toEqual(['PHLIX_HUB_URL']);
  });

  test('without looking at the certificate of a hub elsewhere', () => {
    expect(agent({ PHLIX_TLS_ENABLED: '0' })).toEqual(['PHLIX_TLS_ENABLED']);
    const here = { PHLIX_HUB_URL: 'https://hub.localhost:8443', PHLIX_TLS_ENABLED: '0' };
    expect(agent(here)).toEqual([]);
  });

  test('and claims a name and looks at certificates unless it is told otherwise', () => {
    expect(readAgentConfig({ PHLIX_HUB_URL: 'https://hub.example.org' })).toMatchObject({
      claimsSubdomain: true,
      verifiesCertificate: true,
    });
  });
});
