import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

import { describe, expect, it } from 'vitest';

import {
  deadline,
  onlineHostname,
  readToClose,
  readUntil,
  TestEdge,
  type EdgeOptions,
  type Seen,
} from '../../test/support/edge.ts';

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const local = Buffer.concat([signature, Buffer.from('20000000', 'hex')]);
const unknown = Buffer.concat([signature, Buffer.from('21000000', 'hex')]);

/** Of a client with an IPv4 address. */
function header(address: string): Buffer {
  const addresses = Buffer.from([...address.split('.').map(Number), 127, 0, 0, 1, 1, 2, 1, 187]);
  return Buffer.concat([signature, Buffer.from('2111000c', 'hex'), addresses]);
}

async function behindProxy(options: EdgeOptions = {}): Promise<TestEdge> {
  return TestEdge.start({ trustedProxies: ['127.0.0.1/32'], isProxied: true, ...options });
}

async function tcp(edge: TestEdge, first: Buffer): Promise<Socket> {
  const socket = connect({ port: edge.port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  await once(socket, 'connect', deadline());
  socket.write(first);
  return socket;
}

async function secure(edge: TestEdge, first: Buffer): Promise<TLSSocket> {
  const socket = connectTls({
    socket: await tcp(edge, first),
    servername: onlineHostname,
    rejectUnauthorized: false,
  });
  socket.on('error', () => {});
  await once(socket, 'secureConnect', deadline());
  return socket;
}

/** What the origin hears of the client. */
async function forwardedFor(socket: Socket, ...lines: string[]): Promise<string[]> {
  const fields = lines.map((line) => `X-Forwarded-For: ${line}\r\n`).join('');
  socket.write(`GET / HTTP/1.1\r\nHost: ${onlineHostname}\r\n${fields}\r\n`);
  const answer = await readUntil(socket, /\}$/);
  const { rawHeaders } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as Seen;
  return rawHeaders.filter((_, at) => rawHeaders[at - 1] === 'x-forwarded-for');
}

describe('behind a proxy that sends PROXY headers', () => {
  it('the origin hears of the client, once, whatever the client claims', async () => {
    await using edge = await behindProxy();
    const socket = await secure(edge, header('203.0.113.9'));
    expect(await forwardedFor(socket, '6.6.6.6', '127.0.0.1')).toEqual(['203.0.113.9']);
    socket.destroy();
  });

  it('the header may come byte by byte', async () => {
    await using edge = await behindProxy();
    const bytes = header('203.0.113.9');
    const socket = await tcp(edge, bytes.subarray(0, 1));
    for (let at = 1; at < bytes.length; at++) {
      await new Promise((resolve) => setImmediate(resolve));
      socket.write(bytes.subarray(at, at + 1));
    }
    const secured = connectTls({ socket, servername: onlineHostname, rejectUnauthorized: false });
    await once(secured, 'secureConnect', deadline());
    expect(await forwardedFor(secured)).toEqual(['203.0.113.9']);
    secured.destroy();
  });

  it('the hello may come in the same packet', async () => {
    await using edge = await behindProxy();
    const socket = await tcp(edge, Buffer.alloc(0));
    socket.cork();
    socket.write(header('203.0.113.9'));
    const secured = connectTls({ socket, servername: onlineHostname, rejectUnauthorized: false });
    setImmediate(() => socket.uncork());
    await once(secured, 'secureConnect', deadline());
    expect(await forwardedFor(secured)).toEqual(['203.0.113.9']);
    secured.destroy();
  });

  it('connections are counted by the address of the client', async () => {
    await using edge = await behindProxy({ limits: { connectionsPerAddress: 2 } });
    const all = [];
    for (const address of ['203.0.113.9', '203.0.113.9', '203.0.113.10'])
      all.push(await secure(edge, header(address)));
    expect(edge.admission.counted.addresses).toBe(2);
    expect(await readToClose(await tcp(edge, header('203.0.113.9')))).toBe('');
    for (const socket of all) socket.destroy();
    await expect.poll(() => edge.admission.counted.addresses).toBe(0);
  });

  it('a client inside a trusted network is a proxy itself, and its forwarding fields count', async () => {
    await using edge = await behindProxy({ trustedProxies: ['127.0.0.1/32', '10.1.0.0/24'] });
    const socket = await secure(edge, header('10.1.0.4'));
    expect(await forwardedFor(socket, '203.0.113.9')).toEqual(['203.0.113.9']);
    socket.destroy();
  });

  it('a connection of the proxy itself has its own address', async () => {
    await using edge = await behindProxy();
    const socket = await secure(edge, local);
    expect(await forwardedFor(socket, '203.0.113.9')).toEqual(['203.0.113.9']);
    socket.destroy();
  });

  it('somebody without an address is nobody, though the fields name one', async () => {
    await using edge = await behindProxy();
    const socket = await secure(edge, unknown);
    expect(await forwardedFor(socket, '203.0.113.9')).toEqual(['192.0.0.8']);
    socket.destroy();
  });

  it.each([
    ['no header', Buffer.from('160301020001', 'hex'), /there is none/],
    ['version 1', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n'), /send-proxy-v2/],
    ['half a header', header('203.0.113.9').subarray(0, 20), /none came within 200 ms/],
    ['silence', Buffer.alloc(0), /none came within 200 ms/],
  ])('a connection with %s is cut, and the log says so', async (_what, bytes, reason) => {
    await using edge = await behindProxy({ limits: { helloTimeoutMs: 200 } });
    expect(await readToClose(await tcp(edge, bytes))).toBe('');
    const [line, ...more] = edge.logLines.map(
      (text) => JSON.parse(text) as { proxy: string; reason: string; level: unknown },
    );
    expect(line).toMatchObject({ proxy: '127.0.0.1' });
    expect(line?.reason).toMatch(reason);
    expect(more).toEqual([]);
  });

  it('a proxy that never sends one does not fill the log', async () => {
    await using edge = await behindProxy();
    for (let times = 0; times < 5; times++)
      await readToClose(await tcp(edge, Buffer.from('GET / HTTP/1.1\r\n\r\n')));
    expect(edge.logLines).toHaveLength(1);
  });

  it('somebody who is no trusted proxy sends none', async () => {
    await using edge = await behindProxy({ trustedProxies: ['192.0.2.1/32'] });
    const socket = await edge.connect();
    expect(await forwardedFor(socket, '203.0.113.9')).toEqual(['127.0.0.1']);
    socket.destroy();
    expect(await readToClose(await tcp(edge, header('203.0.113.9')))).toBe('');
  });
});

it('without the setting, a trusted proxy sends none either', async () => {
  await using edge = await TestEdge.start({ trustedProxies: ['127.0.0.1/32'] });
  expect(await readToClose(await tcp(edge, header('203.0.113.9')))).toBe('');
  const socket = await edge.connect();
  expect(await forwardedFor(socket, '203.0.113.9')).toEqual(['203.0.113.9']);
  socket.destroy();
});
