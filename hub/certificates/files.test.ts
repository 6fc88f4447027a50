import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { createLogger } from '../../shared/log.ts';
import { FileCertificates, type FileCertificatesOptions } from './files.ts';
import { issueAuthority, issueLeaf, type IssuedPair } from './issuance.ts';

const names = { hubHost: 'hub.example', tenantDomain: 'films.example' };
const covering = ['hub.example', '*.films.example'];
const now = new Date();
let authority: IssuedPair;
let home: string;
let lines: { level: string; msg: string }[];
const opened: FileCertificates[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'files-'));
  authority = await issueAuthority(['example'], now);
  lines = [];
});

afterEach(async () => {
  for (const source of opened.splice(0)) source.stop();
  await rm(home, { recursive: true });
});

async function open(options: Partial<FileCertificatesOptions> = {}): Promise<FileCertificates> {
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const log = createLogger({ level: 'info', name: 'test' }, destination);
  const source = await FileCertificates.open({ pairs: [pathsIn(home)], ...names, log, ...options });
  opened.push(source);
  return source;
}

function pathsIn(folder: string): { chainPath: string; keyPath: string } {
  return { chainPath: join(folder, 'tls.crt'), keyPath: join(folder, 'tls.key') };
}

async function store(pair: IssuedPair, folder = home): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { chainPath, keyPath } = pathsIn(folder);
  await writeFile(chainPath, pair.certificate);
  await writeFile(keyPath, pair.key, { mode: 0o600 });
}

function messages(): string[] {
  return lines.map(({ msg }) => msg);
}

describe('certificates from files', () => {
  test('several pairs serve their own names, exact before wildcard', async () => {
    await store(await issueLeaf(authority, covering, now));
    const other = join(home, 'other');
    await store(await issueLeaf(authority, ['kino.films.example'], now), other);
    const source = await open({ pairs: [pathsIn(home), pathsIn(other)] });
    expect(source.find('hub.example')?.names).toEqual(covering);
    expect(source.find('movies.films.example')?.names).toEqual(covering);
    expect(source.find('kino.films.example')?.names).toEqual(['kino.films.example']);
    expect(source.find('films.example')).toBeUndefined();
    expect(source.find('a.movies.films.example')).toBeUndefined();
  });

  test('notices by itself that the files changed', async () => {
    await store(await issueLeaf(authority, covering, now));
    const source = await open({ pollIntervalMs: 10 });
    const first = source.find('hub.example');
    await store(await issueLeaf(authority, covering, now));
    await vi.waitFor(() => expect(source.find('hub.example')).not.toBe(first), 5000);
    expect(messages()).toContain('certificate read again');
  });

  test('follows a folder that is swapped behind a symbolic link', async () => {
    await store(await issueLeaf(authority, covering, now), join(home, 'v1'));
    await symlink('v1', join(home, 'data'));
    const source = await open({ pairs: [pathsIn(join(home, 'data'))] });
    const first = source.find('hub.example');
    await store(await issueLeaf(authority, covering, now), join(home, 'v2'));
    await symlink('v2', join(home, 'data.new'));
    await rename(join(home, 'data.new'), join(home, 'data'));
    await source.reread();
    expect(source.find('hub.example')).not.toBe(first);
  });

  test('keeps the former pair while the new one is half written or gone, says so once, and recovers', async () => {
    await store(await issueLeaf(authority, covering, now));
    const source = await open();
    const first = source.find('hub.example');
    const next = await issueLeaf(authority, covering, now);
    const { chainPath, keyPath } = pathsIn(home);

    await writeFile(chainPath, next.certificate);
    for (let look = 0; look < 3; look += 1) await source.reread();
    expect(source.find('hub.example')).toBe(first);
    expect(messages().filter((message) => message.includes('kept'))).toHaveLength(1);

    await rm(keyPath);
    await source.reread();
    expect(source.find('hub.example')).toBe(first);

    await writeFile(keyPath, next.key, { mode: 0o600 });
    await source.reread();
    expect(source.find('hub.example')).not.toBe(first);
  });

  test('refuses to start with a pair that cannot be served', async () => {
    const mine = await issueLeaf(authority, covering, now);
    const other = await issueLeaf(authority, covering, now);
    const stranger = await issueAuthority(['example'], now);

    await expect(open()).rejects.toMatchObject({
      code: 'certificate.unreadable',
      message: expect.stringMatching(/of HUB_TLS_(CERT|KEY)_FILE cannot be read \(ENOENT\)/),
    });
    await store({ ...mine, key: other.key });
    await expect(open()).rejects.toMatchObject({ code: 'certificate.mismatch' });
    await store({ ...mine, certificate: 'no certificate' });
    await expect(open()).rejects.toMatchObject({ code: 'certificate.unreadable' });
    await store({ ...mine, certificate: mine.certificate.slice(0, 200) });
    await expect(open()).rejects.toMatchObject({ code: 'certificate.unreadable' });
    await store({ ...mine, certificate: `${mine.certificate}${stranger.certificate}` });
    await expect(open()).rejects.toMatchObject({ code: 'certificate.mismatch' });
    await store(await issueLeaf(authority, ['else.example'], now));
    await expect(open()).rejects.toMatchObject({ code: 'certificate.names' });
    await store(mine);
    const later = new Date(now.getTime() + 91 * 86_400_000);
    await expect(open({ now: () => later })).rejects.toMatchObject({ code: 'certificate.expired' });
  });

  test('asks for a key without its passphrase', async () => {
    const { chainPath, keyPath } = pathsIn(home);
    await store(await issueLeaf(authority, covering, now));
    execFileSync(
      'openssl',
      ['ec', '-aes256', '-passout', 'pass:x', '-in', keyPath, '-out', keyPath],
      {
        stdio: 'ignore',
      },
    );
    await expect(open({ pairs: [{ chainPath, keyPath }] })).rejects.toThrow(/passphrase/);
  });

  test('warns when tenants have no certificate, when the end is near, and when the key is open', async () => {
    const pair = await issueLeaf(authority, ['hub.example'], now);
    await writeFile(pathsIn(home).chainPath, pair.certificate);
    await writeFile(pathsIn(home).keyPath, pair.key, { mode: 0o644 });
    const source = await open({ now: () => new Date(now.getTime() + 80 * 86_400_000) });
    await source.reread();
    expect(messages().sort()).toEqual([
      'certificate is about to end',
      'no wildcard certificate for the tenant domain',
      'private key can be read by every user',
    ]);
  });

  test('are found by the kind of their key, and by the other kind where there is but one', async () => {
    const later = new Date(now.getTime() + 86_400_000);
    await store(await issueLeaf(authority, covering, now));
    await store(await issueLeaf(authority, covering, later, 'rsa'), join(home, 'rsa'));
    const both = await open({ pairs: [pathsIn(home), pathsIn(join(home, 'rsa'))] });
    const [ecdsa, rsa] = [both.find('a.films.example'), both.find('a.films.example', 'rsa')];
    // The one that lasts longer does not win over the one that was asked for.
    expect(rsa?.notAfter.getTime()).toBeGreaterThan(ecdsa?.notAfter.getTime() ?? Infinity);
    await both.prepare('rsa');
    expect(messages()).not.toContain(
      'no certificate with a kind of key that a server or its visitors want',
    );

    const one = await open();
    expect(one.find('a.films.example', 'rsa')).toBe(one.find('a.films.example'));
    await one.prepare('rsa');
    await one.prepare('rsa');
    expect(
      messages().filter(
        (text) => text === 'no certificate with a kind of key that a server or its visitors want',
      ),
    ).toHaveLength(1);
  });
});
