import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, expect, test } from 'vitest';

import { temporaryFolder } from '../test/support/temporary-folder.ts';
import { checkUpApart } from './checkup-process.ts';

const { argv, execArgv } = process;
afterEach(() => {
  process.argv = argv;
  process.execArgv = execArgv;
});

/** This program is `script`, as far as whoever starts it again can see. */
function become(script: string): void {
  const path = join(temporaryFolder('program').path, 'program.mjs');
  writeFileSync(path, script);
  process.argv = [process.execPath, path];
  process.execArgv = [];
}

const look = async () => checkUpApart('home', new AbortController().signal);

test('what the other process prints is what came of it', async () => {
  become(
    `console.log(JSON.stringify({ told: { kind: 'kept', lineAgeMs: 7 }, reachesOrigin: process.argv.at(-1) === 'home' }))`,
  );
  expect(await look()).toEqual({ told: { kind: 'kept', lineAgeMs: 7 }, reachesOrigin: true });
});

// The program may have been replaced by another version since this one began.
test.each([
  ['no JSON', `console.log('hello')`, /is not valid JSON/],
  ['nothing', '', /JSON/],
  ['another shape', `console.log('{"told":"kept"}')`, /invalid_type/],
  ['a complaint', `console.error('no such option'); process.exitCode = 64`, /^no such option$/],
  ['more than anybody reads', `console.log('x'.repeat(100_000))`, /maxBuffer/],
])('an answer that is %s is a look that failed, and ends nothing', async (_, script, reason) => {
  become(script);
  await expect(look()).rejects.toThrow(reason);
});

test('whoever stops leaves no process behind, though it hangs', async () => {
  const started = join(temporaryFolder('started').path, 'pid');
  become(`
    import { writeFileSync } from 'node:fs';
    process.on('SIGTERM', () => {});
    setInterval(() => {}, 1000);
    writeFileSync(${JSON.stringify(started)}, String(process.pid));
  `);
  const stop = new AbortController();
  const looking = checkUpApart('line', stop.signal);
  const outcome = looking.catch(String);
  const pid = async (): Promise<number> => Number(await readFile(started, 'utf8').catch(() => ''));
  await expect.poll(pid, { timeout: 15_000 }).toBeGreaterThan(0);
  stop.abort();
  expect(await outcome).toContain('Command failed');
  const child = await pid();
  expect(() => process.kill(child, 0)).toThrow('ESRCH');
});
