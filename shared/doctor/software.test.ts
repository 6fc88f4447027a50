import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { snapshot } from './advisories.ts';
import { runningVersions, softwareVerdict, type Versions } from './software.ts';

const now = new Date('2026-11-22T12:00:00Z');
const fresh: Versions = { node: '24.21.0', openssl: '3.5.8', packages: { ws: '8.23.0' } };

describe('what runs here', () => {
  test('has no hole that this version knows of', () => {
    expect(softwareVerdict(runningVersions(snapshot), snapshot, now).state).toBe('ok');
  });

  test('is told by the versions of the lockfile, for each package that the list names', () => {
    const lock = JSON.parse(
      readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'),
    ) as { packages: Record<string, { version?: string }> };
    const { packages } = runningVersions(snapshot);
    const locked = Object.keys(snapshot.packages).map((name) => [
      name,
      lock.packages[`node_modules/${name}`]?.version,
    ]);
    expect(packages).toEqual(Object.fromEntries(locked));
  });
});

test.each<[string, Partial<Versions>, string]>([
  ['a release before the last that mended holes', { node: '24.16.9' }, 'mended in 24.17.0'],
  ['a line that is mended no more', { node: '20.20.2' }, 'since 2026-04-30'],
  ['a line from before all that are known', { node: '18.20.8' }, 'Node 18 is not mended any more'],
  ['OpenSSL of its own line', { openssl: '3.0.19' }, 'CVE-2026-31790'],
  ['a package', { packages: { ws: '8.20.1', hono: '4.13.19' } }, 'ws 8.20.1 (CVE-2026-48779'],
])('%s is a failure that names the hole', (_, change, words) => {
  const verdict = softwareVerdict({ ...fresh, ...change }, snapshot, now);
  expect(verdict).toMatchObject({ state: 'failure', message: expect.stringContaining(words) });
});

test('versions are compared by numbers, and a line that nobody knows yet is taken as it is', () => {
  const states = ['24.17.0', '24.100.0', '28.1.0'].map(
    (node) => softwareVerdict({ ...fresh, node }, snapshot, now).state,
  );
  expect(states).toEqual(['ok', 'ok', 'ok']);
});

test('a list of half a year ago says so', () => {
  const later = new Date('2027-04-01T00:00:00Z');
  expect(softwareVerdict(fresh, snapshot, later)).toMatchObject({
    state: 'warning',
    message: expect.stringContaining('2026-09-20'),
  });
});
