import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bytesOf } from '../../hub/api/operation/input.ts';
import { ApiError } from '../../hub/api/problem/api-error.ts';
import { AuditLog } from '../../hub/audit/audit-log.ts';
import { keepHouse } from '../../hub/audit/housekeeping.ts';
import { linesOf, listSegments } from '../../hub/audit/segment-files.ts';
import type { HubConfig } from '../../hub/config.ts';
import { PostgresDomainStore } from '../../hub/db/domain-store.ts';
import { usualTenantFields } from '../../hub/edge/response-policy.ts';
import { SmtpMailer } from '../../hub/notices/mail/smtp-mailer.ts';
import { databaseKinds, silent, type TestDatabase } from '../support/databases.ts';
import { TestEdge } from '../support/edge.ts';
import { hostCommand } from '../support/host-command.ts';
import { startMailServer } from '../support/mail-server.ts';
import { MemoryAuditIndex } from '../support/memory-audit-index.ts';
import { addOwners, TestStores } from '../support/stores.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { configOf, testBehaviours, type Behaviour, missing } from './behaviour.ts';

const dayMs = 86_400_000;
const folder = temporaryFolder('hub-settings');
let opened: TestDatabase;
beforeAll(async () => {
  opened = await (databaseKinds['the embedded PostgreSQL'] ?? missing)();
}, 120_000);
afterAll(async () => {
  await opened.close();
  folder.remove();
});

/** How often out of three times it works. */
async function times(work: (count: number) => Promise<unknown>): Promise<number> {
  let done = 0;
  for (let count = 0; count < 3; count++)
    done += await work(count).then(
      () => 1,
      () => 0,
    );
  return done;
}

async function ownerId(): Promise<string> {
  const id = randomUUID();
  await addOwners(opened.database, id);
  return id;
}

const names: readonly Behaviour[] = [
  {
    name: 'HUB_LIMIT_NAMES_PER_OWNER',
    value: '2',
    usual: 3,
    changed: 2,
    async look({ nameLimits }) {
      const stores = new TestStores(opened.database, nameLimits);
      const owner = await ownerId();
      return times(async () => stores.enrol({ ownerId: owner }));
    },
  },
  {
    name: 'HUB_LIMIT_NAME_CHANGES_PER_DAY',
    value: '1',
    usual: 3,
    changed: 1,
    async look({ nameLimits }) {
      const stores = new TestStores(opened.database, nameLimits);
      const { server } = await stores.enrol({ ownerId: await ownerId() });
      const word = randomUUID().slice(0, 8);
      return times(async (count) => stores.servers.rename(server.id, `n${word}${count}`));
    },
  },
  {
    name: 'HUB_LIMIT_DOMAINS_PER_OWNER',
    value: '2',
    usual: 3,
    changed: 2,
    async look({ nameLimits, domainLimits }) {
      const stores = new TestStores(opened.database, nameLimits);
      const { server } = await stores.enrol({ ownerId: await ownerId() });
      const store = new PostgresDomainStore(opened.database, domainLimits);
      const word = randomUUID().slice(0, 8);
      return times(async (count) => store.claim(`${word}${count}.example.org`, server.id));
    },
  },
];

/** A log with these settings, in a folder of its own, whose clock a test turns. */
async function logOf({ audit }: HubConfig) {
  const { path } = temporaryFolder('audit-settings');
  const clock = { now: new Date('2026-11-22T10:00:00.000Z') };
  const options = {
    ...audit,
    folder: join(path, 'audit'),
    ...(audit.authLogPath !== undefined && { authLogPath: audit.authLogPath }),
    index: new MemoryAuditIndex(),
    log: silent,
    now: () => clock.now,
  };
  const log = await AuditLog.open(options);
  const clean = async (): Promise<number> => {
    const { folder: files, limits } = options;
    await keepHouse({ folder: files, limits, now: options.now, note: async () => undefined });
    return (await listSegments(files)).length;
  };
  return { log, clock, files: options.folder, clean };
}

const started = { event: 'hub.started', actor: 'system', result: 'ok' } as const;

/** So many files of a day each, and how many of them are left then. */
async function filesLeft(config: HubConfig, days: number): Promise<number> {
  const { log, clock, clean } = await logOf(config);
  for (let day = 0; day < days; day++) {
    log.note(started);
    await log.flush();
    clock.now = new Date(clock.now.getTime() + dayMs);
  }
  log.note(started);
  await log.flush();
  const left = await clean();
  await log.close();
  return left;
}

const logs: readonly Behaviour[] = [
  {
    name: 'HUB_AUDIT_EXCLUDE',
    value: 'server.renamed',
    usual: ['server.renamed'],
    changed: ['tunnel.heartbeat'],
    async look(config) {
      const { log, files } = await logOf(config);
      log.note({ event: 'tunnel.heartbeat', actor: 'system', result: 'ok' });
      log.note({ event: 'server.renamed', actor: 'host', result: 'ok' });
      await log.flush();
      const lines: string[] = [];
      for (const segment of await listSegments(files))
        for await (const line of linesOf(segment)) lines.push(line);
      await log.close();
      const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
      return events.filter((event) => !event.startsWith('segment.'));
    },
  },
  {
    name: 'HUB_AUDIT_FILE_SIZE',
    value: '1MiB',
    usual: 1,
    changed: 3,
    async look(config) {
      const { log, files } = await logOf(config);
      for (let count = 0; count < 5000; count++) log.note({ ...started, target: 'x'.repeat(200) });
      await log.flush();
      log.note(started);
      await log.flush();
      await log.close();
      return (await listSegments(files)).length;
    },
  },
  {
    name: 'HUB_AUDIT_FILES',
    value: '2',
    usual: 6,
    changed: 3,
    look: async (config) => filesLeft(config, 5),
  },
  {
    name: 'HUB_AUDIT_RETENTION',
    value: '2d',
    usual: 6,
    changed: 'fewer',
    async look(config) {
      const left = await filesLeft(config, 5);
      return left < 6 ? 'fewer' : left;
    },
  },
  {
    name: 'HUB_AUTH_LOG',
    value: join(folder.path, 'elsewhere.log'),
    beside: { HUB_DATA_DIR: folder.path },
    usual: [true, false],
    changed: [false, true],
    async look(config) {
      const paths = ['auth.log', 'elsewhere.log'].map((name) => join(folder.path, name));
      for (const path of paths) if (existsSync(path)) writeFileSync(path, '');
      const { log } = await logOf(config);
      log.note({ event: 'login.failed', result: 'denied', address: '203.0.113.7', target: 'ann' });
      await log.flush();
      await log.close();
      return paths.map((path) => existsSync(path) && readFileSync(path, 'utf8') !== '');
    },
  },
  ...(['error', 'silent'] as const).map((value) => ({
    name: 'HUB_LOG_LEVEL',
    value,
    usual: true,
    changed: false,
    async look({ logLevel, dataDir }: HubConfig) {
      const environment = {
        HUB_LOG_LEVEL: logLevel,
        HUB_DATA_DIR: dataDir,
        // Refused behind its first line.
        HUB_DATABASE_URL: 'postgresql://hub:kettle-orbit-willow@db.example/hub?sslmode=disable',
      };
      return (await hostCommand(environment)('start')).stdout.includes('hub starting');
    },
  })),
];

/** How long a body was taken to be, or why it was not. */
async function bodyOf({ apiLimits }: HubConfig, body: string | ReadableStream): Promise<unknown> {
  const request = new Request('https://hub.example.org', { method: 'POST', body, duplex: 'half' });
  const reading = bytesOf(request, apiLimits.bodyBytes, apiLimits.bodyTimeoutMs).then(
    ({ length }) => length,
    (error: unknown) => (error instanceof ApiError ? error.code : 'another failure'),
  );
  return Promise.race([reading, wait(1500, 'still waited for')]);
}

const answers: readonly Behaviour[] = [
  {
    name: 'HUB_TENANT_HSTS',
    value: '0',
    usual: true,
    changed: false,
    async look({ tenantHsts: transportSecurity }) {
      const forwarding = {
        idleTimeoutMs: 1000,
        usualFields: usualTenantFields({ transportSecurity }),
      };
      await using edge = await TestEdge.start({ forwarding });
      const host = 'Host: movies.phlix.example\r\nConnection: close\r\n';
      const answer = await edge.raw(`GET / HTTP/1.1\r\n${host}\r\n`);
      return /^strict-transport-security:/im.test(answer);
    },
  },
  {
    name: 'HUB_LIMIT_API_BODY',
    value: '8KiB',
    usual: 20_000,
    changed: 'api.too-large',
    look: async (config) => bodyOf(config, 'x'.repeat(20_000)),
  },
  {
    name: 'HUB_LIMIT_API_TIMEOUT',
    value: '200ms',
    usual: 'still waited for',
    changed: 'api.timeout',
    look: async (config) => bodyOf(config, new ReadableStream()),
  },
];

describe('names and domains', () => {
  testBehaviours(names);
});
describe('what is written down', () => {
  testBehaviours(logs);
});
describe('what is answered', () => {
  testBehaviours(answers);
});

test('HUB_SMTP_URL says in one line whom letters go through, and as whom', async () => {
  const login = { user: 'robin', password: 'kettle/orbit@willow' };
  const server = await startMailServer({ login });
  const { mail } = configOf({
    HUB_SMTP_URL: `smtp://robin:${encodeURIComponent(login.password)}@localhost:${server.port}`,
    HUB_SMTP_FROM: 'hub@example.org',
  });
  if (mail === undefined) return missing();
  const mailer = new SmtpMailer(mail, { hubHost: 'hub.example.org', ca: server.certificate });
  await mailer.send({ to: 'ann@example.org', subject: 'A subject', text: 'Hello' });
  expect(await server.received(1)).toMatchObject([{ from: 'hub@example.org', isSecure: true }]);
  await server.stop();
  return undefined;
});

test('HUB_HIBP and HUB_HIBP_URL: a password that stands in the list of a mirror is refused', async () => {
  const password = 'kettle-orbit-willow-79';
  const hash = createHash('sha1').update(password).digest('hex').toUpperCase();
  const asked: string[] = [];
  const mirror = createServer(({ url = '' }, response) => {
    asked.push(url);
    response.end(`${hash.slice(5)}:77\r\n`);
  }).listen(0, '127.0.0.1');
  await once(mirror, 'listening');
  const { port } = mirror.address() as AddressInfo;
  const data = temporaryFolder('hibp');
  const passwordFile = join(data.path, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  const create = async (name: string, environment: Record<string, string>): Promise<number> => {
    const run = hostCommand({ HUB_DATA_DIR: data.path, ...environment });
    return (await run('user', 'create', name, '--password-file', passwordFile)).exitCode;
  };
  const listed = { HUB_HIBP: 'on', HUB_HIBP_URL: `http://127.0.0.1:${port}` };
  expect(await create('ann', listed)).toBe(65);
  expect(asked).toEqual([`/range/${hash.slice(0, 5)}`]);
  expect(await create('ann', {})).toBe(0);
  expect(asked).toHaveLength(1);
  mirror.close();
  data.remove();
}, 60_000);
