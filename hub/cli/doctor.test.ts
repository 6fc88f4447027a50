// The command meets no hub, one that hangs, one that answers, and settings that are none.

import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { afterEach, expect, test } from 'vitest';

import { recordingLogger } from '../../test/support/agents-door.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import type { Finding } from '../../shared/doctor/finding.ts';
import { Control } from '../process/control.ts';
import { socketPath } from '../process/control-words.ts';
import { askRunning } from './doctor.ts';
import { runHub } from './program.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function newFolder(): string {
  return join(temporaryFolder('doctor').path, 'data');
}

async function doctor(environment: Record<string, string>, ...words: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const free = {
    HUB_HTTPS_LISTEN: '127.0.0.1:0',
    HUB_HTTP_LISTEN: 'off',
    HUB_TUNNEL_LISTEN: '127.0.0.1:0',
  };
  const code = await runHub(['doctor', ...words], {
    environment: { ...free, ...environment },
    stdout,
    stderr,
  });
  stdout.end();
  return { code, stdout: await text(stdout) };
}

async function doctorJson(environment: Record<string, string>) {
  const { code, stdout } = await doctor(environment, '--json');
  const told = JSON.parse(stdout) as { healthy: boolean; findings: readonly Finding[] };
  return { code, ...told };
}

test('where no hub runs it looks whether one could, and changes nothing', async () => {
  const folder = newFolder();
  const { code, healthy, findings } = await doctorJson({ HUB_DATA_DIR: folder });
  expect({ code, healthy }).toEqual({ code: 0, healthy: true });
  expect(findings[0]).toMatchObject({
    check: 'hub.running',
    state: 'unknown',
    remedy: expect.stringContaining('HUB_DATA_DIR'),
  });
  expect(findings.find(({ check }) => check === 'database.reachable')?.state).toBe('unknown');
  expect(existsSync(folder)).toBe(false);
});

test('a placeholder in the place of a secret is a finding with the name of its setting, and never its text', async () => {
  const { code, healthy, findings } = await doctorJson({
    HUB_DATA_DIR: newFolder(),
    HUB_SECRET_KEY: 'changeme-changeme-changeme-changeme',
  });
  expect({ code, healthy }).toEqual({ code: 69, healthy: false });
  expect(findings).toMatchObject([{ check: 'config.secrets', state: 'failure' }]);
  expect(findings[0]?.message).toContain('HUB_SECRET_KEY');
  expect(JSON.stringify(findings)).not.toContain('changeme');
});

test('every setting that is wrong is a finding of its own', async () => {
  const { findings } = await doctorJson({ HUB_TLS: 'none', HUB_LOG_LEVEL: 'loud' });
  expect(findings.map(({ check, state }) => [check, state])).toEqual([
    ['config.settings', 'failure'],
    ['config.settings', 'failure'],
  ]);
});

test('a running hub is asked, and its findings are the answer', async () => {
  const folder = newFolder();
  const hub = {
    beginHandOver: async () => ({ links: 0, moved: 0 }),
    cancelHandOver: () => undefined,
    askToStop: () => undefined,
    streamCount: 0,
  };
  const found: Finding[] = [
    { check: 'hub.running', state: 'ok', message: 'It runs.' },
    { check: 'disk.space', state: 'failure', message: 'The disk is full.', remedy: 'Make room.' },
  ];
  const doctorOf = { look: async () => found };
  const control = await Control.open(folder, hub, recordingLogger().log, { doctor: doctorOf });
  closers.push(() => control?.close());
  const told = await doctorJson({ HUB_DATA_DIR: folder });
  expect(told).toEqual({ code: 69, healthy: false, findings: found });
  const { stdout } = await doctor({ HUB_DATA_DIR: folder });
  expect(stdout).toMatch(/FAILURE {2}disk.space {3}The disk is full.\n +-> Make room.\n/);
  expect(stdout).toMatch(/1 thing is wrong\n$/);
});

test('a hub that hangs is a failure, and is told from one that does not run', async () => {
  const folder = newFolder();
  mkdirSync(folder, { mode: 0o700 });
  const silent = createServer(() => undefined);
  silent.listen(socketPath(folder));
  await once(silent, 'listening');
  closers.push(() => silent.close());
  const { told, instead } = await askRunning({ dataDir: folder }, { answerMs: 20, lookMs: 20 });
  expect(told).toBeUndefined();
  expect(instead).toMatchObject([{ check: 'hub.running', state: 'failure' }]);
  expect(instead[0]?.message).toContain('has not answered');
});

test('a data folder whose path is too long for a socket is a finding', async () => {
  const { instead } = await askRunning({ dataDir: `/${'long/'.repeat(30)}` });
  expect(instead).toMatchObject([{ check: 'hub.running', state: 'failure' }]);
  expect(instead[0]?.message).toContain('HUB_DATA_DIR');
});
