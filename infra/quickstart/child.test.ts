import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { Program as Runner } from '../../test/support/program.ts';
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts';
import { Child, type Program } from './child.ts';
import { ChildFailure, Children } from './children.ts';

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder('child');
});
afterEach(() => folder.remove());

/** Prints its pid, then runs `code` for ever. */
function program(code: string): Program {
  const script = join(folder.path, 'script.mjs');
  writeFileSync(script, `console.log('pid', process.pid);\nsetInterval(() => {}, 1000);\n${code}`);
  const logFile = join(folder.path, 'child.log');
  return { name: 'child', command: [script], env: process.env, logFile };
}

function pidIn(logFile: string): number | undefined {
  const pid = existsSync(logFile) && /pid (\d+)/.exec(readFileSync(logFile, 'utf8'))?.[1];
  return pid ? Number(pid) : undefined;
}

async function eventually(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error('it never came to be');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a child logs to its file and ends when it is told to', async () => {
  const child = new Child(program(''));
  await eventually(() => pidIn(child.logFile) !== undefined);
  await child.stop(5000);
  expect(child.end).toBe('signal SIGTERM');
});

test('a child that does not listen is killed', async () => {
  const child = new Child(program(`process.on('SIGTERM', () => {}); console.log('deaf');`));
  await eventually(() => child.lastLines(1)[0] === 'deaf');
  await child.stop(100);
  expect(child.end).toBe('signal SIGKILL');
});

test('a child that fails is known with its exit code and its last lines', async () => {
  const children = new Children();
  const child = children.start(program(`console.error('a reason'); process.exit(78);`));
  const waiting = children.until(child, () => Promise.resolve(undefined));
  await expect(waiting).rejects.toThrow(ChildFailure);
  await expect(children.watch()).rejects.toThrow('the child ended with exit code 78');
  expect(child.lastLines(1)).toEqual(['a reason']);
});

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'no child outlives a parent that got %s',
  async (signal) => {
    const code = `
    const { Child } = await import(${JSON.stringify(new URL('child.ts', import.meta.url).href)});
    const child = new Child(${JSON.stringify(program(''))});
    console.log('started');
    setInterval(() => {}, 1000);`;
    const parent = new Runner({
      command: [process.execPath, '--input-type=module', '-e', code],
      env: process.env,
    });
    await parent.waitForLine(/started/);
    const logFile = join(folder.path, 'child.log');
    await eventually(() => pidIn(logFile) !== undefined);
    const pid = pidIn(logFile);
    parent.kill(signal);
    await parent.ended;
    await eventually(() => !existsSync(`/proc/${pid}`));
    expect(pid).toBeGreaterThan(1);
  },
);
