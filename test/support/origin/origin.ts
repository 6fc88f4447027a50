// Requests of every kind that media servers answer arrive; answers leave whose every byte the asker can predict.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as after } from 'node:timers/promises';

import { WebSocketServer } from 'ws';

import { parseRange } from '../../../infra/quickstart/demo/file-answer.ts';
import { within } from '../deadline.ts';
import { contentStream, measure } from '../content.ts';

/** What the origin saw of a request, in the order of arrival. */
interface SeenRequest {
  readonly method: string;
  readonly target: string;
  /** [name, value, name, value, ...] as they came. */
  readonly fields: readonly string[];
  readonly httpVersion: string;
  /** Resolves when the asker is gone: true if the answer had been sent whole. */
  readonly closed: Promise<boolean>;
}

export interface Origin {
  readonly port: number;
  readonly url: string;
  readonly seen: readonly SeenRequest[];
  readonly server: Server;
  stop(): Promise<void>;
}

type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
) => Promise<void> | void;

/** Paths by their first segment. */
const answers: Record<string, Answer> = {
  /** GET /content/<seed>/<bytes>: predictable bytes, ranges, strong ETag. ?bytesPerMs=2000 takes its time, as a camera does. */
  content: answerContent,
  /** GET /hls/<seed>/<segments>/<bytes>: a playlist of so many /content/<seed>-<i>/<bytes>. */
  hls: answerPlaylist,
  /** GET /chunked/<seed>/<bytes>: the same bytes, and no length before them. */
  chunked: (_, response, url) =>
    pipeline(contentStream(segment(url, 1), 0, Number(segment(url, 2))), response),
  /** Any method with a body: counts and hashes it, and tells the trailers. */
  upload: answerUpload,
  /** The request as it arrived. */
  request: (request, response) => answerJson(response, described(request)),
  /** GET /events?count=3&everyMs=100: server-sent events, one write each. */
  events: answerEvents,
  /** Chunked, with `x-checksum` as a trailer. */
  trailers: answerTrailers,
  /** GET /drip?bytes=10&everyMs=50: the head at once, then byte by byte. */
  drip: answerDrip,
  /** 103 Early Hints, then 200. */
  hints: answerHints,
  /** GET /status/<code>, with no body where HTTP has none. */
  status: (_, response, url) => void response.writeHead(Number(segment(url, 1))).end(),
  /** Accepts and stays silent. */
  silence: () => undefined,
  /** GET /cut/<bytes>: promises twice as much, then drops the connection. */
  cut: answerCut,
  /** A body that ends with its connection. */
  unframed: answerUnframed,
};

export async function startOrigin(port = 0): Promise<Origin> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    seen.push(record(request, response));
    const url = new URL(request.url ?? '/', 'http://origin');
    const answer = answers[segment(url, 0)];
    if (answer === undefined) {
      response.writeHead(404).end('no such path\n');
      return;
    }
    // An asker who leaves early breaks the answer: tests do it on purpose, and `closed` tells.
    Promise.resolve(answer(request, response, url)).catch(() => response.destroy());
  });
  server.requestTimeout = 0;
  const sockets = acceptSockets(server);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  return {
    port: bound,
    url: `http://127.0.0.1:${bound}`,
    seen,
    server,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      for (const socket of sockets.clients) socket.terminate();
      await within(closed, 10_000, () => `the end of the origin on port ${bound}`);
    },
  };
}

/** WS /socket: every message comes back as it was, text as text. Other upgrades echo raw bytes. */
function acceptSockets(server: Server): WebSocketServer {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (request.headers.upgrade?.toLowerCase() === 'websocket') {
      sockets.handleUpgrade(request, socket, head, (visitor) => {
        visitor.on('error', () => visitor.terminate());
        visitor.on('message', (message, isBinary) => visitor.send(message, { binary: isBinary }));
      });
      return;
    }
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n`,
    );
    socket.write(head);
    socket.pipe(socket);
  });
  return sockets;
}

async function answerContent(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const [seed, size] = [segment(url, 1), Number(segment(url, 2))];
  const etag = `"${seed}-${size}"`;
  const condition = request.headers['if-range'];
  const isCurrent = condition === undefined || condition === etag;
  const range = isCurrent ? parseRange(request.headers.range, size) : 'all';
  response.setHeader('accept-ranges', 'bytes').setHeader('etag', etag);
  if (range === 'none') {
    response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
    return;
  }
  const { first, last } = range === 'all' ? { first: 0, last: size - 1 } : range;
  if (range !== 'all') response.setHeader('content-range', `bytes ${first}-${last}/${size}`);
  response.writeHead(range === 'all' ? 200 : 206, {
    'content-length': last - first + 1,
    'content-type': 'application/octet-stream',
  });
  if (request.method === 'HEAD') response.end();
  else await pipeline(contentStream(seed, first, last + 1), paced(url), response);
}

/** At most so many bytes a millisecond, from now on. */
function paced(url: URL): (body: AsyncIterable<Buffer>) => AsyncIterable<Buffer> {
  const bytesPerMs = Number(url.searchParams.get('bytesPerMs') ?? Infinity);
  const beganAt = performance.now();
  return async function* pace(body) {
    let sent = 0;
    for await (const piece of body) {
      const waitMs = beganAt + sent / bytesPerMs - performance.now();
      if (waitMs > 0) await after(waitMs);
      sent += piece.length;
      yield piece;
    }
  };
}

function answerPlaylist(_: IncomingMessage, response: ServerResponse, url: URL): void {
  const [seed, segments, bytes] = [segment(url, 1), Number(segment(url, 2)), segment(url, 3)];
  const entries = Array.from(
    { length: segments },
    (_unused, at) => `#EXTINF:4,\n/content/${seed}-${at}/${bytes}${url.search}\n`,
  );
  const text = `#EXTM3U\n#EXT-X-TARGETDURATION:4\n${entries.join('')}#EXT-X-ENDLIST\n`;
  response
    .writeHead(200, {
      'content-type': 'application/vnd.apple.mpegurl',
      'content-length': Buffer.byteLength(text),
    })
    .end(text);
}

async function answerUpload(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await measure(request);
  answerJson(response, { ...described(request), ...body, trailers: request.trailers });
}

async function answerEvents(_: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const count = Number(url.searchParams.get('count') ?? 3);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  for (let id = 1; id <= count && !response.destroyed; id += 1) {
    response.write(`id: ${id}\ndata: event ${id}\n\n`);
    await pause(url);
  }
  response.end();
}

function answerTrailers(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { trailer: 'x-checksum' });
  response.write('a body with something behind it\n');
  response.addTrailers({ 'x-checksum': 'behind' });
  response.end();
}

async function answerDrip(_: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const bytes = Number(url.searchParams.get('bytes') ?? 10);
  response.writeHead(200, { 'content-length': bytes });
  response.flushHeaders();
  for (let sent = 0; sent < bytes && !response.destroyed; sent += 1) {
    await pause(url);
    response.write('.');
  }
  response.end();
}

function answerHints(_: IncomingMessage, response: ServerResponse): void {
  response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
  response.end('hinted\n');
}

function answerCut(_: IncomingMessage, response: ServerResponse, url: URL): void {
  const bytes = Number(segment(url, 1));
  response.writeHead(200, { 'content-length': bytes * 2 });
  response.write(Buffer.alloc(bytes), () => response.destroy());
}

function answerUnframed(request: IncomingMessage, response: ServerResponse): void {
  request.socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end\n');
  response.detachSocket(request.socket);
}

function answerJson(response: ServerResponse, body: object): void {
  const text = JSON.stringify(body);
  response
    .writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    })
    .end(text);
}

function described(request: IncomingMessage): object {
  const { method, url: target, rawHeaders: fields, httpVersion } = request;
  return { method, target, fields, httpVersion };
}

function record(request: IncomingMessage, response: ServerResponse): SeenRequest {
  const { promise: closed, resolve } = Promise.withResolvers<boolean>();
  response.once('close', () => resolve(response.writableFinished));
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    fields: request.rawHeaders,
    httpVersion: request.httpVersion,
    closed,
  };
}

/** The origin's own pace, asked for by the test: not a wait for something to happen. */
function pause(url: URL): Promise<void> {
  const everyMs = Number(url.searchParams.get('everyMs') ?? 20);
  return new Promise((resolve) => setTimeout(resolve, everyMs));
}

function segment(url: URL, index: number): string {
  return url.pathname.split('/')[index + 1] ?? '';
}
