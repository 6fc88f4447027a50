import { appendFileSync, chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';

import { afterEach, describe, expect, test } from 'vitest';

import {
  atTheEnd,
  closeExamined,
  doorsAt,
  examinedHub,
  freePort,
  listening,
  now,
  type Change,
} from '../../test/support/examined-hub.ts';
import { silent } from '../../test/support/databases.ts';
import { TestDns } from '../../test/support/dns-server.ts';
import { MemoryAuditIndex } from '../../test/support/memory-audit-index.ts';
import { MemoryBans } from '../../test/support/memory-bans.ts';
import { selfSigned } from '../../test/support/self-signed.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import type { Finding } from '../../shared/doctor/finding.ts';
import type { Look } from '../../shared/doctor/look.ts';
import { CidrSet } from '../../shared/net-address.ts';
import { Bans } from '../access/bans/bans.ts';
import { AuditLog } from '../audit/audit-log.ts';
import { TravelMapFile } from '../accounts/login/travel-map.ts';
import { noteBackup } from '../backup/backup-state.ts';
import { certificatesOfHost } from '../cli/held-certificates.ts';
import { Trips } from '../telemetry/trips.ts';
import { examineIdle, examineRunning, idleLooks, runningLooks } from './doctor.ts';
import type { RunningHub } from './premises.ts';

afterEach(closeExamined);

type Ill = RunningHub | Promise<RunningHub>;
type Check = keyof typeof runningLooks;

const ill = (change: Change, environment?: Record<string, string>): Ill =>
  examinedHub(environment, change);

async function withClosedDoors(): Promise<RunningHub> {
  const port = await freePort();
  const publicUrl = `https://hub.localhost:${port}`;
  return examinedHub({}, { doors: () => doorsAt(port), publicUrl });
}

async function withNames(set: (dns: TestDns) => void): Promise<RunningHub> {
  const dns = await TestDns.start();
  atTheEnd(() => dns.stop());
  set(dns);
  return examinedHub({
    HUB_PUBLIC_URL: 'https://hub.example.org',
    HUB_TENANT_DOMAIN: 'films.example.net',
    HUB_DNS_RESOLVERS: dns.server,
    HUB_DNS_RESOLVERS_ONLY: '1',
  });
}

/** With certificates from files, for these names. */
async function withFiles(...names: string[]): Promise<RunningHub> {
  const folder = temporaryFolder('pairs').path;
  const pairs = await Promise.all(
    names.map(async (name, at) => {
      const { cert, key } = await selfSigned(name);
      const [chain, keyPath] = [join(folder, `${at}.pem`), join(folder, `${at}.key`)];
      writeFileSync(chain, cert);
      writeFileSync(keyPath, key, { mode: 0o600 });
      return [chain, keyPath] as const;
    }),
  );
  const hub = await examinedHub({
    HUB_TLS: 'files',
    HUB_TLS_CERT_FILE: pairs.map(([chain]) => chain).join(','),
    HUB_TLS_KEY_FILE: pairs.map(([, key]) => key).join(','),
  });
  return { ...hub, certificates: () => certificatesOfHost(hub.config, new Date()) };
}

async function besideAnAuthority(date: string): Promise<RunningHub> {
  const pair = await selfSigned('localhost');
  const server = createHttpsServer(pair, (_, response) => {
    response.setHeader('date', date).end();
  });
  const { port } = await listening(server);
  const caFile = join(temporaryFolder('ca').path, 'ca.pem');
  writeFileSync(caFile, pair.cert);
  return examinedHub({
    ...acme,
    HUB_ACME_DIRECTORY: `https://localhost:${port}/dir`,
    HUB_ACME_CA_FILE: caFile,
  });
}

async function withTwoCertificates(): Promise<RunningHub> {
  const doors = [await selfSigned('hub.localhost'), await selfSigned('hub.localhost')];
  const [own, strange] = await Promise.all(doors.map((pair) => listening(createTlsServer(pair))));
  const ownPort = own?.port ?? 0;
  const publicUrl = `https://hub.localhost:${strange?.port}`;
  return examinedHub({}, { doors: () => doorsAt(ownPort), publicUrl });
}

async function withAuditOf(excluded: 'hub.examined' | undefined): Promise<RunningHub> {
  const index = new MemoryAuditIndex();
  const hub = await examinedHub();
  const folder = join(hub.folder, 'other-audit');
  const { limits } = hub.config.audit;
  const deaf = new Set(excluded === undefined ? [] : [excluded]);
  const options = { folder, limits, excluded: deaf, authLogPath: undefined, index, log: silent };
  const audit = await AuditLog.open(options);
  atTheEnd(() => audit.close());
  return { ...hub, audit, findsNoted: async () => index.records.some((r) => r.event === excluded) };
}

async function withChangedLog(): Promise<RunningHub> {
  const hub = await examinedHub();
  hub.audit.note({ event: 'hub.started', actor: 'system', result: 'ok' });
  await hub.audit.flush();
  const { folder } = hub.config.audit;
  const file = readdirSync(folder).find((name) => name.endsWith('.jsonl')) ?? 'none';
  appendFileSync(join(folder, file), '{"event":"hub.stopped","seq":99}\n');
  return hub;
}

/** As of a database whose connection for news is broken. */
class DeafBans extends MemoryBans {
  override async onChange(): Promise<() => void> {
    return () => undefined;
  }
}

/** Somebody banned a network, and the doors did not hear of it. */
async function withDeafDoors(): Promise<RunningHub> {
  const store = new DeafBans();
  const hub = await examinedHub();
  const parts = { audit: hub.audit, trustedProxies: new CidrSet([]), log: silent };
  const [doors, command] = [
    await Bans.open({ store, ...parts }),
    await Bans.open({ store, ...parts }),
  ];
  atTheEnd(() => [doors.close(), command.close()]);
  await command.add({ network: '192.0.2.7', forMs: undefined, reason: '', actor: 'host' });
  const stored = (await store.list()).map(({ network }) => network);
  return { ...hub, bans: async () => ({ held: doors.list().map((b) => b.network), stored }) };
}

function kernelWith(limits: string): string {
  const folder = temporaryFolder('kernel').path;
  mkdirSync(join(folder, 'self', 'fd'), { recursive: true });
  writeFileSync(join(folder, 'self', 'limits'), limits);
  return folder;
}

const days = (count: number): Date => new Date(now.getTime() - count * 86_400_000);

/** Each check beside what makes it red, or yellow. The compiler asks for one of every check, and so does the test below. */
const fixtures: Record<Check, () => Ill> = {
  'reach.https': withClosedDoors,
  'reach.tunnel': withClosedDoors,
  'reach.http': async () => {
    const { port } = await listening(createHttpServer((_, response) => response.end('a stranger')));
    return examinedHub({}, { doors: () => doorsAt(port) });
  },
  'tls.interception': withTwoCertificates,
  'port.https': withClosedDoors,
  'port.http': withClosedDoors,
  'port.tunnel': withClosedDoors,
  'bind.addresses': async () => {
    await listening(createServer());
    return examinedHub({ HUB_METRICS_LISTEN: 'off' });
  },
  'dns.hub': () => withNames(() => undefined),
  'dns.wildcard': () => withNames((dns) => dns.set('hub.example.org', 'A', '192.0.2.1')),
  'tls.certificate': () => ill({ certificates: async () => [], now: days(-200) }, acme),
  'tls.names': () => withFiles('hub.localhost'),
  'clock.authority': () => besideAnAuthority('Sun, 22 Nov 2026 11:00:00 GMT'),
  'database.reachable': () =>
    ill({}, { HUB_DATABASE_URL: 'postgresql://hub:kX9-long-enough-2f@127.0.0.1:1/hub' }),
  'database.schema': () =>
    ill({
      database: async () => ({ place: 'x', version: 18, schema: 'newer', now, tookMs: 1 }),
    }),
  'config.permissions': async () => {
    const hub = await examinedHub();
    writeFileSync(join(hub.folder, 'sealing.key'), 'x');
    chmodSync(join(hub.folder, 'sealing.key'), 0o644);
    return hub;
  },
  'config.data-folder': async () => {
    const hub = await examinedHub();
    chmodSync(hub.folder, 0o755);
    return hub;
  },
  'config.secrets': () =>
    ill({}, { HUB_DATABASE_URL: 'postgresql://hub:kX9-long-enough-2f@127.0.0.1:1/hub' }),
  'disk.space': () =>
    ill({
      machine: { disk: async () => ({ bsize: 4096, bavail: 2000, files: 10_000, ffree: 9000 }) },
    }),
  'backup.age': async () => {
    const hub = await examinedHub();
    await noteBackup(hub.folder, { at: days(8), file: 'a', ok: true });
    return hub;
  },
  'config.same-site': () =>
    ill({}, { HUB_PUBLIC_URL: 'https://hub.example.org', HUB_TENANT_DOMAIN: 'films.example.org' }),
  'config.admin-door': () => examinedHub(),
  'config.user': () => ill({}, { ...acme, ...responder, HUB_USER: 'daemon' }),
  'software.versions': () => {
    const software = { node: '20.11.0', openssl: '3.0.13', packages: { ws: '8.17.0' } };
    return ill({ machine: { software } });
  },
  'software.feed': () =>
    ill({
      advisories: async () => ({ kind: 'unusable', reason: 'it is not signed', newest: undefined }),
    }),
  'limits.memory': () => ill({ machine: { memoryBytes: 2 ** 28 } }),
  'clock.offset': () => ill({ databaseTime: async () => new Date(now.getTime() + 9000) }),
  'config.proxies': () => ill({ unnamedAt: () => now }),
  'audit.chain': withChangedLog,
  'detectors.audit': () => withAuditOf('hub.examined'),
  'detectors.bans': withDeafDoors,
  'accounts.passkeys': () =>
    ill({ admins: async () => [{ username: 'robin', passkeys: 0, hasTotp: true }] }),
  'login.travel': () => {
    const map = new TravelMapFile({ path: '/nonexistent', log: silent });
    return ill({ travels: () => map.look().then((state) => ({ map: state, checks: 0 })) });
  },
  'limits.trips': () => {
    const trips = new Trips(() => now);
    for (let count = 0; count < 300; count += 1) trips.note('login.locked', '192.0.2.7');
    return ill({ trips });
  },
  'limits.descriptors': () =>
    ill({ machine: { kernel: kernelWith('Max open files   1024   4096   files\n') } }),
  'limits.load': () => ill({ memory: () => ({ residentBytes: 2 ** 32, sheds: true }) }),
};

const acme = {
  HUB_PUBLIC_URL: 'https://hub.example.org',
  HUB_TENANT_DOMAIN: 'films.example.net',
  HUB_TLS: 'acme',
  HUB_ACME_EMAIL: 'admin@example.org',
  HUB_ACME_AGREE_TERMS: '1',
};

const responder = {
  HUB_DNS_PROVIDER: 'responder',
  HUB_DNS_RESPONDER_ZONES: 'films.example.net',
  HUB_DNS_RESPONDER_ADDRESSES: '192.0.2.7',
};

describe('every check', () => {
  test('has a fixture that makes it red', () => {
    expect(Object.keys(fixtures).toSorted()).toEqual(Object.keys(runningLooks).toSorted());
    const idle = Object.keys(idleLooks).filter((check) => !Object.hasOwn(fixtures, check));
    expect(idle).toEqual([]);
  });

  test.each(Object.keys(fixtures) as Check[])(
    '%s is seen when it is not in order',
    async (check) => {
      const look: Look<RunningHub> = runningLooks[check];
      const verdict = await look(await fixtures[check]());
      expect(['warning', 'failure']).toContain(verdict?.state);
      // Whoever reads it knows what to do.
      expect(verdict?.remedy).toMatch(/\w{4,}.*\.$/s);
    },
  );
});

const statesOf = (findings: readonly Finding[]): Record<string, string> =>
  Object.fromEntries(findings.map(({ check, state }) => [check, state]));

test('a hub in order has nothing wrong', async () => {
  const hub = await examinedHub({ HUB_ADMIN_ALLOW_CIDRS: '192.0.2.0/24' });
  const states = statesOf(await examineRunning(hub));
  // Of this one the doors are not open, and the process is the test's.
  const ailing = Object.entries(states).filter(
    ([check, state]) => !['ok', 'unknown'].includes(state) && !/^(port|bind)\./.test(check),
  );
  expect(ailing).toEqual([]);
});

test('where no hub runs, a port that somebody holds is told with his name', async () => {
  const server = createServer();
  const { port } = await listening(server);
  const taken = { HUB_HTTPS_LISTEN: `127.0.0.1:${port}`, HUB_TUNNEL_LISTEN: `127.0.0.1:0` };
  const findings = await examineIdle(await examinedHub({ ...taken, HUB_HTTP_LISTEN: 'off' }));
  expect(statesOf(findings)).toMatchObject({ 'port.https': 'failure', 'port.tunnel': 'ok' });
  expect(findings[0]?.message).toContain(`(process ${process.pid})`);
  expect(findings[0]?.remedy).toContain('HUB_HTTPS_LISTEN');
});

test('looking makes no folder', async () => {
  const hub = await examinedHub();
  // Its audit log may be writing.
  await hub.audit.flush();
  rmSync(hub.folder, { recursive: true, maxRetries: 10 });
  const states = statesOf(await examineIdle(hub));
  expect(states).toMatchObject({
    'config.permissions': 'unknown',
    'database.reachable': 'unknown',
  });
  expect(() => readdirSync(hub.folder)).toThrow('ENOENT');
});
