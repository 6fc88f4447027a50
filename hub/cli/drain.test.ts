// The command meets what stands for a hub: its socket, or whatever is in the place of one.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { afterEach, expect, onTestFinished, test } from 'vitest';

import { recordingLogger } from '../../test/support/agents-door.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { Control } from '../process/control.ts';
import { runHub } from './program.ts';

const folder = temporaryFolder('drain').path;
let control: Control | undefined;
afterEach(() => control?.close());

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function drain(dataDir: string, ...words: string[]): Promise<Ran> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const environment = { HUB_DATA_DIR: dataDir };
  const code = await runHub(['drain', ...words], { environment, stdout, stderr });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

async function runningHub(): Promise<void> {
  const asked = {
    beginHandOver: async () => ({ links: 0, moved: 0 }),
    cancelHandOver: () => undefined,
    askToStop: () => undefined,
    streamCount: 1,
  };
  control = await Control.open(folder, asked, recordingLogger().log);
}

test('where no hub runs the folder is named', async () => {
  expect(await drain(join(folder, 'empty'))).toMatchObject({
    code: 69,
    stderr: expect.stringMatching(/no hub runs with .*empty; set HUB_DATA_DIR/),
  });
});

test.skipIf(process.getuid?.() !== 0)('a hub of another user is not none', async () => {
  await runningHub();
  process.seteuid?.('nobody');
  onTestFinished(() => process.seteuid?.('root'));
  expect(await drain(folder)).toMatchObject({
    code: 77,
    stderr: expect.stringMatching(/belongs to another user: run this command as the user/),
  });
});

test('a folder whose path is too long for a socket is told so, with the other way', async () => {
  const { code, stderr } = await drain(`/${'long'.repeat(40)}`);
  expect(code).toBe(78);
  expect(stderr).toMatch(/^phlix-hub: HUB_DATA_DIR is \d+ bytes too long .* SIGTERM drains/);
});

test('a hub that ends is waited for', async () => {
  const ended = temporaryFolder('drained').path;
  const socket = join(ended, 'hub.sock');
  const ending = createServer((command) => {
    command.once('data', () => command.end('{"event":"draining","streams":2}\n'));
  }).listen(socket);
  onTestFinished(() => void ending.close());
  await once(ending, 'listening');
  const { code, stdout } = await drain(ended, '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ streams: 2, seconds: expect.any(Number) });
});
