import { existsSync } from 'node:fs';

import { expect, test } from 'vitest';

import { Program } from './program.ts';
import { temporaryFolder } from './temporary-folder.ts';

const node = (code: string) => new Program({ command: [process.execPath, '-e', code] });
const stays = 'console.log("up at 42"); setInterval(() => {}, 1000);';

test('a line is found whether it is printed before or after it is waited for', async () => {
  const program = node(stays);
  expect((await program.waitForLine(/up at (\d+)/))[1]).toBe('42');
  expect((await program.waitForLine(/up at (\d+)/))[1]).toBe('42');
  expect(program.memory().peakBytes).toBeGreaterThan(1024 * 1024);
  expect(await program.stop()).toBe('SIGTERM');
});

test('waiting for a line that never comes ends with what was printed instead', async () => {
  const program = node(`console.error('sorry'); process.exitCode = 3;`);
  await expect(program.waitForLine(/up/)).rejects.toThrow(/ended \(3\)[^]*sorry/);
  expect(await program.ended).toBe(3);
});

test('a deadline ends the wait', async () => {
  const program = node(stays);
  await expect(program.waitForLine(/never/, 50)).rejects.toThrow(/within 50 ms/);
  program.kill('SIGKILL');
  expect(await program.ended).toBe('SIGKILL');
});

test('a program that does not exist says so', async () => {
  const program = new Program({ command: ['no-such-program'] });
  await expect(program.waitForLine(/up/)).rejects.toThrow(/ENOENT/);
});

test('a temporary folder can be entered by other users, and is gone once removed', () => {
  const folder = temporaryFolder('word');
  expect(existsSync(folder.path)).toBe(true);
  folder.remove();
  expect(existsSync(folder.path)).toBe(false);
});
