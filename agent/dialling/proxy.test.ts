import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  getCACertificates,
  setDefaultCACertificates,
} from 'node:tls';

import { afterEach, expect, test } from 'vitest';

import {
  startConnectProxy,
  type ConnectProxy,
  type ConnectProxyOptions,
} from '../../test/support/connect-proxy.ts';
import { atTheEnd, stopEverything } from '../../test/support/running-agent.ts';
import { selfSigned } from '../../test/support/self-signed.ts';
import type { Endpoint } from '../config.ts';
import { dial } from './dial.ts';
import { readProxy } from './proxy-settings.ts';
import { trustOf } from '../trust.ts';

afterEach(stopEverything);

const { signal } = new AbortController();
const step = { deadlineMs: 5000, signal };
/** A name that only the proxy can find. */
const hostname = 'hub.example';

async function proxy(options?: ConnectProxyOptions): Promise<ConnectProxy> {
  const started = await startConnectProxy(options);
  atTheEnd(() => started.stop());
  return started;
}

function behind(proxyUrl: string, port: number): Endpoint {
  const found = readProxy({ HTTPS_PROXY: proxyUrl }, { hostname, port });
  return { hostname, port, url: `https://${hostname}:${port}`, proxy: found };
}

/** A hub as far as TLS goes. */
async function hubPort(): Promise<{ port: number; cert: string }> {
  const pair = await selfSigned(hostname);
  const hub = createTlsServer({ ...pair, minVersion: 'TLSv1.3' }, (socket) => socket.resume());
  hub.listen(0, '127.0.0.1');
  await once(hub, 'listening');
  atTheEnd(() => hub.close());
  return { port: (hub.address() as AddressInfo).port, cert: pair.cert };
}

async function dialThrough(proxyUrl: string) {
  const { port, cert } = await hubPort();
  const trust = await trustOf({ hubCaFile: undefined, verifiesCertificate: true }, cert);
  return { port, socket: dial(behind(proxyUrl, port), { ...trust, ...step }) };
}

test('the hub is reached through the proxy, by a name that only the proxy knows', async () => {
  const between = await proxy();
  const { port, socket } = await dialThrough(`http://127.0.0.1:${between.port}`);
  const secured = await socket;
  expect(secured.authorized).toBe(true);
  expect(secured.exportKeyingMaterial(32, 'label', Buffer.alloc(0))).toHaveLength(32);
  expect(between.asked).toEqual([`${hostname}:${port}`]);
  expect(between.tunnels).toBe(1);
  secured.destroy();
});

test('what ends an attempt does not end a connection that stands', async () => {
  const between = await proxy();
  const { port, cert } = await hubPort();
  const trust = await trustOf({ hubCaFile: undefined, verifiesCertificate: true }, cert);
  const attempt = new AbortController();
  const hub = behind(`http://127.0.0.1:${between.port}`, port);
  const socket = await dial(hub, { ...trust, ...step, signal: attempt.signal });
  attempt.abort();
  await new Promise((resolve) => setImmediate(resolve));
  expect(socket.destroyed).toBe(false);
  expect(between.tunnels).toBe(1);
  socket.destroy();
});

test('user and password are shown to a proxy that wants them', async () => {
  const between = await proxy({ credentials: 'me:pa@ss' });
  const { socket } = await dialThrough(`http://me:pa%40ss@127.0.0.1:${between.port}`);
  expect((await socket).authorized).toBe(true);
  (await socket).destroy();
});

test.each([
  ['', 'a user and a password'],
  ['me:wrong@', 'another user or password'],
])('a proxy that wants others than %j is said to', async (credentials, wanted) => {
  const between = await proxy({ credentials: 'me:right' });
  const { socket } = await dialThrough(`http://${credentials}127.0.0.1:${between.port}`);
  const failure: Error = await socket.then(
    () => new Error('came through'),
    (error: Error) => error,
  );
  expect(failure).toMatchObject({ code: 'proxy.unauthorised' });
  expect(failure.message).toContain(wanted);
  expect(failure.message).not.toContain('wrong');
});

test.each([
  [403, 'proxy.refused'],
  [502, 'hub.unreachable'],
])('a proxy that answers %i', async (status, code) => {
  const between = await proxy({ refuse: () => status });
  const { socket } = await dialThrough(`http://127.0.0.1:${between.port}`);
  await expect(socket).rejects.toMatchObject({ code, message: expect.stringContaining('proxy') });
});

test('a proxy that is down is said to be, with the way around it', async () => {
  const between = await proxy();
  between.stop();
  const { socket } = await dialThrough(`http://me:secret@127.0.0.1:${between.port}`);
  await expect(socket).rejects.toMatchObject({
    code: 'proxy.unreachable',
    message: `the proxy http://127.0.0.1:${between.port} cannot be reached: check HTTPS_PROXY, or name the hub in NO_PROXY if it can be reached without`,
  });
});

test('a proxy that takes the connection and says nothing is not waited for longer than a hub', async () => {
  const silent = createServer((socket: Socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  atTheEnd(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const trust = await trustOf({ hubCaFile: undefined, verifiesCertificate: true }, undefined);
  const options = { ...trust, deadlineMs: 100, signal };
  await expect(dial(behind(`http://127.0.0.1:${port}`, 443), options)).rejects.toMatchObject({
    code: 'hub.timeout',
    message: expect.stringContaining(`through the proxy http://127.0.0.1:${port}`),
  });
});

test('a proxy that speaks something else is no proxy', async () => {
  const other = createServer((socket: Socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n'));
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  atTheEnd(() => other.close());
  const { socket } = await dialThrough(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
  await expect(socket).rejects.toMatchObject({ code: 'proxy.unreachable' });
});

test('a proxy that speaks TLS is checked like any server, and then tunnels TLS in TLS', async () => {
  const pair = await selfSigned('localhost');
  const between = await proxy({ certificate: pair });
  const { port, socket } = await dialThrough(`https://localhost:${between.port}`);
  await expect(socket).rejects.toMatchObject({ code: 'proxy.unreachable' });
  expect(between.asked).toEqual([]);
  const usual = getCACertificates('default');
  setDefaultCACertificates([...usual, pair.cert]);
  atTheEnd(() => setDefaultCACertificates(usual));
  const again = await dialThrough(`https://localhost:${between.port}`);
  expect((await again.socket).authorized).toBe(true);
  expect(between.asked).toEqual([`${hostname}:${again.port}`]);
  expect(again.port).not.toBe(port);
  (await again.socket).destroy();
});
