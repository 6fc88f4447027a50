import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { Program } from '../test/support/program.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';

const script = fileURLToPath(new URL('main.ts', import.meta.url));

test('a name that is no setting is named once at the start, and the hub starts', async () => {
  const hub = new Program({
    command: [process.execPath, script],
    env: {
      HUB_DATA_DIR: temporaryFolder('unknown').path,
      HUB_HTTPS_LISTEN: '127.0.0.1:0',
      HUB_HTTP_LISTEN: 'off',
      HUB_TUNNEL_LISTEN: '127.0.0.1:0',
      HUB_METRICS_LISTEN: 'off',
      HUB_FOO: 'hunter2',
      PHLIX_FOO: '1',
    },
  });
  const [line] = await hub.waitForLine(/^.*"is no setting of this hub".*$/);
  expect(JSON.parse(line)).toMatchObject({ level: 'warn', settings: ['HUB_FOO'] });
  expect(line).not.toContain('hunter2');
  await hub.stop();
}, 60_000);

test('what is longer than a pipe holds is written to its end', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [script, 'openapi'], {
    maxBuffer: 10_000_000,
    env: {},
  });
  expect(stdout.length).toBeGreaterThan(100_000);
  expect(JSON.parse(stdout)).toMatchObject({ openapi: '3.1.0' });
});
