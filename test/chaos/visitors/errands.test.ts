import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createSecureServer, type Http2SecureServer, Http2ServerResponse } from 'node:http2';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';

import { contentBytes, measure } from '../../support/content.ts';
import { selfSigned } from '../../support/self-signed.ts';
import { chat, download, type HttpVersion, upload } from './errands.ts';
import { talkHttp2 } from './exchange.ts';
import type { Door } from './visit.ts';

const whole = contentBytes('film', 0, 1000);
const swapped = Buffer.concat([whole.subarray(0, 500), contentBytes('film', 501, 500)]);

/** How a server may fail its visitor; each test asks for one of them. */
type Answer = (response: ServerResponse | Http2ServerResponse) => void;
const answers = {
  whole: (response) => respond(response, whole),
  'another byte': (response) => respond(response, swapped),
  'a clean end too early': (response) => respond(response, whole.subarray(0, 999)),
  'a byte too many': (response) => respond(response, contentBytes('film', 0, 1001)),
  'half of it': (response) => begin(response, () => undefined),
  'a break': (response) => breakOff(response),
  'a lost connection': (response) => loseConnection(response),
  'a failure': (response) => {
    response.statusCode = 503;
    respond(response, '{"status":503,"code":"tunnel.offline"}');
  },
} satisfies Record<string, Answer>;

let server: Http2SecureServer;
let door: Door;
let answer: keyof typeof answers = 'whole';
let takenBytes = 0;
let accepted: Socket | undefined;

beforeAll(async () => {
  const { cert, key } = await selfSigned('movies.test');
  server = createSecureServer({ cert, key, allowHTTP1: true }, (request, response) => {
    if (request.method === 'GET') return answers[answer](response);
    return void measure(request).then(({ sha256 }) =>
      response.end(JSON.stringify({ bytes: takenBytes, sha256 })),
    );
  });
  server.on('connection', (socket: Socket) => (accepted = socket));
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (visitor) => {
      visitor.once('message', () => {
        if (answer === 'a break') visitor.terminate();
        else if (answer === 'another byte') visitor.send('something else');
        else visitor.close(1000);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  door = { hostname: 'movies.test', host: '127.0.0.1', port, ca: cert };
});
afterAll(() => void server.close());

function respond(response: Parameters<Answer>[0], body: string | Buffer): void {
  if (response instanceof Http2ServerResponse) response.end(body);
  else response.end(body);
}

/** In the middle of the body, once its beginning is out: HTTP/2 resets the stream, HTTP/1.1 has only its connection. */
function breakOff(response: Parameters<Answer>[0]): void {
  begin(response, () => {
    if (response instanceof Http2ServerResponse) response.stream.destroy(new Error('broken'));
    else response.destroy();
  });
}

function loseConnection(response: Parameters<Answer>[0]): void {
  begin(response, () => {
    if (response instanceof Http2ServerResponse) response.stream.session?.destroy();
    else response.socket?.destroy();
  });
}

function begin(response: Parameters<Answer>[0], then: () => void): void {
  const beginning = whole.subarray(0, 500);
  const sent = (): void => void setImmediate(then);
  if (response instanceof Http2ServerResponse) response.stream.write(beginning, sent);
  else response.write(beginning, sent);
}

describe.each<HttpVersion>(['HTTP/1.1', 'HTTP/2'])('a visitor over %s', (version) => {
  test.each([
    ['whole', 'complete'],
    ['another byte', 'wrong'],
    ['a clean end too early', 'wrong'],
    ['a byte too many', 'wrong'],
    ['a break', 'cut'],
    ['a lost connection', 'cut'],
    ['a failure', 'refused'],
  ] as const)('who gets %s calls it %s', async (given, end) => {
    answer = given;
    const outcome = await download(door, { version, bytes: 1000, isChunked: true }).outcome;
    expect(outcome).toMatchObject({ end });
  });

  test('who is refused knows the code', async () => {
    answer = 'a failure';
    expect(await download(door, { version }).outcome).toMatchObject({ detail: 'tunnel.offline' });
  });

  test('who sends a body calls it wrong when the origin took less for the whole', async () => {
    takenBytes = 70_000;
    expect(await upload(door, version, 70_000).outcome).toMatchObject({ end: 'complete' });
    expect(await upload(door, version, 70_001).outcome).toMatchObject({ end: 'wrong' });
  });
});

test('a visitor who leaves in the middle of a handshake has left', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  silent.listen(0, '127.0.0.1');
  const met = once(silent, 'connection');
  await once(silent, 'listening');
  const visit = download({ ...door, port: (silent.address() as AddressInfo).port });
  await met;
  visit.leave();
  expect(await visit.outcome).toMatchObject({ end: 'cut' });
  silent.close();
});

test('a visitor over HTTP/2 hears of a reset though node:http2 has stopped reading', async () => {
  answer = 'half of it';
  const { hostname: servername, host, port, ca } = door;
  const connection = connect({ host, port, servername, ca, ALPNProtocols: ['h2'] });
  await once(connection, 'secureConnect');
  const begun = await talkHttp2(door, connection)({ path: '/' });
  stopReading(connection);
  accepted?.resetAndDestroy();
  await once(connection, 'close');
  expect(begun.isWhole()).toBe(false);
});

/** As node:http2 does while a write waits. */
function stopReading(connection: TLSSocket): void {
  (connection as { _handle?: { readStop(): number } })._handle?.readStop();
}

test.each([
  ['a break', 'cut'],
  ['another byte', 'wrong'],
  ['whole', 'wrong'],
] as const)(
  'a WebSocket that meets %s is %s: a close frame of nobody is wrong, too',
  async (given, end) => {
    answer = given;
    expect(await chat(door).outcome).toMatchObject({ end });
  },
);

test('a visitor who finds no server is cut', async () => {
  const { outcome } = download({ ...door, port: 1 });
  expect(await outcome).toMatchObject({ end: 'cut', detail: expect.stringContaining('ECONNREF') });
});
