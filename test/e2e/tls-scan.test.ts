import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Curl } from '../support/curl.ts';
import { HubProcess } from '../support/deployment.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** One suite at a time is asked for: some thirty connections, and testssl waits between them. */
const scanMs = 120_000;
const suites = /^(TLS_(AES|CHACHA20)_\w+|ECDHE-(ECDSA|RSA)-(AES\d+-GCM-SHA\d+|CHACHA20-POLY1305))$/;

describe.skipIf(!hasParts('testssl', 'sslscan', 'openssl', 'curl'))('who scans the door', () => {
  let hub: HubProcess;

  beforeAll(async () => {
    hub = await HubProcess.start();
  });

  afterAll(async () => {
    await hub?.stop();
  });

  async function run(program: 'testssl' | 'sslscan' | 'openssl', ...words: string[]) {
    const options = { timeout: scanMs, maxBuffer: 2 ** 24 };
    const scan = promisify(execFile)(partPath(program), words, options);
    scan.child.stdin?.end();
    // Each of them has exit codes of its own for what it finds.
    const { stdout, stderr } = await scan.catch(
      (error: { stdout: string; stderr: string }) => error,
    );
    return stdout + stderr;
  }

  test(
    'with sslscan finds TLS 1.2 and 1.3, suites without a flaw, and no finite fields',
    { timeout: scanMs },
    async () => {
      const place = `127.0.0.1:${hub.ports.https}`;
      const text = await run('sslscan', '--no-colour', '--sni-name=hub.localhost', place);
      const enabled = [...text.matchAll(/^(SSLv\d|TLSv1\.\d) +enabled$/gm)].map(([, name]) => name);
      expect(enabled).toEqual(['TLSv1.2', 'TLSv1.3']);
      const accepted = [...text.matchAll(/^(?:Preferred|Accepted) +\S+ +\d+ bits +(\S+)/gm)];
      expect(accepted.length).toBeGreaterThanOrEqual(9);
      expect(
        accepted.map(([, suite = '']) => suite).filter((suite) => !suites.test(suite)),
      ).toEqual([]);
      expect(text).toContain('Session renegotiation not supported');
      expect(text).toContain('TLSv1.2 not vulnerable to heartbleed');
      expect(text).not.toMatch(/ffdhe/);
    },
  );

  test('with testssl.sh finds nothing that it complains of', { timeout: scanMs }, async () => {
    const report = join(temporaryFolder('testssl').path, 'report.json');
    const words = ['--quiet', '--warnings', 'batch', '--color', '0', '--ip', '127.0.0.1'];
    const parts = ['--protocols', '--std', '--fs', '--jsonfile', report];
    await run('testssl', ...words, ...parts, `https://hub.localhost:${hub.ports.https}`);
    const findings = JSON.parse(readFileSync(report, 'utf8')) as Finding[];
    const byId = Object.fromEntries(findings.map(({ id, finding }) => [id, finding]));
    expect(byId).toMatchObject({
      SSLv2: 'not offered',
      SSLv3: 'not offered',
      TLS1: 'not offered',
      TLS1_1: 'not offered',
      TLS1_2: 'offered',
      TLS1_3: expect.stringContaining('offered'),
      cipherlist_NULL: 'not offered',
      cipherlist_aNULL: 'not offered',
      cipherlist_EXPORT: 'not offered',
      cipherlist_LOW: 'not offered',
      cipherlist_3DES_IDEA: 'not offered',
      cipherlist_AVERAGE: 'not offered',
    });
    const complaints = findings.filter(({ severity }) => /LOW|MEDIUM|HIGH|CRITICAL/.test(severity));
    expect(complaints).toEqual([]);
  });

  test.each([
    [
      'in capitals',
      ['-servername', 'MOVIES.PHLIX.LOCALHOST'],
      /subject=CN = hub\.localhost|subject=CN=hub\.localhost/,
    ],
    ['none', ['-noservername'], /unrecognized name/i],
    ['of nobody', ['-servername', 'movies.other.example'], /unrecognized name/i],
    ['below a server’s', ['-servername', 'a.movies.phlix.localhost'], /unrecognized name/i],
  ])('gets no other name’s certificate for a server name %s', async (_what, name, said) => {
    const place = `127.0.0.1:${hub.ports.https}`;
    expect(await run('openssl', 's_client', '-connect', place, ...name)).toMatch(said);
  });

  test('and asks for another host than the handshake was for is told that it is the wrong connection', async () => {
    const curl = new Curl(hub.caFile);
    const url = `https://hub.localhost:${hub.ports.https}/`;
    const elsewhere = await curl.get(url, '-H', 'Host: movies.other.example');
    expect([elsewhere.status, elsewhere.body.toString()]).toEqual([
      421,
      expect.stringContaining('edge.misdirected'),
    ]);
    // The same certificate covers it, and nobody has the name.
    const unknown = await curl.get(url, '-H', 'Host: movies.phlix.localhost');
    expect(unknown.body.toString()).toContain('tunnel.unknown');
  });
});

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}
