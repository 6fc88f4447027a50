import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { temporaryFolder, type TemporaryFolder } from '../../../test/support/temporary-folder.ts';
import { challengeRecord } from './challenge-record.ts';
import { Exec } from './exec.ts';
import { DnsError } from './failure.ts';
import type { TxtRecord } from './provider.ts';

const name = '_acme-challenge.movies.example.org';
const value = 'LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM';
const record: TxtRecord = { name, value };
const calm = (): AbortSignal => AbortSignal.timeout(15_000);

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder('hook');
});
afterEach(() => folder.remove());

const said = (file = 'said') => readFileSync(join(folder.path, file), 'utf8');

/** A shell script that runs in the folder. */
function hook(script: string): string {
  const path = join(folder.path, 'hook');
  writeFileSync(path, `#!/bin/sh\ncd ${folder.path}\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

const tell = String.raw`for word in "$@"; do printf '<%s>' "$word"; done >> said; echo >> said`;

async function failureOf(work: Promise<unknown>): Promise<DnsError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DnsError);
  return error as DnsError;
}

test("the hook is called with lego's words", async () => {
  const exec = new Exec({ kind: 'exec', path: hook(tell) });
  await exec.add(record, calm());
  await exec.remove(record, calm());
  expect(said()).toBe(`<present><${name}.><${value}>\n<cleanup><${name}.><${value}>\n`);
});

test("in RAW mode it gets domain, token and key authorization behind --, as lego's does", async () => {
  const exec = new Exec({ kind: 'exec', path: hook(tell), isRaw: true });
  const proof = { domain: 'movies.example.org', token: '-token', keyAuthorization: '-token.thumb' };
  await exec.add(challengeRecord(proof, name), calm());
  expect(said()).toBe('<present><--><movies.example.org><-token><-token.thumb>\n');
});

test('in RAW mode a record that is no challenge is refused', async () => {
  const exec = new Exec({ kind: 'exec', path: hook(tell), isRaw: true });
  expect((await failureOf(exec.add(record, calm()))).code).toBe('dns.misconfigured');
});

test('no shell reads what an authority or a CNAME chose', async () => {
  const exec = new Exec({ kind: 'exec', path: hook(tell) });
  const nasty = '$(touch stolen); `touch stolen` | touch stolen\n&& touch stolen';
  await exec.add({ name: nasty, value: nasty }, calm());
  expect(said()).toBe(`<present><${nasty}.><${nasty}>\n`);
  expect(existsSync(join(folder.path, 'stolen'))).toBe(false);
});

test("the hook has the operator's environment, without the hub's settings and secrets", async () => {
  const environment = {
    PATH: process.env['PATH'],
    AWS_PROFILE: 'dns',
    HUB_SECRET_KEY: 'top-secret',
    HUB_DATABASE_URL: 'postgresql://user:top-secret@db/hub',
    PGPASSWORD: 'top-secret',
    CREDENTIALS_DIRECTORY: '/run/credentials/top-secret',
    NOTIFY_SOCKET: '/run/top-secret',
    NODE_OPTIONS: '--top-secret',
  };
  await new Exec({ kind: 'exec', path: hook('env > said'), environment }).add(record, calm());
  expect(said()).toContain('AWS_PROFILE=dns');
  expect(said()).not.toContain('top-secret');
});

test('without an environment it has a path and nothing of this process', async () => {
  process.env['HUB_TEST_SECRET'] = 'top-secret';
  await new Exec({ kind: 'exec', path: hook('env > said') }).add(record, calm());
  delete process.env['HUB_TEST_SECRET'];
  expect(said()).toMatch(/^PATH=/m);
  expect(said()).not.toContain('top-secret');
});

test('a hook that fails is quoted', async () => {
  const path = hook('echo "no such zone" >&2; exit 3');
  const error = await failureOf(new Exec({ kind: 'exec', path }).add(record, calm()));
  expect(error.code).toBe('dns.hook-failed');
  expect(error.message).toBe(
    `The DNS hook ${path} present ended with exit code 3; it said: no such zone.`,
  );
});

test('a hook that is not there, or may not be run, is told so', async () => {
  const absent = join(folder.path, 'absent');
  const error = await failureOf(new Exec({ kind: 'exec', path: absent }).add(record, calm()));
  expect(error.message).toContain('does not exist');
  const path = hook('true');
  chmodSync(path, 0o644);
  const denied = await failureOf(new Exec({ kind: 'exec', path }).add(record, calm()));
  expect(denied.message).toContain('chmod +x');
});

test('a hook that asks for something gets nothing', async () => {
  const path = hook('read answer || echo "nobody there" > said');
  await new Exec({ kind: 'exec', path }).add(record, calm());
  expect(said()).toBe('nobody there\n');
});

test('a hook that hangs is ended, with everything it started', async () => {
  const path = hook('sleep 600 & echo $! > said; wait');
  const error = await failureOf(new Exec({ kind: 'exec', path }, 500).add(record, calm()));
  expect(error.message).toContain('did not end within 0.5 s');
  const child = Number(said());
  await expect.poll(() => isRunning(child)).toBe(false);
});

test('a hook is ended with the hub', async () => {
  const path = hook('echo $$ > said; sleep 600');
  const stop = new AbortController();
  const work = new Exec({ kind: 'exec', path }).add(record, stop.signal);
  await expect.poll(() => existsSync(join(folder.path, 'said')) && said() !== '').toBe(true);
  stop.abort(new Error('the hub stops'));
  await expect(work).rejects.toThrow('the hub stops');
  const pid = Number(said());
  await expect.poll(() => isRunning(pid)).toBe(false);
});

test('what a hook leaves running in the background is not waited for', async () => {
  const path = hook('sleep 5 & exit 0');
  const startedAt = performance.now();
  await new Exec({ kind: 'exec', path }).add(record, calm());
  expect(performance.now() - startedAt).toBeLessThan(4000);
});

test('a hook that prints without end costs no memory', async () => {
  const path = hook('yes "no such zone" | head -c 50000000; exit 1');
  const error = await failureOf(new Exec({ kind: 'exec', path }).add(record, calm()));
  expect(error.message.length).toBeLessThan(600);
});

/** A process that ended and was not waited for is none. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
