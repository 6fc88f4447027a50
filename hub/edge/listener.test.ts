import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  deadline,
  exchange,
  hubHostname,
  onlineHostname,
  readToClose,
  readUntil,
  TestEdge,
} from '../../test/support/edge.ts';

const alert112 = Buffer.from('15030300020270', 'hex').toString('latin1');
const get = `GET / HTTP/1.1\r\nHost: ${onlineHostname}\r\n\r\n`;

const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);
const vector = (body: Buffer) => Buffer.concat([u16(body.length), body]);

/** A TLS 1.2 hello for the name. */
function hello(name: Buffer): Buffer {
  const sni = Buffer.concat([
    Buffer.from('0000', 'hex'),
    vector(vector(Buffer.concat([Buffer.from([0]), vector(name)]))),
  ]);
  const body = Buffer.concat([
    Buffer.from('0303', 'hex'),
    Buffer.alloc(33),
    vector(Buffer.from('c02b', 'hex')),
    Buffer.from('0100', 'hex'),
    vector(sni),
  ]);
  return Buffer.concat([
    Buffer.from('160301', 'hex'),
    vector(Buffer.concat([Buffer.from([1, 0]), vector(body)])),
  ]);
}

async function tcp(edge: TestEdge): Promise<Socket> {
  const socket = connect(edge.port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect', deadline());
  return socket;
}

async function failure(
  edge: TestEdge,
  options: Parameters<TestEdge['connecting']>[0],
): Promise<string> {
  const [error] = (await once(edge.connecting(options), 'error', deadline())) as [
    NodeJS.ErrnoException,
  ];
  return error.code ?? error.message;
}

describe('the handshake', () => {
  it.each(['h2', 'http/1.1'])('agrees on %s', async (protocol) => {
    await using edge = await TestEdge.start();
    const socket = await edge.connect({ ALPNProtocols: [protocol] });
    expect(socket.alpnProtocol).toBe(protocol);
    expect(socket.getProtocol()).toBe('TLSv1.3');
  });

  it('prefers h2, speaks HTTP/1.1 to who names no protocol, and refuses others', async () => {
    await using edge = await TestEdge.start();
    expect((await edge.connect({ ALPNProtocols: ['http/1.1', 'h2'] })).alpnProtocol).toBe('h2');
    expect(await edge.raw(get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))).toMatch(
      /^HTTP\/1\.1 200/,
    );
    expect(await failure(edge, { ALPNProtocols: ['acme-tls/1'] })).toBe(
      'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
    );
  });

  it('agrees on HTTP/1.0 with who speaks nothing else, and serves it', async () => {
    await using edge = await TestEdge.start();
    const agreedOn = async (...ALPNProtocols: string[]) =>
      (await edge.connect({ ALPNProtocols })).alpnProtocol;
    expect(await agreedOn('http/1.0', 'http/1.1')).toBe('http/1.1');
    expect(await agreedOn('http/1.0')).toBe('http/1.0');
    const old = get.replace('HTTP/1.1', 'HTTP/1.0');
    expect(await edge.raw(old, { ALPNProtocols: ['http/1.0'] })).toMatch(/^HTTP\/1\.1 200/);
  });

  it('takes a server name in any case', async () => {
    await using edge = await TestEdge.start();
    const socket = await edge.connect({ servername: onlineHostname.toUpperCase() });
    expect(socket.getPeerCertificate().subjectaltname).toBe('DNS:*.phlix.example');
    expect(
      (await edge.connect({ servername: hubHostname })).getPeerCertificate().subjectaltname,
    ).toBe(`DNS:${hubHostname}`);
  });

  it.each([
    ['an unknown name', 'other.example'],
    ['a deeper name', 'a.b.phlix.example'],
    ['no name', ''],
  ])('ends for %s with alert 112', async (_what, servername) => {
    await using edge = await TestEdge.start();
    expect(await failure(edge, { servername })).toBe('ERR_SSL_TLSV1_UNRECOGNIZED_NAME');
  });

  it('refuses TLS 1.1 and ciphers without forward secrecy', async () => {
    await using edge = await TestEdge.start();
    const old = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const;
    expect(await failure(edge, old)).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    expect(await failure(edge, { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' })).toMatch(
      /HANDSHAKE_FAILURE/,
    );
    const cbc = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' } as const;
    expect(await failure(edge, cbc)).toMatch(/HANDSHAKE_FAILURE/);
    expect((await edge.connect({ maxVersion: 'TLSv1.2' })).getCipher().name).toBe(
      'ECDHE-ECDSA-AES128-GCM-SHA256',
    );
  });

  it('is resumed with a ticket', async () => {
    await using edge = await TestEdge.start();
    const first = edge.connecting();
    const [session] = (await once(first, 'session', deadline())) as [Buffer];
    const second = await edge.connect({ session });
    expect([first.isSessionReused(), second.isSessionReused()]).toEqual([false, true]);
  });

  it('does not renegotiate', async () => {
    await using edge = await TestEdge.start();
    const socket = await edge.connect({ maxVersion: 'TLSv1.2' });
    const refused = once(socket, 'error', deadline()) as Promise<[Error]>;
    socket.renegotiate({ rejectUnauthorized: false }, () => {});
    const [error] = await refused;
    expect(error.message).toMatch(/no renegotiation/);
  });
});

describe('the first bytes', () => {
  it('may come in pieces', async () => {
    await using edge = await TestEdge.start();
    const wire = await tcp(edge);
    const [near, far] = duplexPair();
    far.on('data', (bytes: Buffer) => {
      void (async () => {
        for (let at = 0; at < bytes.length; at += 97) {
          wire.write(bytes.subarray(at, at + 97));
          await new Promise(setImmediate);
        }
      })();
    });
    wire.on('data', (bytes: Buffer) => far.write(bytes));
    const socket = edge.connecting({ socket: near });
    await once(socket, 'secureConnect', deadline());
    socket.write(get);
    expect(await readUntil(socket, /}$/)).toMatch(/^HTTP\/1\.1 200/);
  });

  it('of plain HTTP are answered with the way to HTTPS', async () => {
    await using edge = await TestEdge.start();
    const socket = await tcp(edge);
    socket.write(get);
    expect(await readToClose(socket)).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\n[^]*Write https:\/\//,
    );
  });

  it('of anything else close the connection', async () => {
    await using edge = await TestEdge.start();
    const socket = await tcp(edge);
    socket.write('ssh-2.0');
    expect(await readToClose(socket)).toBe('');
  });

  it('that do not come are not waited for', async () => {
    await using edge = await TestEdge.start({ limits: { helloTimeoutMs: 50 } });
    const [silent, slow] = [await tcp(edge), await tcp(edge)];
    slow.write(Buffer.from('1603010200010001fc', 'hex'));
    expect(await Promise.all([readToClose(silent), readToClose(slow)])).toEqual(['', '']);
  });

  it('are not enough: a handshake that stops is cut', async () => {
    await using edge = await TestEdge.start({ limits: { handshakeTimeoutMs: 100 } });
    const [near, far] = duplexPair();
    const wire = await tcp(edge);
    far.once('data', (hello: Buffer) => wire.write(hello));
    edge.connecting({ socket: near });
    expect((await readToClose(wire)).charCodeAt(0)).toBe(0x16);
  });

  it('with any server name at all leave the edge standing', async () => {
    await using edge = await TestEdge.start();
    const names = fc
      .sample(fc.uint8Array({ maxLength: 255 }), 60)
      .map((bytes) => Buffer.from(bytes));
    for (const text of ['__proto__.phlix.example', '*.phlix.example', 'a\0.phlix.example'])
      names.push(Buffer.from(text, 'latin1'));
    for (const name of names) {
      const socket = await tcp(edge);
      socket.write(hello(name));
      expect(await readToClose(socket)).toBe(alert112);
    }
    expect((await edge.connect()).authorized).toBe(false);
  });
});

describe('connections', () => {
  it('of one address are limited, whoever closes them', async () => {
    await using edge = await TestEdge.start({ limits: { connectionsPerAddress: 2 } });
    const [first] = [await edge.connect(), await edge.connect()];
    expect(await failure(edge, {})).toBe('ECONNRESET');
    const closed = once(first, 'close', deadline());
    first.end();
    await closed;
    await expect
      .poll(() =>
        edge.connect().then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  });

  it('of a trusted proxy are not', async () => {
    await using edge = await TestEdge.start({
      limits: { connectionsPerAddress: 1 },
      trustedProxies: ['127.0.0.1'],
    });
    const both = [await edge.connect(), await edge.connect()];
    expect(both.map((socket) => socket.readable)).toEqual([true, true]);
  });

  it('leave nothing counted behind', async () => {
    await using edge = await TestEdge.start();
    const [one, two, session] = [await edge.connect(), await edge.connect(), await edge.http2()];
    one.write(get);
    await readUntil(one, /}$/);
    await exchange(session, { ':path': '/' });
    expect(edge.admission.counted).toEqual({
      addresses: 1,
      tunnels: 1,
      busyTunnels: 0,
      busyVisitors: 0,
    });
    one.destroy();
    two.end();
    session.destroy();
    await expect
      .poll(() => edge.admission.counted)
      .toEqual({ addresses: 0, tunnels: 0, busyTunnels: 0, busyVisitors: 0 });
  });
});
