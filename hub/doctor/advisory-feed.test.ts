import { execFile, execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { hasParts, partPath } from '../../test/support/parts.ts';
import { selfSigned } from '../../test/support/self-signed.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { snapshot } from '../../shared/doctor/advisories.ts';
import type { Finding } from '../../shared/doctor/finding.ts';
import { readConfig } from '../config.ts';
import { createSafeFetch } from '../outbound/safe-fetch.ts';
import { AdvisoryFeed, feedLimits, newerOf } from './advisory-feed.ts';
import { keptListPath } from './kept-list.ts';
import { parseMinisignKey } from './minisign.ts';

/** As minisign writes them, by a key of this test. */
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const keyId = Buffer.from('phlixkey');
const signer = signerOf(publicKey);

function signerOf(key: KeyObject): string {
  const raw = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
  return Buffer.concat([Buffer.from('Ed'), keyId, raw]).toString('base64');
}

function signatureOf(content: string, id = keyId): string {
  const bytes = sign(null, createHash('blake2b512').update(content).digest(), privateKey);
  const line = Buffer.concat([Buffer.from('ED'), id, bytes]).toString('base64');
  return `untrusted comment: a test's\n${line}\ntrusted comment: none\nnone\n`;
}

const list = {
  ...snapshot,
  asOf: '2026-11-20',
  packages: { 'phlix-hub': { id: 'CVE-2026-99999', fixedIn: '99.0.0' } },
};
const good = JSON.stringify(list);

let files: Record<string, string> = {};
let asked: string[] = [];
let server: Server;
let url = '';
let cert = '';
let dataDir = '';

beforeAll(async () => {
  const pair = await selfSigned('localhost');
  cert = pair.cert;
  server = createServer(pair, ({ url: path = '' }, response) => {
    asked.push(path);
    const text = files[path];
    response.writeHead(text === undefined ? 404 : 200).end(text);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  url = `https://localhost:${(server.address() as AddressInfo).port}/holes.json`;
});
afterAll(() => server.close());
beforeEach(() => {
  asked = [];
  dataDir = temporaryFolder('kept').path;
  files = { '/holes.json': good, '/holes.json.minisig': signatureOf(good) };
});

function feed(nowMs?: () => number, key = signer): AdvisoryFeed {
  const parsed = parseMinisignKey(key);
  if (parsed === undefined) throw new Error('no key');
  const fetch = createSafeFetch({ ...feedLimits, ca: cert });
  return new AdvisoryFeed({ url, signer: parsed }, fetch, keptListPath(dataDir), nowMs);
}

test('a list that is signed is taken, and is asked for every six hours at most', async () => {
  let nowMs = 1;
  const followed = feed(() => nowMs);
  const looks = await Promise.all([followed.look(), followed.look()]);
  const look = { kind: 'list', asOf: list.asOf, newest: list };
  expect(looks).toEqual([look, look]);
  nowMs += 5.9 * 3_600_000;
  await followed.look();
  expect(asked.toSorted()).toEqual(['/holes.json', '/holes.json.minisig']);
  nowMs += 0.2 * 3_600_000;
  await followed.look();
  expect(asked).toHaveLength(4);
});

const garbled = {
  ...list,
  node: { 24: { id: '\u001b[2J', fixedIn: '24.0.0', end: '2028-01-01' } },
};

test.each<[string, () => void, RegExp]>([
  ['of another signature', () => (files['/holes.json'] = `${good} `), /not signed/],
  [
    'signed by another key',
    () => (files['/holes.json.minisig'] = signatureOf(good, Buffer.from('otherkey'))),
    /not signed/,
  ],
  ['without a signature', () => delete files['/holes.json.minisig'], /minisig answered with 404/],
  ['signed, and no list', () => publish('<html>'), /no list/],
  ['signed, with letters that move a cursor', () => publish(JSON.stringify(garbled)), /no list/],
  ['larger than any', () => publish(' '.repeat(feedLimits.maxBytes + 1)), /more than 131072/],
])('one %s is of no use, with the reason', async (_, change, reason) => {
  change();
  const look = await feed().look();
  expect(look).toMatchObject({ kind: 'unusable', reason: expect.stringMatching(reason) });
  expect(newerOf(look)).toBe(snapshot);
});

function publish(text: string): void {
  files = { '/holes.json': text, '/holes.json.minisig': signatureOf(text) };
}

const former = { ...list, asOf: '2026-10-01', packages: {} };
/** Older than what the program knows by itself. */
const ancient = { ...former, asOf: '2026-01-01' };

test('an older list than the program’s own takes nothing back', async () => {
  expect(newerOf(await feed().look())).toEqual(list);
  dataDir = temporaryFolder('kept').path;
  publish(JSON.stringify(ancient));
  expect(newerOf(await feed().look())).toBe(snapshot);
});

const soon = 6.1 * 3_600_000;
const wentBack = { kind: 'list', asOf: former.asOf, newest: list };

describe('an address that showed a list', () => {
  test('and shows a former one takes nothing back, though its signature is good', async () => {
    dataDir = join(dataDir, 'none');
    let nowMs = 1;
    const followed = feed(() => nowMs);
    await followed.look();
    publish(JSON.stringify(former));
    nowMs += soon;
    const look = await followed.look();
    expect(look).toEqual(wentBack);
    expect(newerOf(look)).toEqual(list);
  });

  test('takes nothing back by showing nothing', async () => {
    await feed().look();
    files = {};
    const look = await feed().look();
    expect(look).toMatchObject({ kind: 'unusable' });
    expect(newerOf(look)).toEqual(list);
  });

  test('takes nothing back by waiting for the next start of the hub', async () => {
    await feed().look();
    expect(statSync(keptListPath(dataDir)).mode & 0o777).toBe(0o600);
    publish(JSON.stringify(former));
    expect(await feed().look()).toEqual(wentBack);
    // Nor does the former one take the place of what is kept.
    expect(await feed().look()).toEqual(wentBack);
  });

  test('goes on with a newer one, and with what its signer mended on the same day', async () => {
    let nowMs = 1;
    const followed = feed(() => nowMs);
    await followed.look();
    for (const next of [
      { ...list, packages: {} },
      { ...list, asOf: '2026-11-21' },
    ]) {
      publish(JSON.stringify(next));
      nowMs += soon;
      expect(await followed.look()).toEqual({ kind: 'list', asOf: next.asOf, newest: next });
    }
  });

  test.each<[string, (kept: { content: string; signature: string }) => string]>([
    ['damaged', () => '{'],
    ['not the signed one any more', (kept) => JSON.stringify({ ...kept, content: encodedFuture })],
  ])('begins anew where what was kept is %s', async (_, change) => {
    await feed().look();
    const path = keptListPath(dataDir);
    writeFileSync(path, change(JSON.parse(readFileSync(path, 'utf8'))));
    publish(JSON.stringify(former));
    expect(await feed().look()).toEqual({ kind: 'list', asOf: former.asOf, newest: former });
  });

  test('begins anew with another signer', async () => {
    await feed().look();
    const other = signerOf(generateKeyPairSync('ed25519').publicKey);
    const look = await feed(undefined, other).look();
    expect(look).toMatchObject({ kind: 'unusable', newest: undefined });
  });
});

const encodedFuture = Buffer.from(JSON.stringify({ ...list, asOf: '2099-01-01' })).toString(
  'base64',
);

test('the finding names both days, and what to do', { timeout: 60_000 }, async () => {
  const folder = temporaryFolder('feed').path;
  mkdirSync(join(folder, 'data'), { mode: 0o700 });
  writeFileSync(join(folder, 'ca.pem'), cert);
  const settings = { HUB_ADVISORY_FEED: url, HUB_ADVISORY_SIGNER: signer };
  publish(JSON.stringify(ancient));
  const old = await doctor(folder, settings);
  expect(old['software.feed']).toMatchObject({
    state: 'warning',
    message: expect.stringMatching(`of 2026-01-01, older than .* own of ${snapshot.asOf}`),
    remedy: expect.stringMatching(/newer one, or unset HUB_ADVISORY_FEED/),
  });
  publish(good);
  await doctor(folder, settings);
  publish(JSON.stringify(former));
  const back = await doctor(folder, settings);
  expect(back['software.feed']).toMatchObject({
    state: 'warning',
    message: expect.stringMatching(/went back to .* of 2026-10-01; .* one of 2026-11-20/),
    remedy: expect.stringContaining(keptListPath(join(folder, 'data'))),
  });
  expect(back['software.versions']).toMatchObject({
    state: 'failure',
    message: expect.stringContaining('CVE-2026-99999'),
  });
});

test.each([
  [{ HUB_ADVISORY_FEED: 'http://example.org/x.json', HUB_ADVISORY_SIGNER: signer }, /https:/],
  [{ HUB_ADVISORY_FEED: 'https://example.org/x.json' }, /HUB_ADVISORY_SIGNER/],
  [{ HUB_ADVISORY_SIGNER: signer }, /HUB_ADVISORY_FEED/],
  [{ HUB_ADVISORY_FEED: 'https://example.org/', HUB_ADVISORY_SIGNER: 'RWQ=' }, /minisign\.pub/],
])(
  'settings that leave a list without somebody who vouches for it are refused',
  (settings, why) => {
    const machine = { bindsLowPorts: false, stateFolder: '/x', memoryBytes: 2 ** 32 };
    expect(() => readConfig(settings, machine)).toThrow(why);
  },
);

test(
  'with HUB_ADVISORY_FEED the doctor knows of holes that became known later, and asks nobody without',
  { timeout: 60_000 },
  async () => {
    const folder = temporaryFolder('feed').path;
    writeFileSync(join(folder, 'ca.pem'), cert);
    const [unset, set] = await Promise.all([
      doctor(folder, {}),
      doctor(folder, { HUB_ADVISORY_FEED: url, HUB_ADVISORY_SIGNER: signer }),
    ]);
    expect(unset['software.versions']).toMatchObject({ state: 'ok' });
    expect(unset).not.toHaveProperty('software.feed');
    expect(asked.toSorted()).toEqual(['/holes.json', '/holes.json.minisig']);
    expect(set['software.feed']).toMatchObject({ state: 'ok' });
    expect(set['software.versions']).toMatchObject({
      state: 'failure',
      message: expect.stringMatching(
        /phlix-hub 0\.\d+\.\d+ \(CVE-2026-99999, mended in 99\.0\.0\)/,
      ),
    });
  },
);

test.skipIf(!hasParts('minisign'))('what minisign itself signs is taken', async () => {
  const folder = temporaryFolder('minisign').path;
  const run = (...words: string[]) => execFileSync(partPath('minisign'), words, { cwd: folder });
  run('-G', '-W', '-s', 'key', '-p', 'key.pub');
  writeFileSync(join(folder, 'list'), good);
  run('-S', '-s', 'key', '-m', 'list');
  files['/holes.json.minisig'] = readFileSync(join(folder, 'list.minisig'), 'utf8');
  const [, key = ''] = readFileSync(join(folder, 'key.pub'), 'utf8').split('\n');
  expect(await feed(undefined, key).look()).toMatchObject({ kind: 'list' });
  expect(await feed().look()).toMatchObject({ kind: 'unusable' });
});

/** The real command, where no hub runs. */
async function doctor(
  folder: string,
  settings: Record<string, string>,
): Promise<Record<string, Finding>> {
  const env = {
    HUB_DATA_DIR: join(folder, 'data'),
    HUB_HTTPS_LISTEN: '127.0.0.1:0',
    HUB_HTTP_LISTEN: 'off',
    HUB_TUNNEL_LISTEN: '127.0.0.1:0',
    NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
    ...settings,
  };
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, [main, 'doctor', '--json'], { env }, (_error, stdout) =>
      resolve(stdout),
    );
  });
  const { findings } = JSON.parse(output) as { findings: readonly Finding[] };
  return Object.fromEntries(findings.map((finding) => [finding.check, finding]));
}
