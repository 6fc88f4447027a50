import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { gzipSync } from 'node:zlib';

import { describe, expect, it, onTestFinished } from 'vitest';

import { selfSigned } from '../../test/support/self-signed.ts';
import { createSafeFetch } from './safe-fetch.ts';

const toLoopback = async () => ['127.0.0.1'];
const loopback = { allow: ['127.0.0.0/8'] };

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    if ('closeAllConnections' in server) (server.closeAllConnections as () => void)();
  });
  return (server.address() as AddressInfo).port;
}

async function serve(onRequest: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(onRequest))}`;
}

describe('where it leads', () => {
  const closed = [
    'https://127.0.0.1/',
    'https://127.1/',
    'https://0x7f000001/',
    'https://2130706433/',
    'https://0177.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[64:ff9b::127.0.0.1]/',
    'https://[fe80::1]/',
    'https://[fd00:ec2::254]/',
    'https://169.254.169.254/latest/meta-data',
    'http://169.254.169.254/latest/meta-data',
    'https://10.0.0.1/',
    'https://100.64.0.1/',
    'https://0.0.0.0/',
    'https://localhost/',
  ];
  it.each(closed)('%s is refused before anything is sent', async (url) => {
    await expect(createSafeFetch()(url)).rejects.toMatchObject({ code: 'outbound.refused' });
  });

  const stillClosed = ['169.254.169.254', 'fe80::1', '100.100.100.200', 'fd00:ec2::254'];
  it.each(stillClosed)('%s stays closed where private networks are open', async (address) => {
    const safeFetch = createSafeFetch({ resolve: async () => [address] });
    for (const url of ['http://idp.example/', 'https://idp.example/']) {
      const asked = safeFetch(url, { allowPrivate: true, allow: ['10.0.0.0/8'] });
      await expect(asked).rejects.toMatchObject({ code: 'outbound.refused' });
    }
  });

  it('is private only where that is asked for', async () => {
    const url = await serve((_, response) => response.end('here'));
    const safeFetch = createSafeFetch();
    await expect(safeFetch(url)).rejects.toMatchObject({ code: 'outbound.refused' });
    expect(await (await safeFetch(url, { allowPrivate: true })).text()).toBe('here');
    expect(await (await safeFetch(url, loopback)).text()).toBe('here');
  });

  it('by plain http is never out in the world', async () => {
    const safeFetch = createSafeFetch({ resolve: async () => ['1.1.1.1'] });
    const asked = safeFetch('http://example.org/', { allowPrivate: true });
    await expect(asked).rejects.toMatchObject({
      code: 'outbound.refused',
      message: expect.stringContaining('https://'),
    });
  });

  it('is asked of the DNS once: a name that turns around after the check leads to what was checked', async () => {
    const url = new URL(await serve((_, response) => response.end('inside')));
    let asked = 0;
    const turning = async () => (asked++ === 0 ? ['127.0.0.2'] : ['127.0.0.1']);
    const safeFetch = createSafeFetch({ resolve: turning, timeoutMs: 2000 });
    // Only 127.0.0.2 is open; a second question would be answered with the door that is there.
    const rebound = safeFetch(`http://rebind.example:${url.port}/`, { allow: ['127.0.0.2'] });
    await expect(rebound).rejects.toMatchObject({ code: 'outbound.failed' });
    expect(asked).toBe(1);
  });

  it('is checked at each request anew, whatever the last one found', async () => {
    const url = new URL(await serve((_, response) => response.end('inside')));
    const answers = [['127.0.0.1'], ['127.0.0.2'], ['::1'], ['::ffff:7f00:2'], []];
    const safeFetch = createSafeFetch({ resolve: async () => answers.shift() ?? [] });
    const ask = async () =>
      safeFetch(`http://rebind.example:${url.port}/`, { allow: ['127.0.0.1'] });
    expect(await (await ask()).text()).toBe('inside');
    while (answers.length > 0)
      await expect(ask()).rejects.toMatchObject({ code: 'outbound.refused' });
  });

  it('is the open one of several addresses', async () => {
    const url = new URL(await serve((_, response) => response.end('open')));
    const safeFetch = createSafeFetch({
      resolve: async () => ['169.254.169.254', '10.0.0.1', '127.0.0.1'],
    });
    const answer = await safeFetch(`http://mixed.example:${url.port}/`, loopback);
    expect(await answer.text()).toBe('open');
  });

  it.each([
    'ftp://example.org/',
    'file:///etc/passwd',
    'nonsense',
    '//example.org',
    'https://a:b@example.org/',
    'https://[fe80::1%25eth0]/',
  ])('%s is no address to ask', async (url) => {
    await expect(createSafeFetch()(url)).rejects.toMatchObject({ code: 'outbound.address' });
  });

  it('cannot be opened by a network that is none', async () => {
    const asked = createSafeFetch()('https://127.0.0.1/', { allow: ['127.0.0.1/99'] });
    await expect(asked).rejects.toMatchObject({ code: 'outbound.address' });
  });
});

describe('the exchange', () => {
  it.each([301, 302, 303, 307, 308])('follows no redirect (%i), inside or out', async (status) => {
    let visits = 0;
    const inside = await serve((_, response) => {
      visits += 1;
      response.end();
    });
    const url = await serve((_, response) =>
      response.writeHead(status, { location: inside }).end(),
    );
    await expect(createSafeFetch()(url, loopback)).rejects.toMatchObject({
      code: 'outbound.redirect',
    });
    expect(visits).toBe(0);
  });

  it('carries method, headers and body there, and status, headers and body back', async () => {
    const url = await serve((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        const { method, headers, url } = request;
        response.writeHead(418, { 'x-two': ['a', 'b'], 'content-type': 'application/json' });
        response.end(
          JSON.stringify({
            method,
            url,
            own: headers['x-own'],
            body: Buffer.concat(pieces).toString(),
          }),
        );
      });
    });
    const answer = await createSafeFetch()(`${url}/a%20b?c=d#e`, {
      ...loopback,
      method: 'POST',
      headers: { 'x-own': 'yes' },
      body: 'grant=code',
    });
    expect(answer.status).toBe(418);
    expect(answer.headers.get('x-two')).toBe('a, b');
    expect(await answer.json()).toEqual({
      method: 'POST',
      url: '/a%20b?c=d',
      own: 'yes',
      body: 'grant=code',
    });
  });

  it('ends with the time, whether nothing comes or a byte now and then', async () => {
    const silent = `http://127.0.0.1:${await listen(createTcpServer((socket) => socket.on('error', () => {})))}`;
    const dripping = await serve((_, response) => {
      const drip = setInterval(() => response.write('x'), 50);
      response.on('close', () => clearInterval(drip));
    });
    const safeFetch = createSafeFetch({ timeoutMs: 400 });
    for (const url of [silent, dripping])
      await expect(safeFetch(url, loopback)).rejects.toMatchObject({ code: 'outbound.timeout' });
    const never = createSafeFetch({ timeoutMs: 100, resolve: () => new Promise(() => {}) });
    await expect(never('https://slow.example/')).rejects.toMatchObject({
      code: 'outbound.timeout',
    });
  });

  it('ends when its asker gives up', async () => {
    const url = await serve(() => undefined);
    const asked = createSafeFetch()(url, { ...loopback, signal: AbortSignal.timeout(50) });
    await expect(asked).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('reads so much and no more, told or not', async () => {
    const told = await serve((_, response) =>
      response.writeHead(200, { 'content-length': 2000 }).end('x'.repeat(2000)),
    );
    const untold = await serve((_, response) => {
      response.write('x'.repeat(600));
      response.end('x'.repeat(600));
    });
    for (const url of [told, untold]) {
      await expect(createSafeFetch({ maxBytes: 1000 })(url, loopback)).rejects.toMatchObject({
        code: 'outbound.too-large',
      });
    }
  });

  it('opens nothing that was compressed: it asked for none', async () => {
    const url = await serve((request, response) => {
      expect(request.headers['accept-encoding']).toBe('identity');
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(1e6)));
    });
    await expect(createSafeFetch()(url, loopback)).rejects.toMatchObject({
      code: 'outbound.failed',
    });
  });

  it('verifies the certificate for the name that was asked, not for the address', async () => {
    const { cert, key } = await selfSigned('idp.example');
    const port = await listen(createTlsServer({ cert, key }, (_, response) => response.end('tls')));
    const resolve = toLoopback;
    const trusting = createSafeFetch({ ca: cert, resolve });
    expect(await (await trusting(`https://idp.example:${port}/`, loopback)).text()).toBe('tls');
    await expect(trusting(`https://other.example:${port}/`, loopback)).rejects.toMatchObject({
      code: 'outbound.failed',
      message: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
    });
    const strict = createSafeFetch({ resolve })(`https://idp.example:${port}/`, loopback);
    await expect(strict).rejects.toMatchObject({ code: 'outbound.failed' });
  });

  it('says nothing of the path or the query when it fails', async () => {
    const asked = createSafeFetch({ timeoutMs: 2000 })(
      'http://127.0.0.1:1/canary?key=canary',
      loopback,
    );
    const error: unknown = await asked.catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'outbound.failed' });
    expect(String(error)).not.toContain('canary');
  });
});
