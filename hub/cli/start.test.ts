import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

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

function startHub(): Program {
  const { port } = silence.address() as AddressInfo;
  const env = {
    PATH: process.env['PATH'],
    HUB_DATA_DIR: join(folder.path, 'data'),
    HUB_PUBLIC_URL: 'https://hub.localhost:4443',
    HUB_DATABASE_URL: `postgres://hub:a-long-enough-word@127.0.0.1:${port}/hub`,
    HUB_HTTPS_LISTEN: '127.0.0.1:0',
    HUB_TUNNEL_LISTEN: '127.0.0.1:0',
    HUB_HTTP_LISTEN: 'off',
    HUB_METRICS_LISTEN: 'off',
  };
  return new Program({ command: [process.execPath, main], env });
}

test('signals that ask other programs to open their logs again open no debugger, and end nothing', async () => {
  const hub = startHub();
  await hub.waitForLine(/hub starting/);
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const) {
    hub.kill(signal);
    await hub.waitForLine(new RegExp(`"${signal}".*opened again`));
  }
  expect(hub.output).not.toContain('Debugger');
  hub.kill('SIGKILL');
  await hub.ended;
}, 60_000);
