import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

const script = fileURLToPath(new URL('main.ts', import.meta.url));

test('what is longer than a pipe holds is written to its end', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [script, 'openapi'], {
    maxBuffer: 10_000_000,
    env: {},
  });
  expect(stdout.length).toBeGreaterThan(100_000);
  expect(JSON.parse(stdout)).toMatchObject({ openapi: '3.1.0' });
});
