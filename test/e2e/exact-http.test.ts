import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  connect as connectHttp2,
  constants,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { contentBytes } from '../support/content.ts';
import { Curl } from '../support/curl.ts';
import { type Deployment, deploy } from '../support/deployment.ts';
import { frame, frameType, headersFrame, preface, resetFrame } from '../support/http2-frames.ts';
import { okAnswer, type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';

const interims = [
  'HTTP/1.1 102 Processing\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n\r\n',
  'HTTP/1.1 104 Upload Resumption Supported\r\nLocation: /upload/1\r\n\r\n',
].join('');
const film: Buffer = contentBytes('film', 0, 300_000);
const start: Buffer = film.subarray(0, 5000);
const packed = gzipSync(film);

/** What the test tells the origin, and what the origin tells the test. */
const stage = new EventEmitter();
let origin: RawOrigin;
let deployment: Deployment;
let curl: Curl;

beforeAll(async () => {
  origin = await startRawOrigin({
    '/interims': (socket) => {
      socket.write(interims);
      stage.once('final', () => socket.end(okAnswer([], Buffer.from('done'))));
    },
    '/starts': (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nstart\r\n');
      watch(socket);
      stage.once('break', () => socket.resetAndDestroy());
      stage.once('leave', () => socket.end());
    },
    '/upload': watch,
    '/gzip': okAnswer(['Content-Encoding: gzip', 'Content-Type: text/html'], packed),
    '/odd': (socket) => void socket.end(inChunks([1, 7, 4095, 4096, 4097, 16_384, 65_537])),
    '/single': (socket) => void socket.end(inChunks([1], start)),
    '/trickle': trickle,
  });
  deployment = await deploy({
    originPort: origin.port,
    hub: { settings: { HUB_LIMIT_IDLE_BODY: '1s' } },
  });
  curl = new Curl(deployment.hub.caFile);
});

afterEach(() => void stage.removeAllListeners());

afterAll(async () => {
  await deployment?.stop();
  await origin?.stop();
});

/** Tells the test what comes, and how it ends. */
function watch(socket: Socket): void {
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
    stage.emit('received', received);
  });
  socket.on('close', () => stage.emit('gone', received));
  socket.resume();
}

/** A chunked answer whose chunks have these sizes, over and over. */
function inChunks(sizes: readonly number[], body: Buffer = film): Buffer {
  const pieces: Buffer[] = [Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')];
  for (let at = 0, turn = 0; at < body.length; turn++) {
    const piece = body.subarray(at, at + (sizes[turn % sizes.length] ?? 1));
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
    at += piece.length;
  }
  return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')]);
}

/** Longer in all than the idle time, never silent for as long. */
function trickle(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n');
  let sent = 0;
  const timer = setInterval(() => {
    socket.write('.');
    if (++sent < 8) return;
    clearInterval(timer);
    socket.end();
  }, 300);
  socket.on('close', () => clearInterval(timer));
}

function place(): { host: string; port: number; servername: string; ca: Buffer } {
  const { hostname, port } = new URL(deployment.address);
  const ca = readFileSync(deployment.hub.caFile);
  return { host: '127.0.0.1', port: Number(port), servername: hostname, ca };
}

async function raw(request: string): Promise<TLSSocket> {
  const socket = connect(place());
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  socket.write(request.replace('\r\n', `\r\nHost: ${new URL(deployment.address).host}\r\n`));
  return socket;
}

async function until(socket: TLSSocket, pattern: RegExp): Promise<string> {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += (chunk as Buffer).toString('latin1');
    if (pattern.test(text)) break;
  }
  return text;
}

async function overHttp2<T>(use: (session: ClientHttp2Session) => Promise<T>): Promise<T> {
  const session = connectHttp2(deployment.address, {
    createConnection: () => connect({ ...place(), ALPNProtocols: ['h2'] }),
  });
  session.on('error', () => undefined);
  try {
    return await use(session);
  } finally {
    session.destroy();
  }
}

describe('interim answers come before the final one is there', () => {
  test('over HTTP/1.1, in their order', async () => {
    const socket = await raw('GET /interims HTTP/1.1\r\n\r\n');
    const early = await until(socket, /104 [^]*\r\n\r\n/);
    expect(early.match(/HTTP\/1\.1 \d+/g)).toEqual(
      ['102', '103', '104'].map((s) => `HTTP/1.1 ${s}`),
    );
    expect(early.match(/^link: .*$/gim)).toHaveLength(2);
    expect(early).toMatch(/^location: \/upload\/1\r$/im);
    stage.emit('final');
    expect(await until(socket, /done$/)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    socket.destroy();
  });

  test('over HTTP/2, in their order', async () => {
    await overHttp2(async (session) => {
      const stream = session.request({ ':path': '/interims' });
      const seen: IncomingHttpHeaders[] = [];
      stream.on('headers', (fields: IncomingHttpHeaders) => seen.push(fields));
      while (seen.length < 3) await once(stream, 'headers');
      stage.emit('final');
      const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      expect([...seen, head].map((fields) => fields[':status'])).toEqual([102, 103, 104, 200]);
      expect(seen[1]?.['link']).toBe('</a.css>; rel=preload, </b.js>; rel=preload');
      expect(seen[2]?.['location']).toBe('/upload/1');
    });
  });

  test('but never over HTTP/1.0, which knows none', async () => {
    const socket = await raw('GET /interims HTTP/1.0\r\n\r\n');
    const answered = until(socket, /done$/);
    await expect.poll(() => stage.listenerCount('final')).toBeGreaterThan(0);
    stage.emit('final');
    expect((await answered).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
  });
});

describe('whoever leaves', () => {
  test.each([
    ['CANCEL', constants.NGHTTP2_CANCEL],
    ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
  ])('a download over HTTP/2 (%s) is gone at the origin within a second', async (_name, code) => {
    await overHttp2(async (session) => {
      const stream = session.request({ ':path': '/starts' });
      stream.on('error', () => undefined);
      await once(stream, 'data');
      const gone = once(stage, 'gone', { signal: AbortSignal.timeout(1000) });
      stream.close(code);
      expect(await gone).toHaveLength(1);
    });
  });

  test.each([
    ['CANCEL', constants.NGHTTP2_CANCEL],
    ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
  ])('an upload over HTTP/2 (%s) leaves it without an end', async (_name, code) => {
    // By hand: clients of Node end a stream before they reset it.
    const socket = connect({ ...place(), ALPNProtocols: ['h2'] });
    const fields = {
      ':method': 'POST',
      ':scheme': 'https',
      ':path': '/upload',
      ':authority': new URL(deployment.address).host,
    };
    const half = frame(frameType.data, 0, 1, Buffer.from('half a film'));
    const arrived = once(stage, 'received');
    socket.write(Buffer.concat([preface, headersFrame(1, fields), half]));
    await arrived;
    const gone = once(stage, 'gone', { signal: AbortSignal.timeout(1000) });
    socket.write(resetFrame(1, code));
    const [received] = (await gone) as [string];
    expect(received).toContain('half a film');
    expect(received).not.toMatch(/0\r\n\r\n$/);
    socket.destroy();
  });

  test('an upload over HTTP/1.1 leaves it without an end', async () => {
    const head = 'POST /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n';
    const arrived = once(stage, 'received');
    const socket = await raw(`${head}b\r\nhalf a film\r\n`);
    await arrived;
    const gone = once(stage, 'gone', { signal: AbortSignal.timeout(1000) });
    socket.destroy();
    expect(((await gone) as [string])[0]).not.toMatch(/0\r\n\r\n$/);
  });
});

describe('an origin that breaks off', () => {
  test.each(['break', 'leave'])(
    'is RST_STREAM with INTERNAL_ERROR over HTTP/2 (%s)',
    async (how) => {
      await overHttp2(async (session) => {
        const stream = session.request({ ':path': '/starts' });
        let hasEnded = false;
        stream.on('end', () => (hasEnded = true));
        await once(stream, 'data');
        stage.emit(how);
        await expect(once(stream, 'close')).rejects.toThrow(/INTERNAL_ERROR/);
        expect([stream.rstCode, hasEnded]).toEqual([constants.NGHTTP2_INTERNAL_ERROR, false]);
      });
    },
  );

  test.each([
    ['--http1.1', 18],
    ['--http2', 92],
  ])('is an error of curl %s', async (version, exitCode) => {
    const answered = curl.get(`${deployment.address}/starts`, version);
    await expect.poll(() => stage.listenerCount('break')).toBeGreaterThan(0);
    stage.emit('break');
    expect(await answered).toMatchObject({ status: 200, exitCode });
  });
});

describe.each(['--http1.1', '--http2'])('a body, to curl %s', (version) => {
  test.each([
    ['that is compressed', '/gzip', packed],
    ['in chunks of odd sizes', '/odd', film],
    ['in chunks of one byte', '/single', start],
  ])('%s is what the origin sent', async (_what, path, body) => {
    const answer = await curl.get(`${deployment.address}${path}`, version);
    expect(answer).toMatchObject({ status: 200, exitCode: 0 });
    expect(answer.sha256).toBe(createHash('sha256').update(body).digest('hex'));
  });

  test('may take longer than the idle time, as long as it moves', async () => {
    const answer = await curl.get(`${deployment.address}/trickle`, version);
    expect(answer).toMatchObject({ status: 200, exitCode: 0 });
    expect(answer.body.toString()).toBe('........');
  });

  test('that stands still for as long is cut', async () => {
    const answered = curl.get(`${deployment.address}/starts`, version);
    expect((await answered).exitCode).not.toBe(0);
  });
});
