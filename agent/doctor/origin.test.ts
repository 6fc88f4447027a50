import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net';

import { afterEach, describe, expect, test } from 'vitest';

import { atTheEnd, stopEverything } from '../../test/support/running-agent.ts';
import { selfSigned } from '../../test/support/self-signed.ts';
import { examineOrigin, type OriginFindings } from './origin.ts';
import { originAddress, originUrl } from '../origin-address.ts';
import { keyPinOf } from '../origin-dial.ts';

afterEach(stopEverything);

async function listen(server: TcpServer): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atTheEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const addressOf = (url: string) => originAddress({ PHLIX_ORIGIN_URL: originUrl.parse(url) });

const examined = (url: string): Promise<OriginFindings> => examineOrigin(addressOf(url));

async function examinedServer(listener: RequestListener): Promise<OriginFindings> {
  return examined(`http://127.0.0.1:${await listen(createServer(listener))}`);
}

const visitor = '192.0.2.1';

/** As Jellyfin does: the address to call back at is of the interface that the caller came by, loopback for loopback. */
function jellyfin(honours: (request: IncomingMessage) => boolean): RequestListener {
  return (request, response) => {
    if (request.url !== '/System/Info/Public') return void response.writeHead(404).end();
    const isRemote = honours(request) && request.headers['x-forwarded-for'] === visitor;
    response.setHeader('content-type', 'application/json; profile="PascalCase"');
    return void response.end(
      JSON.stringify({
        LocalAddress: isRemote ? 'http://192.168.1.5:8096' : 'http://127.0.0.1:8096',
        ServerName: 'Living room\u001b[2J',
        Version: '10.11.11',
        ProductName: 'Jellyfin Server',
        Id: '0123456789abcdef0123456789abcdef',
        StartupWizardCompleted: true,
      }),
    );
  };
}

const identity = (claimed: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<MediaContainer size="0" apiVersion="1.1.1" claimed="${claimed}" machineIdentifier="0123" version="1.43.0.10162-b67a664ed">\n</MediaContainer>`;

function plex(claimed: string, sections: number): RequestListener {
  return (request, response) => {
    if (request.url === '/identity') return void response.end(identity(claimed));
    return void response
      .writeHead(request.url === '/library/sections' ? sections : 401)
      .end('<html><head><title>Unauthorized</title></head></html>');
  };
}

describe('the media server', () => {
  test('Jellyfin that knows its proxy is well', async () => {
    const found = await examinedServer(jellyfin(() => true));
    expect(found.product).toMatchObject({
      state: 'ok',
      message: 'Jellyfin 10.11.11 "Living room[2J".',
    });
    expect(found.forwarded).toMatchObject({ state: 'ok' });
  });

  test('Jellyfin that takes every visitor for one on this machine is told how to know its proxy', async () => {
    const { forwarded: finding } = await examinedServer(jellyfin(() => false));
    expect(finding).toMatchObject({
      state: 'failure',
      message: 'It ignores the forwarded address: every visitor looks as if he sat at 127.0.0.1.',
    });
    expect(finding?.remedy).toContain('Known proxies: add 127.0.0.1');
    expect(finding?.remedy).toContain('<IsBehindProxy>true</IsBehindProxy>');
  });

  test('Jellyfin that refuses who is not at home is told so', async () => {
    const allowing = jellyfin(() => true);
    const { forwarded: finding } = await examinedServer((request, response) => {
      if (request.headers['x-forwarded-for'] === visitor) response.writeHead(503).end();
      else allowing(request, response);
    });
    expect(finding).toMatchObject({ state: 'failure' });
    expect(finding?.remedy).toContain('Allow remote connections');
  });

  test('Jellyfin behind an address that says nothing is left to its owner to look at', async () => {
    const { forwarded: finding } = await examinedServer((_, response) => {
      const told = { Version: '10.10.0', Id: 'x', ProductName: 'Jellyfin Server' };
      response.end(JSON.stringify({ ...told, LocalAddress: 'http://172.18.0.3:8096' }));
    });
    expect(finding).toMatchObject({ state: 'unknown' });
    expect(finding?.remedy).toContain('Known proxies');
  });

  test('Emby is known by what it does not say', async () => {
    const found = await examinedServer((request, response) => {
      if (request.url !== '/emby/System/Info/Public') return void response.writeHead(404).end();
      const told = { ServerName: 'Attic', Version: '4.9.1.80', Id: 'x' };
      return void response.end(
        JSON.stringify({ ...told, LocalAddresses: [], RemoteAddresses: [] }),
      );
    });
    expect(found.product).toMatchObject({ message: 'Emby 4.9.1.80 "Attic".' });
    expect(found.forwarded).toMatchObject({ state: 'unknown' });
  });

  test('Plex that asks for a login does not tell more', async () => {
    const found = await examinedServer(plex('1', 401));
    expect(found.product).toMatchObject({
      message: 'Plex Media Server 1.43.0.10162-b67a664ed.',
    });
    expect(found.forwarded).toMatchObject({ state: 'unknown' });
    expect(found).not.toHaveProperty('login');
    expect(found).not.toHaveProperty('owner');
  });

  test('Plex that lets the agent in without a login, or belongs to nobody, is open to everybody', async () => {
    const found = await examinedServer(plex('0', 200));
    expect(found.login).toMatchObject({ state: 'failure' });
    expect(found.login?.remedy).toContain('Take 127.0.0.1 out of');
    expect(found.owner).toMatchObject({ state: 'failure' });
  });

  test.each([
    [403, 'ok'],
    [200, 'failure'],
    [404, 'unknown'],
  ] as const)(
    'Phlix that answers a visitor at its DLNA door with %d is %s',
    async (status, state) => {
      const { product, forwarded: finding } = await examinedServer((request, response) => {
        if (request.url === '/') return void response.end('<title>Phlix</title>');
        if (request.url !== '/description.xml') return void response.writeHead(404).end();
        const isVisitor = request.headers['x-forwarded-for'] === visitor;
        return void response.writeHead(isVisitor || status === 404 ? status : 200).end();
      });
      expect(product?.message).toBe('Phlix.');
      expect(finding).toMatchObject({ state });
    },
  );

  test('anything else that speaks HTTP is taken as it is', async () => {
    const found = await examinedServer((_, response) => {
      response.writeHead(404, { server: 'nginx' }).end('<html></html>');
    });
    expect(found.product).toMatchObject({
      state: 'ok',
      message: 'no product this agent knows (nginx).',
    });
  });

  test('an HTTP/2 server is asked in HTTP/2', async () => {
    const server = createHttp2Server((_, response) => response.end('<title>x</title>'));
    const found = await examined(`h2c://127.0.0.1:${await listen(server)}`);
    expect(found.product).toMatchObject({ state: 'ok' });
  });

  test('what stopped, what is no HTTP, and what shows a stranger’s certificate each have a remedy', async () => {
    const silent = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    const port = await listen(silent);
    const noHttp = await examined(`http://127.0.0.1:${port}`);
    expect(noHttp.product).toMatchObject({ state: 'failure' });

    const stopped = createTcpServer();
    const gone = await listen(stopped);
    stopped.close();
    const { reachable: absent } = await examined(`http://127.0.0.1:${gone}`);
    expect(absent).toMatchObject({ state: 'failure' });
    expect(absent?.remedy).toBe('Start your media server or set PHLIX_ORIGIN_URL.');

    const certificate = await selfSigned('nas.factory');
    const secure = await listen(
      createHttpsServer(
        certificate,
        jellyfin(() => true),
      ),
    );
    const { reachable: untrusted } = await examined(`https://127.0.0.1:${secure}`);
    const pin = keyPinOf(new X509Certificate(certificate.cert));
    expect(untrusted).toMatchObject({ state: 'failure' });
    expect(untrusted?.message).toContain('It shows one for DNS:nas.factory');
    expect(untrusted?.message).toContain(`PHLIX_ORIGIN_PIN=${pin}`);
    expect(untrusted?.remedy).toContain('PHLIX_ORIGIN_CA_FILE');
  });
});
