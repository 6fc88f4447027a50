import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { openLocalAuthority, type LocalAuthority } from './local-authority.ts';
import { distrust, trust, type TrustPlaces } from './trust-store.ts';

let home: string;
let ca: LocalAuthority;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'trust-'));
  ca = await openLocalAuthority(join(home, 'local-ca'), ['hub.localhost'], new Date());
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

function places(): TrustPlaces {
  return { home, isRoot: false, root: '/' };
}

function listed(): string {
  const database = `sql:${join(home, '.pki', 'nssdb')}`;
  return execFileSync('certutil', ['-d', database, '-L'], { encoding: 'utf8' });
}

test('Chromium trusts the authority after trust, twice is once, and no longer after distrust', async () => {
  await trust(ca, places());
  const [, chromium] = await trust(ca, places());
  expect(chromium).toMatchObject({ place: 'chromium', isDone: true });
  expect(listed().match(/Phlix Hub local CA [0-9a-f]{8} +C,,/g)).toHaveLength(1);

  const [, removed] = await distrust(ca, places());
  expect(removed).toMatchObject({ isDone: true });
  expect(listed()).not.toContain('Phlix');
  const [, again] = await distrust(ca, places());
  expect(again).toMatchObject({ isDone: true, remark: 'was not there' });
});

test('without root the system store is left alone, and sudo is named', async () => {
  const [system] = await trust(ca, places());
  expect(system).toMatchObject({ place: 'system', isDone: false });
  expect(system?.remark).toMatch(/sudo/);
});

test('a system of another kind is said to be unknown', async () => {
  const [system] = await trust(ca, { ...places(), root: home, isRoot: true });
  expect(system).toMatchObject({ isDone: false });
});
