import type { Buffer } from 'node:buffer';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { keyPinOf } from '../../agent/origin-dial.ts';
import { ProxyHeaderReader } from '../../hub/edge/proxy-protocol.ts';
import { contentBytes } from '../support/content.ts';
import { Curl } from '../support/curl.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { grpcMessage, grpcMessages, H2cOrigin } from '../support/h2c-origin.ts';
import { selfSigned } from '../support/self-signed.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const film = contentBytes('film', 0, 20_000_000);
const closers: (() => unknown)[] = [];
let hub: HubProcess;
let curl: Curl;

beforeAll(async () => {
  hub = await HubProcess.start();
  curl = new Curl(hub.caFile);
});

afterAll(async () => {
  for (const close of closers.toReversed()) await close();
  await hub?.stop();
});

interface Reached {
  readonly address: string;
  readonly agent: AgentProcess;
}

/** An agent of its own for an origin at this URL. */
async function reach(label: string, url: string, settings = {}): Promise<Reached> {
  const token = await hub.createToken('--label', label);
  const agent = new AgentProcess({
    hub,
    originPort: 0,
    token,
    settings: { PHLIX_ORIGIN_URL: url, ...settings },
  });
  closers.push(() => agent.stop());
  const [address = ''] = await agent.reachable();
  return { address, agent };
}

async function listen(
  server: Server,
  place: string | { port: number; host: string },
): Promise<number> {
  server.listen(place);
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as Partial<AddressInfo>).port ?? 0;
}

const loopback = { port: 0, host: '127.0.0.1' };

/** A film, and what became of an upload. */
const serveFilm: RequestListener = (request, response) => {
  if (request.method === 'GET') {
    response.setHeader('content-length', film.length);
    return void response.end(film);
  }
  const hash = createHash('sha256');
  request.on('data', (piece: Buffer) => hash.update(piece));
  return void request.on('end', () => response.end(hash.digest('hex')));
};

const digest = createHash('sha256').update(film).digest('hex');

/** What came down, and what the origin says came up: all of it the film. */
async function filmsThrough(address: string): Promise<unknown[]> {
  const films: unknown[] = [];
  for (const version of ['--http1.1', '--http2']) {
    const down = await curl.get(`${address}/film`, version);
    films.push([down.exitCode, down.status, down.sha256]);
    const up = await curl.send({ input: film }, `${address}/up`, version, '--data-binary', '@-');
    films.push([up.exitCode, up.status, up.body.toString()]);
  }
  return films;
}

const whole = Array.from({ length: 4 }, () => [0, 200, digest]);

test('a film and its upload pass through a Unix socket', async () => {
  const path = join(temporaryFolder('origin').path, 'server.sock');
  await listen(createServer(serveFilm), path);
  const { address } = await reach('by-socket', `unix:${path}`);
  expect(await filmsThrough(address)).toEqual(whole);
});

test('a film and its upload pass through TLS to a server that signs for itself, and is pinned', async () => {
  const certificate = await selfSigned('nas.factory');
  const port = await listen(createHttpsServer(certificate, serveFilm), loopback);
  const { address } = await reach('pinned', `https://127.0.0.1:${port}`, {
    PHLIX_ORIGIN_PIN: keyPinOf(new X509Certificate(certificate.cert)),
  });
  expect(await filmsThrough(address)).toEqual(whole);
});

test('a server whose certificate nobody vouches for gets no request, and its owner two remedies', async () => {
  let requests = 0;
  const server = createHttpsServer(await selfSigned('nas.factory'), () => (requests += 1));
  const port = await listen(server, loopback);
  const { address, agent } = await reach('untrusted', `https://127.0.0.1:${port}`);
  const answer = await curl.get(`${address}/film`, '--header', 'Cookie: secret');
  expect(answer.status).toBe(502);
  expect(JSON.parse(answer.body.toString())).toMatchObject({
    code: 'origin.untrusted',
    detail: expect.stringMatching(/tell the owner.*PHLIX_ORIGIN_CA_FILE.*PHLIX_ORIGIN_PIN/),
  });
  const [line] = await agent.program.waitForLine(/^.*"origin not trusted".*$/);
  expect(JSON.parse(line)).toMatchObject({
    remedy: expect.stringMatching(/PHLIX_ORIGIN_CA_FILE.*PHLIX_ORIGIN_PIN/),
  });
  expect(requests).toBe(0);
});

test('a server that a trusted authority names otherwise gets no request, and its visitors are not told that it is down', async () => {
  let requests = 0;
  const certificate = await selfSigned('nas.factory');
  const caFile = join(temporaryFolder('origin-ca').path, 'ca.pem');
  writeFileSync(caFile, certificate.cert);
  const server = createHttpsServer(certificate, () => (requests += 1));
  const port = await listen(server, loopback);
  const { address, agent } = await reach('misnamed', `https://localhost:${port}`, {
    PHLIX_ORIGIN_CA_FILE: caFile,
  });
  const answer = await curl.get(`${address}/film`, '--header', 'Accept: text/html');
  expect(answer.status).toBe(502);
  const page = answer.body.toString();
  expect(page).toContain('<code>origin.untrusted</code>');
  expect(page).not.toContain('Start the media server');
  const [line] = await agent.program.waitForLine(/^.*"origin not trusted".*$/);
  expect(JSON.parse(line)).toMatchObject({ remedy: expect.stringContaining('is for other names') });
  expect(requests).toBe(0);
});

test('a film of an HTTP/2 origin goes on when its agent is killed and started again', async () => {
  const origin = new H2cOrigin((stream, headers) => {
    const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    const rest = film.subarray(from);
    stream.respond({
      ':status': from === 0 ? 200 : 206,
      etag: '"film"',
      'accept-ranges': 'bytes',
      'content-length': rest.length,
      ...(from > 0 && { 'content-range': `bytes ${from}-${film.length - 1}/${film.length}` }),
    });
    stream.end(rest);
  });
  const port = await listen(origin.server, loopback);
  const { address, agent } = await reach('resumed', `h2c://127.0.0.1:${port}`);
  const watching = curl.get(`${address}/film`, '--http2', '--limit-rate', '4M');
  await once(origin.server, 'stream');
  await vi.waitFor(
    () => expect(origin.sessions[0]?.socket.bytesWritten).toBeGreaterThan(film.length / 8),
    10_000,
  );
  agent.program.kill('SIGKILL');
  await agent.program.ended;
  agent.startAgain();
  const { exitCode, status, sha256 } = await watching;
  expect([exitCode, status, sha256]).toEqual([0, 200, digest]);
  expect(origin.asked.map(({ range }) => range)).toEqual([
    undefined,
    expect.stringMatching(/^bytes=\d+-/),
  ]);
});

test('an origin that reads the PROXY protocol is told each connection’s visitor, and shares none', async () => {
  const connections = new Map<unknown, { source: unknown; requests: number }>();
  const http = createServer((request, response) => {
    const connection = connections.get(request.socket);
    if (connection !== undefined) connection.requests += 1;
    response.end('seen');
  });
  const server = createTcpServer((socket) => {
    const reader = new ProxyHeaderReader();
    const read = (piece: Buffer): void => {
      const header = reader.push(piece);
      if (header.state === 'more') return;
      const source = header.state === 'header' ? header.source : header.reason;
      connections.set(socket, { source, requests: 0 });
      socket.off('data', read);
      if (header.state === 'header') socket.unshift(header.rest);
      http.emit('connection', socket);
    };
    socket.on('data', read);
  });
  const port = await listen(server, loopback);
  const { address } = await reach('told', `http://127.0.0.1:${port}`, {
    PHLIX_ORIGIN_PROXY_PROTOCOL: '1',
  });
  for (const from of ['127.0.0.1', '127.0.0.2', '127.0.0.1']) {
    const answer = await curl.get(`${address}/`, '--interface', from);
    expect(answer.body.toString()).toBe('seen');
  }
  expect([...connections.values()]).toEqual([
    { source: { kind: 'client', address: '127.0.0.1' }, requests: 2 },
    { source: { kind: 'client', address: '127.0.0.2' }, requests: 1 },
  ]);
});

test('the doctor finds nothing wrong beside a running agent, and says what is when its server stops', async () => {
  const server = createServer((request, response) => {
    // As Jellyfin does: a caller on this machine is called back at loopback.
    const isVisitor = request.headers['x-forwarded-for'] !== undefined;
    const LocalAddress = isVisitor ? 'http://192.168.1.5:8096' : 'http://127.0.0.1:8096';
    const told = { Version: '10.11.11', Id: 'x', ProductName: 'Jellyfin Server', LocalAddress };
    response.end(JSON.stringify(told));
  });
  const port = await listen(server, loopback);
  const { agent } = await reach('examined', `http://127.0.0.1:${port}`);
  const well = await agent.run('doctor', '--json');
  expect(JSON.parse(well.stdout)).toMatchObject({
    healthy: true,
    findings: expect.arrayContaining([
      expect.objectContaining({ check: 'agent.running', state: 'ok' }),
      expect.objectContaining({ check: 'reach.tunnel', state: 'ok' }),
      expect.objectContaining({ check: 'reach.https', state: 'ok' }),
      expect.objectContaining({ check: 'tls.interception', state: 'ok' }),
      expect.objectContaining({ check: 'clock.offset', state: 'ok' }),
      expect.objectContaining({ check: 'line.speed', state: 'ok' }),
      expect.objectContaining({ check: 'origin.forwarded', state: 'ok' }),
    ]),
  });
  expect(well.exitCode).toBe(0);
  server.closeAllConnections();
  server.close();
  const ill = await agent.run('doctor');
  expect(ill.exitCode).toBe(69);
  expect(ill.stdout).toMatch(/FAILURE +origin.reachable .*\n +-> Start your media server/);
});

test('a film passes from a server that speaks HTTP/2 without TLS, and gRPC both ways at once', async () => {
  const origin = new H2cOrigin((stream, headers) => {
    if (headers[':path'] === '/film') {
      stream.respond({ ':status': 200, 'content-length': film.length });
      return void stream.end(film);
    }
    if (headers[':path'] === '/denied') {
      return stream.respond({ ':status': 200, 'grpc-status': '7' }, { endStream: true });
    }
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.on('data', (piece: Buffer) => stream.write(piece));
    return void stream.on('end', () => stream.end());
  });
  const port = await listen(origin.server, loopback);
  const { address } = await reach('grpc', `h2c://127.0.0.1:${port}`);

  for (const version of ['--http1.1', '--http2']) {
    const down = await curl.get(`${address}/film`, version);
    expect([down.exitCode, down.status, down.sha256]).toEqual([0, 200, digest]);
  }

  const { hostname, port: hubPort } = new URL(address);
  const session = connect(address, {
    // The system's resolver does not know names below localhost.
    createConnection: () =>
      connectTls({
        host: '127.0.0.1',
        port: Number(hubPort),
        servername: hostname,
        ca: readFileSync(hub.caFile),
        ALPNProtocols: ['h2'],
      }),
  });
  closers.push(() => session.destroy());
  const call = (path: string) =>
    session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
  const talk = call('/echo');
  for (let turn = 0; turn < 5; turn += 1) {
    talk.write(grpcMessage(`turn ${turn}`));
    const [piece] = (await once(talk, 'data')) as [Buffer];
    expect(grpcMessages(piece)).toEqual([`turn ${turn}`]);
  }
  const trailed = once(talk.resume(), 'trailers') as Promise<[IncomingHttpHeaders]>;
  talk.end();
  expect((await trailed)[0]).toMatchObject({ 'grpc-status': '0' });

  const denied = call('/denied');
  const [head] = (await once(denied, 'response')) as [IncomingHttpHeaders];
  expect(head).toMatchObject({ ':status': 200, 'grpc-status': '7' });
  denied.resume();
  denied.end();
  await once(denied, 'close');
});
