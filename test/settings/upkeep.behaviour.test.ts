import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { readConfig as readAgentConfig } from '../../agent/config.ts';
import { expired } from '../../hub/backup/retention.ts';
import { lastDue } from '../../hub/backup/schedule.ts';
import { listSnapshots, pruneSnapshots, snapshotPath } from '../../hub/backup/snapshots.ts';
import type { HubConfig } from '../../hub/config.ts';
import { openDatabase, type Database } from '../../hub/db/connect.ts';
import { AccessLog } from '../../hub/telemetry/access-log.ts';
import { Tracing } from '../../hub/telemetry/tracing.ts';
import type { WatchedRequest } from '../../hub/telemetry/watched-request.ts';
import { LogFile, type LogFileOptions } from '../../shared/log-file.ts';
import { createLogger } from '../../shared/log.ts';
import { silent } from '../support/databases.ts';
import { hostCommand } from '../support/host-command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { testBehaviours, type Behaviour, missing } from './behaviour.ts';

const dayMs = 86_400_000;
const folder = temporaryFolder('upkeep');
let database: Database;
beforeAll(async () => {
  const settings = { url: undefined, dataDir: folder.path };
  database = await openDatabase(settings, { purpose: 'hub', log: silent });
}, 120_000);
afterAll(async () => {
  await database.close();
  folder.remove();
});

/** How many files ten lines of 400 KB leave. */
function filesOf(options: Pick<LogFileOptions, 'maxBytes' | 'keptFiles'>): number {
  const { path } = temporaryFolder('log-settings');
  const file = new LogFile({
    ...options,
    path: join(path, 'log'),
    onTrouble: () => missing(),
  });
  for (let count = 0; count < 10; count++) file.write(`${'x'.repeat(400_000)}\n`);
  return readdirSync(path).length;
}

const request: WatchedRequest = {
  id: '0197f3a2-0000-7000-8000-000000000000',
  method: 'GET',
  target: '/',
  hostname: 'movies.films.example',
  httpVersion: '2',
  scheme: 'https',
  clientAddress: '192.0.2.77',
  fields: [],
};

/** What the access log says of where this visitor is. */
function noted({ logs: { addresses } }: HubConfig): unknown {
  const lines: string[] = [];
  const log = createLogger({ level: 'info', name: 'test' }, { write: (line) => lines.push(line) });
  new AccessLog(log, addresses).write(request, 'movies', {
    startedAt: 0,
    durationMs: 1,
    linkedMs: 1,
    answeredMs: 1,
    status: 200,
    bytesUp: 0,
    bytesDown: 0,
    resumes: 0,
    failure: undefined,
  });
  return (JSON.parse(lines[0] ?? '{}') as { address?: string }).address;
}

const collector = { HUB_OTLP_URL: 'http://127.0.0.1:9' };

const logs: readonly Behaviour[] = [
  {
    name: 'HUB_LOG_FILE_SIZE',
    value: '1MiB',
    usual: 1,
    changed: 5,
    look: async ({ logs: { maxBytes, keptFiles } }) => filesOf({ maxBytes, keptFiles }),
  },
  {
    name: 'HUB_LOG_FILES',
    value: '1',
    beside: { HUB_LOG_FILE_SIZE: '1MiB' },
    usual: 5,
    changed: 2,
    look: async ({ logs: { maxBytes, keptFiles } }) => filesOf({ maxBytes, keptFiles }),
  },
  ...(['full', 'none'] as const).map((value) => ({
    name: 'HUB_ACCESS_LOG_ADDRESSES',
    value,
    usual: '192.0.2.0/24',
    changed: value === 'full' ? '192.0.2.77' : undefined,
    look: async (config: HubConfig) => noted(config),
  })),
  {
    name: 'HUB_TRACE_SAMPLE',
    value: '0',
    beside: collector,
    usual: '01',
    changed: '00',
    async look({ traces }) {
      if (traces === undefined) return missing();
      const { url, sample } = traces;
      const tracing = new Tracing({ url, headers: {}, sample, log: silent });
      const [, traceparent = ''] = tracing.begin(request, 'movies', false).fields;
      await tracing.stop();
      return traceparent.slice(-2);
    },
  },
];

const backups: readonly Behaviour[] = [
  {
    name: 'HUB_BACKUP_KEEP',
    value: '2/1/1',
    usual: 10,
    changed: 2,
    async look({ backup: { kept } }) {
      const all = Array.from({ length: 60 }, (_, day) => ({
        at: new Date(Date.UTC(2026, 5, 1) + day * dayMs),
      }));
      return all.length - expired(all, kept).length;
    },
  },
  ...(['daily 05:00', 'off'] as const).map((value) => ({
    name: 'HUB_BACKUP_SCHEDULE',
    value,
    beside: { HUB_BACKUP_PASSPHRASE: 'kettle orbit willow river' },
    usual: '2026-11-22T03:30:00.000Z',
    changed: value === 'off' ? undefined : '2026-11-22T05:00:00.000Z',
    async look({ backup: { schedule } }: HubConfig) {
      const now = new Date('2026-11-22T12:00:00.000Z');
      return schedule && lastDue(schedule, now).toISOString();
    },
  })),
  {
    name: 'HUB_SNAPSHOT_KEEP',
    value: '1',
    usual: 3,
    changed: 1,
    async look({ backup: { snapshots } }) {
      const { path } = temporaryFolder('snapshots');
      for (let day = 1; day < 7; day++) {
        const file = snapshotPath(path, new Date(Date.UTC(2026, 5, day)), 'migration');
        await mkdir(dirname(file), { recursive: true });
        writeFileSync(file, '');
      }
      await pruneSnapshots(path, snapshots);
      return (await listSnapshots(path)).length;
    },
  },
];

describe('logs and traces', () => {
  testBehaviours(logs);
});
describe('what is kept of backups', () => {
  testBehaviours(backups);
});

test.each([
  ['PHLIX_LOG_FILE_SIZE', { PHLIX_LOG_FILE_SIZE: '1MiB' }, 5],
  ['PHLIX_LOG_FILES', { PHLIX_LOG_FILE_SIZE: '1MiB', PHLIX_LOG_FILES: '1' }, 2],
])('%s bounds what an agent keeps of its log', (_name, environment, files) => {
  const { logFile } = readAgentConfig({
    PHLIX_HUB_URL: 'https://hub.example.org',
    PHLIX_LOG_FILE: '/nonexistent/agent.log',
    ...environment,
  });
  expect(logFile && filesOf(logFile)).toBe(files);
});

test('HUB_BACKUP_RECIPIENT and HUB_BACKUP_PASSPHRASE are whom a backup is locked for, HUB_BACKUP_DIR is where it goes', async () => {
  const environment = { HUB_DATA_DIR: folder.path };
  const made = await hostCommand(environment)('backup', 'keygen');
  const recipient = /age1[0-9a-z]+/.exec(`${made.stdout}${made.stderr}`)?.[0] ?? '';
  const lockOf = async (name: string, more: Record<string, string>): Promise<string> => {
    const output = join(folder.path, name);
    const run = hostCommand({ ...environment, ...more });
    const { exitCode, stderr } = await run('backup', '--output', output);
    expect([exitCode, stderr]).toEqual([0, expect.any(String)]);
    return /^-> (\w+)/m.exec(readFileSync(output, 'latin1').slice(0, 200))?.[1] ?? '';
  };
  expect(await lockOf('a.tar.age', { HUB_BACKUP_RECIPIENT: recipient })).toBe('X25519');
  const words = { HUB_BACKUP_PASSPHRASE: 'kettle orbit willow river' };
  const elsewhere = join(folder.path, 'elsewhere');
  const there = await hostCommand({ ...environment, ...words, HUB_BACKUP_DIR: elsewhere })(
    'backup',
  );
  expect([there.exitCode, readdirSync(elsewhere).length]).toEqual([0, 1]);
  expect(await lockOf('b.tar.age', words)).toBe('scrypt');
}, 60_000);
