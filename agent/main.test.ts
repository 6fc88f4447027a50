import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { Program } from '../test/support/program.ts';
import { type TemporaryFolder, temporaryFolder } from '../test/support/temporary-folder.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder('agent-main');
});
afterEach(() => folder.remove());

/** Towards a hub that is not there: it tries again for as long as it lives. */
function start(code: string): Program {
  const planted = `data:text/javascript,${encodeURIComponent(code)}`;
  return new Program({
    command: [process.execPath, '--import', planted, main],
    env: {
      PATH: process.env['PATH'],
      HOME: folder.path,
      PHLIX_HUB_URL: 'https://hub.localhost:1',
      PHLIX_HUB_ENROLLMENT_TOKEN: `phe_12345678${'a'.repeat(43)}`,
      PHLIX_STATE_DIR: `${folder.path}/state`,
    },
  });
}

test.each([
  [
    'thrown by nobody in particular',
    `process.on('SIGUSR2', () => { throw new Error('planted'); })`,
  ],
  [
    'of a promise that nobody awaits',
    `process.on('SIGUSR2', () => void Promise.reject(new Error('planted')))`,
  ],
])('a bug %s ends the agent with exit code 70, and its log says so', async (_, code) => {
  const doomed = start(code);
  await doomed.waitForLine(/"not connected"/);
  doomed.kill('SIGUSR2');
  expect(await doomed.ended).toBe(70);
  expect(doomed.output).toMatch(/"level":"error".*planted.*"agent ended by a bug"/);
});

test('a signal ends the agent with exit code 0', async () => {
  const asked = start('');
  await asked.waitForLine(/"not connected"/);
  expect(await asked.stop()).toBe(0);
});
