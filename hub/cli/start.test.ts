import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

import { Program } from '../../test/support/program.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const folder = temporaryFolder('start');
let silence: Server;

/** A database that takes connections and says nothing. */
beforeAll(async () => {
  silence = createServer((socket) => socket.on('error', () => undefined));
  silence.listen(0, '127.0.0.1');
  await once(silence, 'listening');
});

afterAll(() => {
  silence.close();
  folder.remove();
});

const urlOf = (server: Server): string =>
  `postgres://hub:a-long-enough-word@127.0.0.1:${(server.address() as AddressInfo).port}/hub`;

/** Without a URL: on a database of its own. */
function startHub(url?: string, more: NodeJS.ProcessEnv = {}): Program {
  const env = environment(url, more);
  return new Program({ command: [process.execPath, main], env });
}

function environment(url: string | undefined, more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HUB_DATA_DIR: join(folder.path, 'data'),
    HUB_PUBLIC_URL: 'https://hub.localhost:4443',
    ...(url !== undefined && { HUB_DATABASE_URL: url }),
    HUB_HTTPS_LISTEN: '127.0.0.1:0',
    HUB_TUNNEL_LISTEN: '127.0.0.1:0',
    HUB_HTTP_LISTEN: 'off',
    HUB_METRICS_LISTEN: 'off',
    ...more,
  };
}

test('signals that ask other programs to open their logs again open no debugger, and end nothing', async () => {
  const hub = startHub(urlOf(silence));
  await hub.waitForLine(/hub starting/);
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const) {
    hub.kill(signal);
    await hub.waitForLine(new RegExp(`"${signal}".*opened again`));
  }
  expect(hub.output).not.toContain('Debugger');
  hub.kill('SIGKILL');
  await hub.ended;
}, 60_000);

test('a hub that waits for its database ends when it is asked to', async () => {
  const asked = once(silence, 'connection');
  const hub = startHub(urlOf(silence));
  await asked;
  hub.kill('SIGTERM');
  expect(await hub.end(4000)).toBe(0);
  expect(hub.output).toContain('stopped before it was ready');
}, 60_000);

test('a hub that makes its database ends with what makes it, when it is asked to', async () => {
  const hub = startHub();
  const database = join(folder.path, 'data', 'database');
  const unfinished = (): string[] =>
    existsSync(database) ? readdirSync(database).filter((name) => name.startsWith('data.')) : [];
  await expect.poll(unfinished, { timeout: 30_000, interval: 5 }).not.toEqual([]);
  await expect.poll(() => programsOn(database), { timeout: 30_000, interval: 5 }).not.toEqual([]);
  hub.kill('SIGTERM');
  expect(await hub.end()).toBe(0);
  expect(hub.output).toContain('stopped before it was ready');
  expect([unfinished(), programsOn(database)]).toEqual([[], []]);
}, 60_000);

test('a certificate that is not there is said before the database is asked for anything', async () => {
  const missing = join(folder.path, 'missing.pem');
  const hub = startHub(urlOf(silence), {
    HUB_TLS: 'files',
    HUB_TLS_CERT_FILE: missing,
    HUB_TLS_KEY_FILE: missing,
  });
  expect(await hub.end()).toBe(78);
  expect(hub.output).toContain(`${missing} of HUB_TLS_CERT_FILE cannot be read (ENOENT)`);
}, 60_000);

test('a hub whose log nobody reads any more goes on, and ends when it is asked to', async () => {
  const env = environment(urlOf(silence), {});
  const hub = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void hub.kill('SIGKILL'));
  let said = '';
  hub.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(hub, 'exit');
  await once(hub.stdout, 'data');
  hub.stdout.destroy();
  await once(hub.stdout, 'close');
  // Two lines: what was on its way does not count.
  hub.kill('SIGUSR1');
  hub.kill('SIGUSR2');
  await expect.poll(() => said, { timeout: 30_000 }).toContain('standard output cannot be written');
  hub.kill('SIGTERM');
  expect([await ended, said.trim().split('\n').length]).toEqual([[0, null], 1]);
}, 60_000);

/** Of every process of this machine that has the folder in its words. */
function programsOn(path: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(wordsOf).filter((words) => words.includes(path));
}

function wordsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // It has ended since.
    return '';
  }
}
