import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { readConfig as readAgentConfig } from '../../../agent/config.ts';
import { readConfig as readHubConfig } from '../../../hub/config.ts';
import { SettingsError } from '../../../shared/settings/settings.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const sources = globSync('{shared,hub,agent}/**/*.ts', { cwd: root })
  .filter((path) => !path.endsWith('.test.ts'))
  .map((path) => ({ path, text: read(path) }));

interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
}

const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };

/** Versions of a package that a user installs. */
function installed(name: string): string[] {
  return Object.entries(lock.packages).flatMap(([path, { version, dev }]) =>
    path.endsWith(`node_modules/${name}`) && dev !== true && version !== undefined ? [version] : [],
  );
}

function isAtLeast(version: string, least: readonly number[]): boolean {
  const parts = version.split('.').map(Number);
  const at = least.findIndex((part, i) => parts[i] !== part);
  return at < 0 || (parts[at] ?? 0) > (least[at] ?? 0);
}

function using(pattern: RegExp): string[] {
  return sources.filter(({ text }) => pattern.test(text)).map(({ path }) => path);
}

test.each([
  ['CVE-2024-37890, CVE-2026-48779', 'ws', [8, 21, 0]],
  ['CVE-2026-22817, CVE-2026-22818, CVE-2026-47673', 'hono', [4, 12, 25]],
  ['CVE-2026-1525, CVE-2026-22036', 'undici', [7, 24, 0]],
  ['GHSA-mm7p-fcc7-pg87, GHSA-c7w3-x93f-qmm8', 'nodemailer', [9, 1, 1]],
] as const)('%s: %s is one that has them mended', (_ids, name, least) => {
  const versions = installed(name);
  expect(versions.length).toBeGreaterThan(0);
  expect(versions.filter((version) => !isAtLeast(version, least))).toEqual([]);
});

test.each([
  ['CVE-2026-29057', 'http-proxy'],
  ['CVE-2026-55602', 'http-proxy-middleware'],
])('%s: nobody installs %s', (_ids, name) => {
  expect(installed(name)).toEqual([]);
});

test('CVE-2026-22817, CVE-2026-22818 (hono): its JWT and its IP rules are not used', () => {
  expect(using(/from 'hono\/(jwt|jwk|ip-restriction|cors|csrf|basic-auth|bearer-auth)'/)).toEqual(
    [],
  );
});

test('CVE-2026-47674 (hono): no application is mounted under a prefix', () => {
  expect(using(/\.mount\(/)).toEqual([]);
});

/** What a visitor, an agent or an address that somebody typed sends passes through these as it came. */
const onTheWay = /^(?:shared|agent|hub\/(?:edge|gateway|tunnels|outbound))\//;

test('CVE-2026-22036 (undici): no room of the way decompresses', () => {
  const rooms = using(/from 'node:zlib'|\bDecompressionStream\b|\bcreateGunzip\b/);
  expect(rooms.filter((path) => onTheWay.test(path))).toEqual([]);
});

describe('CVE-2024-43798 (chisel): every documented setting is read', () => {
  const machine = { bindsLowPorts: false, stateFolder: '/nonexistent', memoryBytes: 2 ** 33 };
  const needed = { PHLIX_HUB_URL: 'https://hub.example.org' };
  const readers = {
    HUB: (environment: Record<string, string>) => readHubConfig(environment, machine),
    PHLIX: (environment: Record<string, string>) => readAgentConfig({ ...needed, ...environment }),
  };
  /** One of these is wrong for it, or makes a difference. */
  const attempts = [
    '',
    'nonsense value',
    '0',
    '1',
    '2',
    '3s',
    '7KiB',
    'debug',
    '/x',
    'https://a.example',
  ];
  const listed = [...read('README.md').matchAll(/^\| ((?:`[A-Z0-9_]+` ?)+)\|/gm)].flatMap(
    ([, names = '']) => names.match(/(?:HUB|PHLIX)_[A-Z0-9_]+/g) ?? [],
  );

  // The token is asked for only when there is no identity: e2e/names.test.ts.
  const named = new Set(listed.filter((name) => name !== 'PHLIX_HUB_ENROLLMENT_TOKEN'));

  test.each([...named])('%s', (name) => {
    const readAs = readers[name.startsWith('HUB_') ? 'HUB' : 'PHLIX'];
    const outcome = (environment: Record<string, string>): string => {
      try {
        return JSON.stringify(readAs(environment), (_, value: unknown) =>
          typeof value === 'bigint' ? String(value) : value,
        );
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
        return error.problems.map((problem) => problem.name).join(' ');
      }
    };
    const usual = outcome({});
    expect(attempts.some((value) => outcome({ [name]: value }) !== usual)).toBe(true);
  });
});

test.each(['https://hub。example.org', 'https://hub．example.org', 'https://ｈub.example.org'])(
  'CVE-2026-48618 (Node): %s is the name that its certificate will be compared with, or none',
  (url) => {
    const hostname = outcomeOf(() => readAgentConfig({ PHLIX_HUB_URL: url }).hub.hostname);
    expect(['refused', 'hub.example.org']).toContain(hostname);
  },
);

function outcomeOf(attempt: () => string): string {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof SettingsError) return 'refused';
    throw error;
  }
}
