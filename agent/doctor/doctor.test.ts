import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { join } from 'node:path';

import { afterEach, describe, expect, test } from 'vitest';

import {
  door,
  movies,
  newFolder,
  online,
  run,
  stopEverything,
  atTheEnd,
} from '../../test/support/running-agent.ts';
import { selfSigned } from '../../test/support/self-signed.ts';
import type { AgentConfig } from '../config.ts';
import { describeDiagnosis, examine } from './doctor.ts';
import { examineHub } from './hub.ts';
import { examineOrigin } from './origin.ts';
import type { Finding } from './finding.ts';
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

/** Findings by their check. */
async function examined(url: string): Promise<Record<string, Finding>> {
  const findings = await examineOrigin(addressOf(url));
  return Object.fromEntries(findings.map((finding) => [finding.check, finding]));
}

async function examinedServer(listener: RequestListener): Promise<Record<string, Finding>> {
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
    expect(found['product']).toMatchObject({
      state: 'ok',
      found: 'Jellyfin 10.11.11 "Living room[2J"',
    });
    expect(found['forwarded address']).toMatchObject({ state: 'ok' });
  });

  test('Jellyfin that takes every visitor for one on this machine is told how to know its proxy', async () => {
    const { 'forwarded address': finding } = await examinedServer(jellyfin(() => false));
    expect(finding).toMatchObject({
      state: 'wrong',
      found: 'it ignores the forwarded address: every visitor looks as if he sat at 127.0.0.1',
    });
    expect(finding?.remedy).toContain('Known proxies: add 127.0.0.1');
    expect(finding?.remedy).toContain('<IsBehindProxy>true</IsBehindProxy>');
  });

  test('Jellyfin that refuses who is not at home is told so', async () => {
    const allowing = jellyfin(() => true);
    const { 'forwarded address': finding } = await examinedServer((request, response) => {
      if (request.headers['x-forwarded-for'] === visitor) response.writeHead(503).end();
      else allowing(request, response);
    });
    expect(finding).toMatchObject({ state: 'wrong' });
    expect(finding?.remedy).toContain('allow remote connections');
  });

  test('Jellyfin behind an address that says nothing is left to its owner to look at', async () => {
    const { 'forwarded address': finding } = await examinedServer((_, response) => {
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
    expect(found['product']).toMatchObject({ found: 'Emby 4.9.1.80 "Attic"' });
    expect(found['forwarded address']).toMatchObject({ state: 'unknown' });
  });

  test('Plex that asks for a login does not tell more', async () => {
    const found = await examinedServer(plex('1', 401));
    expect(found['product']).toMatchObject({
      found: 'Plex Media Server 1.43.0.10162-b67a664ed',
    });
    expect(found['forwarded address']).toMatchObject({ state: 'unknown' });
    expect(found).not.toHaveProperty('login');
    expect(found).not.toHaveProperty('owner');
  });

  test('Plex that lets the agent in without a login, or belongs to nobody, is open to everybody', async () => {
    const found = await examinedServer(plex('0', 200));
    expect(found['login']).toMatchObject({ state: 'wrong' });
    expect(found['login']?.remedy).toContain('take 127.0.0.1 out of');
    expect(found['owner']).toMatchObject({ state: 'wrong' });
  });

  test.each([
    [403, 'ok'],
    [200, 'wrong'],
    [404, 'unknown'],
  ] as const)(
    'Phlix that answers a visitor at its DLNA door with %d is %s',
    async (status, state) => {
      const { product, 'forwarded address': finding } = await examinedServer(
        (request, response) => {
          if (request.url === '/') return void response.end('<title>Phlix</title>');
          if (request.url !== '/description.xml') return void response.writeHead(404).end();
          const isVisitor = request.headers['x-forwarded-for'] === visitor;
          return void response.writeHead(isVisitor || status === 404 ? status : 200).end();
        },
      );
      expect(product?.found).toBe('Phlix');
      expect(finding).toMatchObject({ state });
    },
  );

  test('anything else that speaks HTTP is taken as it is', async () => {
    const found = await examinedServer((_, response) => {
      response.writeHead(404, { server: 'nginx' }).end('<html></html>');
    });
    expect(found['product']).toMatchObject({
      state: 'ok',
      found: 'no product this agent knows (nginx)',
    });
  });

  test('an HTTP/2 server is asked in HTTP/2', async () => {
    const server = createHttp2Server((_, response) => response.end('<title>x</title>'));
    const found = await examined(`h2c://127.0.0.1:${await listen(server)}`);
    expect(found['product']).toMatchObject({ state: 'ok' });
  });

  test('what stopped, what is no HTTP, and what shows a stranger’s certificate each have a remedy', async () => {
    const silent = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    const port = await listen(silent);
    const noHttp = await examined(`http://127.0.0.1:${port}`);
    expect(noHttp['product']).toMatchObject({ state: 'wrong' });

    const stopped = createTcpServer();
    const gone = await listen(stopped);
    stopped.close();
    const { 'media server': absent } = await examined(`http://127.0.0.1:${gone}`);
    expect(absent).toMatchObject({ state: 'wrong' });
    expect(absent?.remedy).toBe('start your media server or set PHLIX_ORIGIN_URL');

    const certificate = await selfSigned('nas.factory');
    const secure = await listen(
      createHttpsServer(
        certificate,
        jellyfin(() => true),
      ),
    );
    const { 'media server': untrusted } = await examined(`https://127.0.0.1:${secure}`);
    const pin = keyPinOf(new X509Certificate(certificate.cert));
    expect(untrusted).toMatchObject({ state: 'wrong' });
    expect(untrusted?.found).toContain('it shows one for DNS:nas.factory');
    expect(untrusted?.found).toContain(`PHLIX_ORIGIN_PIN=${pin}`);
    expect(untrusted?.remedy).toContain('PHLIX_ORIGIN_CA_FILE');
  });
});

function configFor(changes: Partial<AgentConfig>): AgentConfig {
  return {
    hub: { hostname: 'hub.localhost', port: 1, url: 'https://hub.localhost:1', proxy: undefined },
    links: 2,
    drainTimeoutMs: 1000,
    origin: addressOf('http://127.0.0.1:1'),
    stateFolder: '/nowhere',
    serverName: undefined,
    claimsSubdomain: true,
    verifiesCertificate: true,
    hubCaFile: undefined,
    logLevel: 'info',
    ...changes,
  };
}

/** A hub whose site answers with this Date. */
async function examinedHub(date: Date, trusted = true): Promise<Record<string, Finding>> {
  const certificate = await selfSigned('hub.localhost');
  const server = createHttpsServer(certificate, (_, response) => {
    response.setHeader('date', date.toUTCString());
    response.end('{}');
  });
  const port = await listen(server);
  const hubCaFile = join(newFolder(), '..', 'ca.pem');
  writeFileSync(hubCaFile, certificate.cert);
  const url = `https://hub.localhost:${port}`;
  const findings = await examineHub({
    config: configFor({
      hub: { hostname: 'hub.localhost', port, url, proxy: undefined },
      hubCaFile: trusted ? hubCaFile : undefined,
    }),
    identity: undefined,
    readToken: () => undefined,
  });
  return Object.fromEntries(findings.map((finding) => [finding.check, finding]));
}

describe('the hub', () => {
  test('that answers, with a clock like ours, is well', async () => {
    const found = await examinedHub(new Date());
    expect(found['hub']).toMatchObject({ state: 'ok' });
    expect(found['clock']).toMatchObject({ state: 'ok' });
  });

  test.each([
    [600_000, 'behind'],
    [-600_000, 'ahead of'],
  ])('%d ms away from our clock is told with the way to set it', async (ms, direction) => {
    const { clock } = await examinedHub(new Date(Date.now() + ms));
    expect(clock).toMatchObject({ state: 'wrong' });
    expect(clock?.found).toMatch(new RegExp(`clock is (599|60[01]) s ${direction} the hub's`));
    expect(clock?.remedy).toContain('NTP');
  });

  test('whose certificate nobody vouches for is told with the setting that would', async () => {
    const { hub } = await examinedHub(new Date(), false);
    expect(hub).toMatchObject({ state: 'wrong' });
    expect(hub?.remedy).toContain('PHLIX_HUB_CA_FILE');
  });

  test('whose name does not resolve is asked nothing more', async () => {
    const hub = { hostname: 'no.such.name.invalid', port: 443, url: 'https://x', proxy: undefined };
    const findings = await examineHub({
      config: configFor({ hub }),
      identity: undefined,
      readToken: () => undefined,
    });
    expect(findings).toMatchObject([{ check: 'name of the hub', state: 'wrong' }]);
  });
});

describe('the whole', () => {
  test('a connected agent with a server that knows its proxy has nothing wrong', async () => {
    const hub = await door();
    const originPort = await listen(createServer(jellyfin(() => true)));
    const token = await hub.token();
    const running = run({ hubUrl: hub.hubUrl, token, originPort });
    await online(hub, movies);
    const url = new URL(hub.hubUrl);
    const config = configFor({
      hub: { hostname: url.hostname, port: Number(url.port), url: url.origin, proxy: undefined },
      origin: addressOf(`http://127.0.0.1:${originPort}`),
      stateFolder: running.folder,
    });
    const diagnosis = await examine(config, () => undefined);
    const states = Object.fromEntries(diagnosis.findings.map(({ check, state }) => [check, state]));
    expect(states).toMatchObject({
      'state folder': 'ok',
      identity: 'ok',
      'running agent': 'ok',
      'media server': 'ok',
      'forwarded address': 'ok',
    });
    const text = describeDiagnosis(diagnosis);
    expect(text).toContain('Jellyfin 10.11.11');
  });

  test('a state folder that others can read, and a key of another hub, are each told', async () => {
    const stateFolder = newFolder();
    mkdirSync(stateFolder, { mode: 0o700 });
    chmodSync(stateFolder, 0o755);
    const { isHealthy, findings } = await examine(configFor({ stateFolder }), () => undefined);
    expect(isHealthy).toBe(false);
    expect(findings[0]).toMatchObject({ check: 'state folder', state: 'wrong' });
    expect(findings[0]?.remedy).toContain('chmod 700');
    const text = describeDiagnosis({ isHealthy, findings });
    expect(text).toMatch(/^WRONG {4}state folder .*\n +-> run chmod 700/);
    expect(text).toMatch(/\d+ things are wrong$/);
  });
});
