import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { once } from 'node:events';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Curl } from '../support/curl.ts';
import { type Deployment, deploy } from '../support/deployment.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { okAnswer, type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';

describe.skipIf(!hasParts('openssl', 'curl'))('a server whose owner', () => {
  let origin: RawOrigin;
  let deployment: Deployment;
  let curl: Curl;

  beforeAll(async () => {
    origin = await startRawOrigin({ '/': okAnswer([], Buffer.from('here')) });
    deployment = await deploy({ originPort: origin.port });
    curl = new Curl(deployment.hub.caFile);
  });

  afterAll(async () => {
    await deployment?.stop();
    await origin?.stop();
  });

  /** In force on the running hub when it resolves: within a second. */
  async function set(...words: string[]): Promise<void> {
    const { exitCode, stderr } = await deployment.hub.run('servers', 'set', 'movies', ...words);
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
  }

  /** What OpenSSL's own client says of the handshake. */
  async function handshake(...options: string[]): Promise<string> {
    const { hostname, port } = new URL(deployment.address);
    const place = ['-connect', `127.0.0.1:${port}`, '-servername', hostname];
    const trust = ['-CAfile', deployment.hub.caFile, '-verify_hostname', hostname];
    const words = ['s_client', ...place, ...trust, '-verify_return_error', ...options];
    const child = spawn(partPath('openssl'), words);
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    child.stdin.end();
    await once(child, 'close');
    return text;
  }

  const oldClient = ['-tls1_2', '-sigalgs', 'RSA+SHA256:RSA+SHA1', '-cipher', 'aRSA'];

  test('wants no HTTP/2 speaks HTTP/1.1, at once, and again HTTP/2 when he wants it', async () => {
    const session = connectHttp2(deployment.address, {
      host: '127.0.0.1',
      rejectUnauthorized: false,
      lookup: (_name, _options, answer) => answer(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    await once(session, 'connect');
    expect((await curl.get(deployment.address, '--http2')).told).toContain('accepted h2');
    await set('http2=off');
    const left = once(session, 'close', { signal: AbortSignal.timeout(5000) });
    await expect
      .poll(async () => (await curl.get(deployment.address, '--http2')).told)
      .toContain('server accepted http/1.1');
    const stream = session.request({ ':path': '/' });
    const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
    expect(head[':status']).toBe(421);
    stream.resume();
    await left;
    await set('http2=on');
    await expect
      .poll(async () => (await curl.get(deployment.address, '--http2')).told)
      .toContain('accepted h2');
  });

  test('wants TLS 1.3 greets older clients with an alert', async () => {
    expect(await handshake('-tls1_2')).toContain('Verification: OK');
    await set('min-tls=1.3');
    await expect.poll(() => handshake('-tls1_2')).toMatch(/alert protocol version/);
    expect(await handshake('-tls1_3')).toContain('Verification: OK');
    await set('min-tls=1.2');
    await expect.poll(() => handshake('-tls1_2')).toContain('Verification: OK');
  });

  test('chose nothing has an RSA certificate for clients that know no elliptic curves, and ECDSA for the others', async () => {
    const told = await handshake(...oldClient);
    expect(told).toContain('Verification: OK');
    expect(told).toMatch(/Peer signature type: RSA/);
    expect(told).toMatch(/Cipher is ECDHE-RSA-AES128-GCM-SHA256/);
    expect(told).toMatch(/Server public key is 2048 bit/);
    for (const version of ['-tls1_2', '-tls1_3'])
      expect(await handshake(version)).toMatch(/Peer signature type: ECDSA/);
  });

  test('wants an RSA certificate has one for everybody', async () => {
    await set('certificate=rsa');
    await expect
      .poll(() => handshake('-tls1_2'), { timeout: 5000 })
      .toMatch(/Peer signature type: RSA/);
    expect(await handshake('-tls1_3')).toMatch(/Peer signature type: RSA-PSS/);
    expect(await handshake(...oldClient)).toContain('Verification: OK');
    const file = join(deployment.hub.folder, 'local-ca', 'server-rsa.pem');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await curl.get(deployment.address, '--tls-max', '1.2')).body.toString()).toBe('here');
    expect((await curl.get(deployment.address, '--http2')).body.toString()).toBe('here');
  });
});
