import { Buffer } from 'node:buffer';
import { randomUUIDv7 } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocketServer } from 'ws';

import { generateIdentityKey } from '../../agent/credentials.ts';
import { openLink } from '../../agent/link.ts';
import { readStatus } from '../../agent/status.ts';
import { trustOf } from '../../agent/trust.ts';
import { readConfig } from '../../agent/config.ts';
import { SsoLinks } from '../../hub/accounts/sso/links.ts';
import { noAudit } from '../../hub/audit/audit.ts';
import { verifyArchive } from '../../hub/backup/archive-reader.ts';
import { Exchange } from '../../hub/certificates/acme/exchange.ts';
import { runHub } from '../../hub/cli/program.ts';
import { openDatabase } from '../../hub/db/connect.ts';
import { installPrograms } from '../../hub/db/embedded-programs.ts';
import { requireEmpty } from '../../hub/db/load.ts';
import { withClient } from '../../hub/db/marks.ts';
import { domains } from '../../hub/db/schema.ts';
import { noNotices } from '../../hub/notices/notice.ts';
import { silent } from '../support/databases.ts';
import { onlineHostname, TestEdge } from '../support/edge.ts';
import { door, movies, online, run, stopEverything } from '../support/running-agent.ts';
import { selfSigned } from '../support/self-signed.ts';
import { TestStores } from '../support/stores.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

// Failures that no story of the other suites comes past, each through the code that finds it.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
afterEach(stopEverything);

test('acme.misconfigured: an authority without TLS, or with a root that is none', () => {
  const code = 'acme.misconfigured';
  expect(() => new Exchange({ directoryUrl: 'http://ca.example/dir' })).toThrow(
    expect.objectContaining({ code }),
  );
  expect(() => new Exchange({ directoryUrl: 'https://ca.example/dir', trust: 'no PEM' })).toThrow(
    expect.objectContaining({ code }),
  );
});

test('sso.last-way: the link that is the only way into an account stays', async () => {
  const link = { id: 'link', accountId: 'kim', providerId: 'home' };
  const store = { listOf: async () => [link], remove: () => Promise.reject(new Error('removed')) };
  const providers = { find: async () => undefined };
  const rooms = {
    store,
    providers,
    hasOtherWay: async () => false,
    audit: noAudit,
    notices: noNotices,
  };
  const links = new SsoLinks(rooms as unknown as ConstructorParameters<typeof SsoLinks>[0]);
  const caller = { account: { id: 'kim' } } as Parameters<SsoLinks['remove']>[0];
  await expect(links.remove(caller, 'link')).rejects.toMatchObject({ code: 'sso.last-way' });
});

test('edge.body-too-large: chunk extensions without end', async () => {
  await using edge = await TestEdge.start();
  const chunk = `1;${'x'.repeat(20_000)}\r\na\r\n0\r\n\r\n`;
  const answer = await edge.raw(
    `POST / HTTP/1.1\r\nHost: ${onlineHostname}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 413 [^]*"code":"edge\.body-too-large"/);
});

test('status.path-too-long: a state folder too deep for a socket', async () => {
  const folder = `/tmp/${'deep/'.repeat(30)}`;
  await expect(readStatus(folder)).rejects.toMatchObject({ code: 'status.path-too-long' });
});

describe('the agent', () => {
  test('link.draining: its hub is being restarted', async () => {
    const hub = await door();
    const agent = run({ hubUrl: hub.hubUrl, token: await hub.token({ label: 'movies' }) });
    await online(hub, movies);
    await hub.gateway.close(0);
    const draining = { err: expect.objectContaining({ code: 'link.draining' }) };
    await vi.waitFor(() => expect(agent.logged).toContainEqual(expect.objectContaining(draining)));
  });

  test('link.protocol: what answers breaks the rules of the protocol', async () => {
    const { cert, key } = await selfSigned('hub.localhost');
    const server = createServer({ cert, key, minVersion: 'TLSv1.3' });
    const websockets = new WebSocketServer({ server });
    // A type that has to be known, and is not (rule P6).
    websockets.on('connection', (socket) => socket.send(Buffer.from('7f00000000000000', 'hex')));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const hubUrl = `https://hub.localhost:${port}`;
    const config = readConfig({ PHLIX_HUB_URL: hubUrl, PHLIX_STATE_DIR: '/nowhere' });
    const tunnelUrl = `wss://hub.localhost:${port}/tunnel`;
    const link = openLink({
      tunnelUrl,
      proxy: undefined,
      epoch: 1n,
      slot: 0,
      originProtocol: 'http/1.1',
      identity: {
        state: 'enrolled',
        hubUrl,
        agentId: 'agent',
        serverId: 'server',
        tunnelUrls: [tunnelUrl],
        privateKey: generateIdentityKey(),
        formerKeys: [],
        caPem: undefined,
      },
      identityFile: '/nowhere/identity.json',
      trust: await trustOf({ ...config, verifiesCertificate: false }, undefined),
      software: 'test/1',
      deadlineMs: 10_000,
      signal: AbortSignal.timeout(20_000),
      onStream: () => undefined,
      onAddresses: () => undefined,
    });
    await expect(link).rejects.toMatchObject({ code: 'link.protocol' });
    websockets.close();
    server.close();
  });
});

describe('the database of the hub itself', () => {
  let folder: TemporaryFolder;
  const open = async () =>
    openDatabase({ url: undefined, dataDir: folder.path }, { purpose: 'hub', log: silent });
  beforeAll(() => {
    folder = temporaryFolder('codes');
  });
  afterAll(() => folder.remove());

  test('database.unsupported-platform: nobody has built it for this machine', () => {
    const platform = vi.spyOn(process, 'arch', 'get').mockReturnValue('mips');
    expect(() => installPrograms(join(folder.path, 'programs'))).toThrow(
      expect.objectContaining({ code: 'database.unsupported-platform' }),
    );
    platform.mockRestore();
  });

  test('database.folder: a file lies where its folder should be', async () => {
    const path = join(folder.path, 'database');
    writeFileSync(path, 'in the way');
    const opening = open();
    await expect(opening).rejects.toMatchObject({ code: 'database.folder' });
    rmSync(path);
  });

  test('domain.unknown and domain.ambiguous: a command about a domain that nobody claims, or two servers do', async () => {
    const database = await open();
    const stores = new TestStores(database);
    const hostname = 'films.example.org';
    const now = new Date();
    const claims = await Promise.all(
      ['first-of-two', 'second-of-two'].map(async (label) => {
        const { server } = await stores.enrol({ label });
        const whose = { serverId: server.id, ownerId: server.ownerId };
        const times = { stateSince: now, nextCheckAt: now, createdAt: now };
        const id = randomUUIDv7();
        return { id, hostname, ...whose, ...times, token: label, state: 'waiting' as const };
      }),
    );
    expect(await say('domains', 'remove', hostname)).toMatch(
      /Nobody has added films\.example\.org/,
    );
    await database.queries.insert(domains).values(claims);
    expect(await say('domains', 'remove', hostname)).toMatch(
      /2 servers claim films\.example\.org: say which one with --server/,
    );
    await database.close();
  });

  test('database.not-empty: what a hub has filled is no place for another one', async () => {
    const database = await open();
    await withClient(database.connection, async (client) =>
      expect(requireEmpty(client, 'here')).rejects.toMatchObject({ code: 'database.not-empty' }),
    );
    await database.close();
  });

  test('backup.not-empty: a backup is not restored over a hub, unasked', async () => {
    const file = join(folder.path, 'hub.tar');
    await say('backup', '--output', file, '--insecure-plain');
    expect(await say('restore', file, '--insecure-plain')).toMatch(/There is a hub already/);
  });

  test('backup.storage: where the backup should be lies a folder', async () => {
    const noKeys = { identities: [], passphrases: [] };
    const reading = verifyArchive(folder.path, noKeys);
    await expect(reading).rejects.toMatchObject({ code: 'backup.storage' });
  });

  test('database.failed: PostgreSQL itself does not start', async () => {
    writeFileSync(join(folder.path, 'database', 'data', 'postgresql.auto.conf'), 'nonsense\n');
    await expect(open()).rejects.toMatchObject({ code: 'database.failed' });
  });

  async function say(...words: string[]): Promise<string> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const environment = { HUB_DATA_DIR: folder.path };
    await runHub(words, { environment, stdout, stderr });
    return String(stderr.read() ?? '');
  }
});
