import { execFileSync } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { createLogger } from '../../shared/log.ts';
import { issueLeaf } from './issuance.ts';
import { LocalCa, type LocalCaOptions } from './local-ca.ts';
import { openLocalAuthority } from './local-authority.ts';

const dayMs = 86_400_000;
const names = { hubHost: 'hub.localhost', tenantDomain: 'phlix.localhost' };
const log = createLogger({ level: 'silent', name: 'test' });
const opened: LocalCa[] = [];
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'local-ca-'));
});

afterEach(async () => {
  for (const ca of opened.splice(0)) ca.stop();
  await rm(home, { recursive: true });
});

async function open(options: Partial<LocalCaOptions> = {}): Promise<LocalCa> {
  const ca = await LocalCa.open({ folder: join(home, 'local-ca'), ...names, log, ...options });
  opened.push(ca);
  return ca;
}

async function modeOf(...path: string[]): Promise<string> {
  return ((await stat(join(home, ...path))).mode & 0o777).toString(8);
}

/** What a client that trusts `ca` says of the server called `servername`. */
async function shake(source: LocalCa, servername: string, ca: string): Promise<TLSSocket> {
  const server = createServer({
    SNICallback: (name, done) => done(null, source.find(name)?.context),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, servername, ca });
  try {
    await once(socket, 'secureConnect');
    return socket;
  } finally {
    socket.destroy();
    server.close();
  }
}

const rsaOf = (ca: LocalCa) => ca.find('films.phlix.localhost', 'rsa');
const rsaFile = () => join(home, 'local-ca', 'server-rsa.pem');

function opensslVerify(caPath: string, leafPath: string, host: string): string {
  return execFileSync(
    'openssl',
    [
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-verify_hostname',
      host,
      '-CAfile',
      caPath,
      leafPath,
    ],
    { encoding: 'utf8', stdio: 'pipe' },
  );
}

describe('the local CA', () => {
  test('makes certificates that Node and OpenSSL trust for the hub, the tenant domain and its tenants', async () => {
    const ca = await open();
    const { certificate, certificatePath } = ca.authority;
    for (const host of ['hub.localhost', 'phlix.localhost', 'movies.phlix.localhost']) {
      expect((await shake(ca, host, certificate)).authorized).toBe(true);
      const leafPath = join(home, 'local-ca', 'server.pem');
      expect(opensslVerify(certificatePath, leafPath, host)).toContain('OK');
    }
  });

  test('serves nothing for other names, nor two levels under the tenant domain', async () => {
    const ca = await open();
    for (const name of ['example.org', 'a.b.phlix.localhost', 'x.hub.localhost', 'localhost', '']) {
      expect(ca.find(name)).toBeUndefined();
    }
  });

  test('cannot vouch for names outside its own, not even if its key is stolen', async () => {
    const ca = await open();
    const stolen = await issueLeaf(ca.authority, ['bank.example'], new Date());
    const path = join(home, 'stolen.pem');
    await writeFile(path, stolen.certificate);
    expect(() => opensslVerify(ca.authority.certificatePath, path, 'bank.example')).toThrow(
      /permitted subtree violation/,
    );
  });

  test('is readable by its owner alone', async () => {
    await open();
    expect(await modeOf('local-ca')).toBe('700');
    for (const file of await readdir(join(home, 'local-ca'))) {
      expect(await modeOf('local-ca', file)).toBe('600');
    }
  });

  test('is made once: a second start has the same authority and the same certificate', async () => {
    const first = await open();
    const second = await open();
    expect(second.authority.fingerprint).toBe(first.authority.fingerprint);
    expect(second.find('hub.localhost')?.notAfter).toEqual(first.find('hub.localhost')?.notAfter);
  });

  test('eight first starts at once agree on one authority and leave no drafts behind', async () => {
    const folder = join(home, 'local-ca');
    const opening = Array.from({ length: 8 }, async () =>
      openLocalAuthority(folder, ['hub.localhost'], new Date()),
    );
    const fingerprints = (await Promise.all(opening)).map(({ fingerprint }) => fingerprint);
    expect(new Set(fingerprints).size).toBe(1);
    expect(await readdir(home)).toEqual(['local-ca']);
  });

  test('issues a new certificate when the names change within its domains', async () => {
    await open();
    const ca = await open({ hubHost: 'door.hub.localhost' });
    expect(ca.find('door.hub.localhost')).toBeDefined();
    expect(ca.find('hub.localhost')).toBeUndefined();
  });

  test('refuses names that its authority may not vouch for, and says what to do', async () => {
    await open();
    await expect(open({ tenantDomain: 'films.example' })).rejects.toThrow(
      expect.objectContaining({
        code: 'certificate.names',
        message: expect.stringContaining('move it aside'),
      }),
    );
  });

  test('renews in the running process when a third of the life is left, not earlier', async () => {
    let now = new Date();
    const ca = await open({ now: () => now });
    const first = ca.find('hub.localhost');
    now = new Date(now.getTime() + 59 * dayMs);
    await ca.renewIfDue();
    expect(ca.find('hub.localhost')).toBe(first);
    now = new Date(now.getTime() + 2 * dayMs);
    await ca.renewIfDue();
    const second = ca.find('hub.localhost');
    expect(second?.notAfter.getTime()).toBeGreaterThan(now.getTime() + 89 * dayMs);
    expect(await readdir(join(home, 'local-ca'))).toHaveLength(3);
  });

  test('keeps serving when a renewal fails', async () => {
    let now = new Date();
    const ca = await open({ now: () => now });
    const first = ca.find('hub.localhost');
    await rm(join(home, 'local-ca'), { recursive: true });
    now = new Date(now.getTime() + 80 * dayMs);
    await ca.renewIfDue();
    expect(ca.find('hub.localhost')).toBe(first);
  });

  test('is not replaced when it is damaged, incomplete, mixed up or exposed', async () => {
    await open();
    const key = join(home, 'local-ca', 'ca-key.pem');
    const original = await readFile(key);
    const other = await openLocalAuthority(join(home, 'other'), ['hub.localhost'], new Date());

    await writeFile(key, randomBytes(64));
    await expect(open()).rejects.toMatchObject({ code: 'certificate.unreadable' });
    await writeFile(key, other.key);
    await expect(open()).rejects.toMatchObject({ code: 'certificate.mismatch' });
    await writeFile(key, original);
    await chmod(key, 0o640);
    await expect(open()).rejects.toMatchObject({ code: 'certificate.exposed' });
    await rm(key);
    await expect(open()).rejects.toMatchObject({ code: 'certificate.unreadable' });
    expect(await readdir(join(home, 'local-ca'))).not.toContain('ca-key.pem');
  });

  test('refuses a folder that others can enter', async () => {
    await open();
    await chmod(join(home, 'local-ca'), 0o755);
    await expect(open()).rejects.toThrow(/chmod 700/);
  });

  test('makes a damaged server certificate again: nobody depends on that one', async () => {
    const { fingerprint } = (await open()).authority;
    await writeFile(join(home, 'local-ca', 'server.pem'), 'half');
    const ca = await open();
    expect(ca.find('hub.localhost')).toBeDefined();
    expect(ca.authority.fingerprint).toBe(fingerprint);
  });

  test('every certificate has a serial of its own, and the chain carries the pinned key', async () => {
    const ca = await open();
    const text = await readFile(join(home, 'local-ca', 'server.pem'), 'utf8');
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
    const [leaf, root] = blocks.map((block) => new X509Certificate(block));
    expect(leaf?.serialNumber).not.toBe(root?.serialNumber);
    expect(leaf?.serialNumber.length).toBeGreaterThanOrEqual(16);
    expect(root?.fingerprint256).toBe(new X509Certificate(ca.authority.certificate).fingerprint256);
    expect(Buffer.from(ca.authority.fingerprint, 'base64url')).toHaveLength(32);
  });

  describe('with an RSA key', () => {
    test('comes at first need, once for everybody who waits, and stays', async () => {
      const ca = await open();
      expect(rsaOf(ca)).toBe(ca.find('films.phlix.localhost'));
      await expect(stat(rsaFile())).rejects.toThrow(/ENOENT/);
      await Promise.all([ca.prepare('rsa'), ca.prepare('rsa'), ca.prepare('ecdsa')]);
      const rsa = rsaOf(ca);
      expect(rsa).not.toBe(ca.find('films.phlix.localhost'));
      expect(rsa?.names).toEqual(ca.find('films.phlix.localhost')?.names);
      expect(await modeOf('local-ca', 'server-rsa.pem')).toBe('600');
      const text = await readFile(rsaFile(), 'utf8');
      expect(new X509Certificate(text).publicKey.asymmetricKeyType).toBe('rsa');
      await ca.prepare('rsa');
      expect(await readFile(rsaFile(), 'utf8')).toBe(text);

      const again = await open();
      expect(rsaOf(again)).not.toBe(again.find('films.phlix.localhost'));
      expect(await readFile(rsaFile(), 'utf8')).toBe(text);
    });

    test('is good in the eyes of OpenSSL, and lives as long as the other', async () => {
      const now = new Date();
      const ca = await open({ now: () => now });
      await ca.prepare('rsa');
      const path = ca.authority.certificatePath;
      expect(opensslVerify(path, rsaFile(), 'films.phlix.localhost')).toContain('OK');
      expect(rsaOf(ca)?.notAfter).toEqual(ca.find('films.phlix.localhost')?.notAfter);
    });

    test('leaves the event loop free while the key is found', async () => {
      const ca = await open();
      let turns = 0;
      const turning = setInterval(() => (turns += 1), 1);
      await ca.prepare('rsa');
      clearInterval(turning);
      expect(turns).toBeGreaterThan(2);
    });

    test('is renewed like the other', async () => {
      let now = new Date();
      const ca = await open({ now: () => now });
      await ca.prepare('rsa');
      const first = rsaOf(ca);
      now = new Date(now.getTime() + 70 * dayMs);
      await ca.renewIfDue();
      expect(rsaOf(ca)?.notAfter.getTime()).toBeGreaterThan(first?.notAfter.getTime() ?? 0);
    });

    test('that cannot be stored is a line in the log, and the other serves', async () => {
      const lines: string[] = [];
      const ca = await open({
        log: createLogger(
          { level: 'info', name: 'test' },
          { write: (line) => void lines.push(line) },
        ),
      });
      await rm(join(home, 'local-ca'), { recursive: true });
      await ca.prepare('rsa');
      await ca.prepare('rsa');
      expect(rsaOf(ca)).toBe(ca.find('films.phlix.localhost'));
      expect(lines.filter((line) => line.includes('could not be made'))).toHaveLength(1);
    });
  });
});
