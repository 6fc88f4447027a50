// The compose files as docker-compose reads them: what they refuse, what containers may not do, and that nothing secret stands in them.

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';

import { readConfig } from '../../hub/config.ts';
import { thisMachine } from '../../hub/process/machine.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const infra = fileURLToPath(new URL('../../infra', import.meta.url));

interface Service {
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly restart?: string;
  readonly stop_grace_period?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly environment?: Readonly<Record<string, string>>;
  readonly network_mode?: string;
  readonly profiles?: readonly string[];
  readonly ports?: readonly unknown[];
  readonly secrets?: readonly unknown[];
}

interface Composed {
  readonly exitCode: number;
  readonly stderr: string;
  readonly services: Readonly<Record<string, Service>>;
}

const hubNames = {
  HUB_PUBLIC_URL: 'https://hub.example.org',
  HUB_TENANT_DOMAIN: 'films.example.net',
};
const hubFile = { ...hubNames, SECRETS_DIR: './secrets' };
const agentFile = {
  PHLIX_HUB_URL: 'https://hub.example.org',
  PHLIX_HUB_ENROLLMENT_TOKEN: 'phe_left-behind',
  MEDIA_DIR: '/srv/films',
};
const ours = {
  hub: 'compose.yaml',
  agent: 'compose.agent.yaml',
  jellyfin: 'compose.jellyfin.yaml',
};

/** In a folder of its own, as somebody at home has it. */
async function compose(
  file: string,
  env: Readonly<Record<string, string>> | undefined,
  ...words: string[]
): Promise<Composed> {
  const folder = join(temporaryFolder('compose').path, 'infra');
  mkdirSync(folder);
  cpSync(join(infra, file), join(folder, file));
  const lines = Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}\n`);
  if (env !== undefined) writeFileSync(join(folder, '.env'), lines.join(''));
  const own = Object.entries(process.env).filter(([name]) => !/^(HUB|PHLIX|COMPOSE)_/.test(name));
  return new Promise((resolve) => {
    execFile(
      partPath('docker-compose'),
      ['--file', file, ...words, 'config'],
      { cwd: folder, env: Object.fromEntries(own), timeout: 60_000 },
      (error, stdout, stderr) => {
        const { services } = (parse(stdout) ?? {}) as Partial<Composed>;
        resolve({
          exitCode: error === null ? 0 : Number(error.code),
          stderr,
          services: services ?? {},
        });
      },
    );
  });
}

function seconds(text = ''): number {
  const [, minutes = '0', rest = '0'] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? [];
  return Number(minutes) * 60 + Number(rest);
}

// A second each, and ten beside other suites: it is written in Python. So few are asked, and each for all that it can tell.
vi.setConfig({ testTimeout: 90_000 });

test('what a hub cannot do without is asked for by name', () => {
  const text = readFileSync(join(infra, ours.hub), 'utf8');
  for (const name of ['HUB_PUBLIC_URL', 'HUB_TENANT_DOMAIN', 'SECRETS_DIR'])
    expect(text).toMatch(new RegExp(`\\$\\{${name}:\\?[a-z]`));
  // A default would be a name or a secret that everybody knows.
  expect(text).not.toMatch(/\$\{(HUB|SECRETS|POSTGRES_PASSWORD)[A-Z_]*:?-/);
});

describe.skipIf(!hasParts('docker-compose'))('docker-compose', () => {
  test('refuses a hub without a folder of secrets, and says so', async () => {
    const { exitCode, stderr } = await compose(ours.hub, { ...hubFile, SECRETS_DIR: '' });
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('run infra/make-secrets.sh');
  });

  test('refuses an agent without the lines of the hub', async () => {
    const { exitCode, stderr } = await compose(ours.agent, undefined);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/\.env/);
  });

  test('gives the containers of the hub nothing that they do not need', async () => {
    const { services } = await compose(ours.hub, hubFile, '--profile', 'monitoring');
    const names = ['database', 'grafana', 'hub', 'prometheus'];
    expect(Object.keys(services).sort()).toEqual(names);
    for (const [name, service] of Object.entries(services)) expectHardened(name, service);
    const { hub, database, grafana, prometheus } = services;
    // Whoever wants in there needs the socket, not a port.
    expect(database).toMatchObject({ network_mode: 'none' });
    expect(database?.ports).toBeUndefined();
    expect(JSON.stringify(grafana?.ports)).toContain('127.0.0.1');
    expect([hub, database, grafana, prometheus].map((service) => service?.profiles)).toEqual([
      undefined,
      undefined,
      ['monitoring'],
      ['monitoring'],
    ]);
    const config = readConfig(hubNames, thisMachine({}));
    // Besides the drain, twenty seconds in which the hub closes what is left (hub/cli/start.ts).
    expect(seconds(hub?.stop_grace_period) * 1000).toBeGreaterThan(config.drainTimeoutMs + 20_000);
  });

  test.each([
    { file: ours.agent, network: 'host', origin: 'http://127.0.0.1:8096' },
    { file: ours.jellyfin, network: undefined, origin: 'http://jellyfin:8096' },
  ])(
    'gives the agent of $file nothing that it does not need',
    async ({ file, network, origin }) => {
      const { services } = await compose(file, agentFile);
      const { agent = {} } = services;
      expectHardened('agent', agent);
      // Longer than PHLIX_DRAIN_TIMEOUT, 9 s.
      expect(seconds(agent.stop_grace_period)).toBeGreaterThan(9);
      expect(agent.network_mode).toBe(network);
      expect(agent.environment).toMatchObject({
        PHLIX_ORIGIN_URL: origin,
        // Left in .env all the same, it does not get there.
        PHLIX_HUB_ENROLLMENT_TOKEN: '',
        PHLIX_HUB_ENROLLMENT_TOKEN_FILE: '/run/secrets/enrollment-token',
      });
      expect(JSON.stringify(agent.secrets)).toContain('enrollment-token');
    },
  );
});

function expectHardened(name: string, service: Service): void {
  expect({ name, ...service }).toMatchObject({
    name,
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    restart: 'unless-stopped',
  });
  expect(service.tmpfs?.[0]).toContain('/tmp');
  expect(service.healthcheck?.test[0]).toBe('CMD');
  expect(seconds(service.stop_grace_period)).toBeGreaterThan(10);
  const secrets = Object.entries(service.environment ?? {}).filter(([key]) =>
    /PASSWORD|SECRET_KEY|DATABASE_URL/.test(key),
  );
  for (const [key] of secrets) expect(key).toMatch(/_FILE$/);
}

describe('make-secrets.sh', () => {
  const folder = temporaryFolder('secrets').path;

  async function make(script = join(infra, 'make-secrets.sh'), words = [folder]): Promise<string> {
    return new Promise((resolve, reject) => {
      execFile('sh', [script, ...words], (error, stdout) =>
        error === null ? resolve(stdout) : reject(error),
      );
    });
  }

  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const names = ['database-password', 'secret-key', 'grafana-password', 'database-url'];

  test('makes secrets that the hub takes, each another one, and none that others may read', async () => {
    await make();
    const [password = '', key = '', grafana = '', url = ''] = names.map(read);
    expect(new Set([password, key, grafana]).size).toBe(3);
    for (const secret of [password, key, grafana]) expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(url).toBe(`postgresql://phlix_hub:${password}@/phlix_hub?host=/run/postgresql`);
    const environment = { ...hubNames, HUB_DATABASE_URL: url, HUB_SECRET_KEY: key };
    expect(() => readConfig(environment, thisMachine({}))).not.toThrow();
    const isRoot = process.getuid?.() === 0;
    for (const name of names) {
      expect((isRoot ? statSync(join(folder, name)).mode : statSync(folder).mode) & 0o007).toBe(
        isRoot ? 0 : 0,
      );
    }
  });

  test('makes none anew that is there', async () => {
    const before = names.map(read);
    expect(await make()).not.toContain(': made');
    expect(names.map(read)).toEqual(before);
  });

  test.each([
    'SECRETS_DIR=./sec',
    'SECRETS_DIR="./sec"',
    "SECRETS_DIR='./sec'",
    ' SECRETS_DIR = "./sec" # in the backup',
    'SECRETS_DIR=./sec # in the backup',
    'SECRETS_DIR=./other\nSECRETS_DIR=./sec\r',
  ])('finds its folder in %j', async (line) => {
    const place = temporaryFolder('secrets').path;
    cpSync(join(infra, 'make-secrets.sh'), join(place, 'make-secrets.sh'));
    writeFileSync(join(place, '.env'), `# SECRETS_DIR=./none\n${line}\nHUB_TLS=acme\n`);
    await make(join(place, 'make-secrets.sh'), []);
    expect(readdirSync(place).sort()).toEqual(['.env', 'make-secrets.sh', 'sec']);
  });
});
