import { once } from 'node:events';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { type TemporaryFolder, temporaryFolder } from '../test/support/temporary-folder.ts';
import { readStatus, serveStatus, type AgentStatus } from './status.ts';

const status = {
  version: '0.1.0',
  state: 'connected',
  hub: 'https://hub.example',
  addresses: [],
  since: '2026-03-01T12:00:00.000Z',
  streams: 3,
  links: [],
  origin: { url: 'http://127.0.0.1:8096', state: 'answering' },
} as AgentStatus;

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder('status');
});
afterEach(() => folder.remove());

test('the agent answers for itself until it is closed', async () => {
  const server = await serveStatus(folder.path, () => status);
  expect(await readStatus(folder.path)).toMatchObject({ state: 'connected', streams: 3 });
  server.close();
  await once(server, 'close');
  expect(await readStatus(folder.path)).toBeUndefined();
});

test('a question that could not be accepted ends nothing, and the next one is answered', async () => {
  const server = await serveStatus(folder.path, () => status);
  // What node emits when there are no file descriptors left.
  server.emit('error', new Error('accept EMFILE'));
  expect(await readStatus(folder.path)).toMatchObject({ state: 'connected', streams: 3 });
  server.close();
});
