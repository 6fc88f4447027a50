import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { beforeEach, expect, test } from 'vitest';

import { SettingsError } from '../../shared/settings/settings.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { readConfig } from '../config.ts';
import { openLogs, type Logs } from './logs.ts';

const machine = { bindsLowPorts: false, stateFolder: '/nowhere', memoryBytes: 2 ** 33 };
let folder: string;
let printed: string[];

beforeEach(() => {
  folder = temporaryFolder('logs').path;
  printed = [];
});

function open(environment: Record<string, string>): Logs {
  const sink = { write: (line: string) => printed.push(line) };
  return openLogs(readConfig(environment, machine), { stdout: sink, stderr: sink });
}

const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

test('by itself the log goes to standard output, and there is no access log', () => {
  const { log, access } = open({});
  log.info('hello');
  expect(printed.join('')).toContain('"msg":"hello"');
  expect(access).toBeUndefined();
});

test('the access log stands beside the log in standard output, by a name of its own', () => {
  const { log, access } = open({ HUB_ACCESS_LOG: 'stdout', HUB_LOG_LEVEL: 'error' });
  log.info('hidden');
  access?.info('exchange');
  expect(printed).toHaveLength(1);
  expect(printed[0]).toContain('"name":"phlix-hub-access"');
});

test('each has a file of its own, opened anew when it is asked for', () => {
  const logs = open({
    HUB_LOG_FILE: join(folder, 'hub.log'),
    HUB_ACCESS_LOG: join(folder, 'access.log'),
  });
  logs.log.info({ url: '/a?X-Plex-Token=abcdefgh' }, 'hello');
  logs.access?.info('exchange');
  logs.reopen();
  logs.log.info('again');
  expect(printed).toEqual([]);
  expect(read('hub.log')).toMatch(/X-Plex-Token=\[secret\].*hello.*\n.*again/);
  expect(read('access.log')).toContain('exchange');
});

test('a file that cannot be written keeps the hub from starting, by the name of its setting', () => {
  expect(() => open({ HUB_ACCESS_LOG: folder })).toThrow(SettingsError);
  expect(() => open({ HUB_ACCESS_LOG: folder })).toThrow('HUB_ACCESS_LOG');
  expect(() => open({ HUB_LOG_FILE: folder })).toThrow('HUB_LOG_FILE');
});
