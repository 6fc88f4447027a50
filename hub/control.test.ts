// Data folders of every kind arrive; the hub's control socket is in them, or its absence is told.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, expect, test } from 'vitest';

import { createLogger } from '../shared/log.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';
import { Control, ControlClient, type ControlledHub } from './control.ts';

const log = createLogger({ level: 'silent', name: 'test' }, process.stderr);
const folder = temporaryFolder('control');
let control: Control | undefined;

afterEach(() => control?.close());

function idleHub(): ControlledHub & { asked: boolean } {
  return {
    asked: false,
    streamCount: 3,
    beginHandOver: async () => ({ links: 0, moved: 0 }),
    cancelHandOver: async () => {},
    askToStop() {
      this.asked = true;
    },
  };
}

test('a folder that nobody has made yet is made, and the hub in it can be asked', async () => {
  const path = join(folder.path, 'not', 'yet');
  const hub = idleHub();
  control = await Control.open(path, hub, log);
  const client = await ControlClient.connect(path);
  expect(await client?.ask('drain')).toEqual({ event: 'draining', streams: 3 });
  expect(hub.asked).toBe(true);
  client?.close();
});

test('a folder that cannot be one keeps no hub from running', async () => {
  const path = join(folder.path, 'file');
  writeFileSync(path, '');
  control = await Control.open(path, idleHub(), log);
  expect(control).toBeUndefined();
  expect(await ControlClient.connect(path)).toBeUndefined();
});
