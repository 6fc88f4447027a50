import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import {
  constants,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { Readable, type Duplex } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';

import {
  deadline,
  exchange,
  onlineHostname,
  readToClose,
  readUntil,
  TestEdge,
  type EdgeOptions,
} from '../../../test/support/edge.ts';
import { grpcMessage, grpcMessages, H2cOrigin } from '../../../test/support/h2c-origin.ts';

const grpc = {
  ':method': 'POST',
  ':path': '/films.Films/List',
  'content-type': 'application/grpc',
};

async function edgeFor(origin: H2cOrigin, options: EdgeOptions = {}): Promise<TestEdge> {
  return TestEdge.start({ h2cOrigin: origin.accept, ...options });
}

async function bodyOf(stream: Duplex): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** Answers with what came, and how gRPC ends. */
async function echoGrpc(stream: ServerHttp2Stream): Promise<void> {
  const body = await bodyOf(stream);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(body);
}

describe('a request for an HTTP/2 origin', () => {
  test('arrives with the fields of any other, and none that HTTP/2 forbids', async () => {
    const origin = new H2cOrigin((stream) =>
      stream.respond({ ':status': 204 }, { endStream: true }),
    );
    await using edge = await edgeFor(origin);
    const answer = await edge.raw(
      `GET /film?x=1 HTTP/1.1\r\nHost: ${onlineHostname}\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nTE: gzip, trailers\r\nRange: bytes=0-\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 204 /);
    expect(origin.asked).toEqual([
      expect.objectContaining({
        ':method': 'GET',
        ':scheme': 'http',
        ':authority': onlineHostname,
        ':path': '/film?x=1',
        range: 'bytes=0-',
        te: 'trailers',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': onlineHostname,
      }),
    ]);
    for (const name of ['host', 'connection', 'x-hop', 'transfer-encoding']) {
      expect(origin.asked[0]).not.toHaveProperty(name);
    }
  });

  test('with a body reaches it whole, counted or not', async () => {
    const bodies: string[] = [];
    const origin = new H2cOrigin((stream) => {
      void bodyOf(stream).then((body) => {
        bodies.push(body.toString());
        stream.respond({ ':status': 200 });
        stream.end('ok');
      });
    });
    await using edge = await edgeFor(origin);
    const head = `POST /x HTTP/1.1\r\nHost: ${onlineHostname}\r\nConnection: close\r\n`;
    await edge.raw(`${head}Content-Length: 5\r\n\r\nhello`);
    await edge.raw(`${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n`);
    expect(bodies).toEqual(['hello', 'hello']);
    expect(origin.asked.map((fields) => fields['content-length'])).toEqual(['5', undefined]);
  });

  test('shares a session with others, and as many as the origin allows run at once', async () => {
    const waiting: ServerHttp2Stream[] = [];
    const origin = new H2cOrigin((stream) => void waiting.push(stream), {
      settings: { maxConcurrentStreams: 2 },
    });
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    const answers = Array.from({ length: 40 }, (_, film) =>
      exchange(session, { ':path': `/film/${film}` }),
    );
    // Eight sessions of two exchanges each; the others wait for their turn.
    await vi.waitFor(() => expect(waiting).toHaveLength(16), 5000);
    expect(origin.sessions).toHaveLength(8);
    const done = Promise.all(answers);
    const answering = setInterval(() => {
      for (const stream of waiting.splice(0)) {
        stream.respond({ ':status': 200 });
        stream.end('x');
      }
    }, 5);
    const statuses = (await done).map(({ headers }) => headers[':status']);
    clearInterval(answering);
    expect(statuses).toEqual(Array.from({ length: 40 }, () => 200));
    expect(origin.mostRunning).toBe(16);
    session.destroy();
  });

  test('that the origin refused unseen is sent again, upload included', async () => {
    let refusals = 2;
    const origin = new H2cOrigin((stream) => {
      if (refusals-- > 0) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else void echoGrpc(stream);
    });
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    const { headers, body } = await exchange(session, grpc, grpcMessage('one film'));
    expect([headers[':status'], body]).toEqual([200, grpcMessage('one film').toString('latin1')]);
    expect(origin.asked).toHaveLength(3);
    session.destroy();
  });

  test('that the origin always refuses is told to come back', async () => {
    const origin = new H2cOrigin((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    const { headers, body } = await exchange(session, { ':path': '/' });
    expect([headers[':status'], headers['retry-after']]).toEqual([503, '5']);
    expect(body).toContain('"edge.busy"');
    expect(origin.asked).toHaveLength(3);
    session.destroy();
  });

  test('that was too much for one session is asked on another', async () => {
    const origin = new H2cOrigin((stream) => {
      if (origin.sessions.length === 1) return stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      stream.respond({ ':status': 200 });
      return stream.end('x');
    });
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    expect((await exchange(session, { ':path': '/' })).body).toBe('x');
    expect(origin.sessions).toHaveLength(2);
    session.destroy();
  });

  test('goes to a new session when the origin says goodbye to the old one', async () => {
    const origin = new H2cOrigin((stream) => {
      stream.respond({ ':status': 200 });
      stream.end('x');
    });
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    for (let round = 1; round <= 3; round += 1) {
      const { body } = await exchange(session, { ':path': '/' });
      expect([body, origin.sessions.length]).toEqual(['x', round]);
      origin.sessions.at(-1)?.close();
      // Also without goodbye: an idle session may just be closing.
      if (round === 2) origin.sessions.at(-1)?.destroy();
    }
    session.destroy();
  });
});

describe('a response of an HTTP/2 origin', () => {
  test('ends with the trailers of gRPC, over HTTP/2', async () => {
    const origin = new H2cOrigin((stream) => void echoGrpc(stream));
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    const answer = await exchange(session, grpc, grpcMessage('one film'));
    expect(answer.headers).toMatchObject({ ':status': 200, 'content-type': 'application/grpc' });
    expect(answer.trailers).toMatchObject({ 'grpc-status': '0' });
    session.destroy();
  });

  test('that is a gRPC error is one head that ends the stream, also in the middle of an upload', async () => {
    const origin = new H2cOrigin((stream) =>
      stream.respond(
        { ':status': 200, 'grpc-status': '7', 'grpc-message': 'no' },
        { endStream: true },
      ),
    );
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    const stream = session.request({ ':authority': onlineHostname, ...grpc });
    stream.write(grpcMessage('the first of many'));
    const [headers, flags] = (await once(stream, 'response', deadline())) as [
      IncomingHttpHeaders,
      number,
    ];
    expect(headers).toMatchObject({ ':status': 200, 'grpc-status': '7', 'grpc-message': 'no' });
    expect(flags & constants.NGHTTP2_FLAG_END_STREAM).toBe(1);
    await vi.waitFor(() => expect(origin.running).toBe(0));
    session.destroy();
  });

  test('and its request are two conversations at once', async () => {
    const origin = new H2cOrigin((stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.on('data', (piece: Buffer) => {
        for (const message of grpcMessages(piece)) stream.write(grpcMessage(`${message}!`));
      });
      stream.on('end', () => stream.end());
    });
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    const stream = session.request({ ':authority': onlineHostname, ...grpc });
    let trailers: IncomingHttpHeaders = {};
    stream.on('trailers', (fields: IncomingHttpHeaders) => (trailers = fields));
    let received = Buffer.alloc(0);
    stream.on('data', (piece: Buffer) => (received = Buffer.concat([received, piece])));
    for (let turn = 1; turn <= 20; turn += 1) {
      stream.write(grpcMessage(`turn ${turn}`));
      await vi.waitFor(() => expect(grpcMessages(received).at(-1)).toBe(`turn ${turn}!`), {
        interval: 1,
        timeout: 5000,
      });
    }
    stream.end();
    await once(stream, 'close', deadline());
    expect(trailers).toMatchObject({ 'grpc-status': '0' });
    session.destroy();
  });

  test('passes early hints, ranges, HEAD and 304 as they are', async () => {
    const origin = new H2cOrigin((stream, headers) => {
      if (headers[':path'] === '/304') return stream.respond({ ':status': 304, etag: '"a"' });
      stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });
      const fields = {
        ':status': 206,
        'content-range': 'bytes 2-5/10',
        'content-length': 4,
        'set-cookie': ['a=1', 'b=2'],
      };
      stream.respond(fields);
      return stream.end(headers[':method'] === 'HEAD' ? undefined : '2345');
    });
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    const ranged = await exchange(session, { ':path': '/', range: 'bytes=2-5' });
    expect(ranged.information).toMatchObject([{ ':status': 103, link: '</a.css>; rel=preload' }]);
    expect(ranged.headers).toMatchObject({
      ':status': 206,
      'content-range': 'bytes 2-5/10',
      'content-length': '4',
      'set-cookie': ['a=1', 'b=2'],
    });
    expect(ranged.body).toBe('2345');
    const head = await exchange(session, { ':path': '/', ':method': 'HEAD' });
    expect([head.headers['content-length'], head.body]).toEqual(['4', '']);
    const unchanged = await exchange(session, { ':path': '/304' });
    expect(unchanged.headers).toMatchObject({ ':status': 304, etag: '"a"' });
    session.destroy();
  });

  test('of 32 MiB arrives whole at a visitor who reads in fits and starts', async () => {
    const block = Buffer.alloc(1 << 20, 7);
    let written = 0;
    const origin = new H2cOrigin((stream) => {
      stream.respond({ ':status': 200, 'content-length': 32 << 20 });
      const fill = (): void => {
        while (written < 32) {
          written += 1;
          if (!stream.write(block)) return;
        }
        stream.end();
      };
      stream.on('drain', fill);
      fill();
    });
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    const stream = session.request({ ':authority': onlineHostname, ':path': '/' });
    await once(stream, 'response', deadline());
    let former = -1;
    await vi.waitFor(
      () => {
        const isStill = former === written;
        former = written;
        expect(isStill).toBe(true);
      },
      { interval: 200, timeout: 10_000 },
    );
    expect(written).toBeLessThan(16);
    let bytes = 0;
    for await (const piece of stream) bytes += (piece as Buffer).length;
    expect(bytes).toBe(32 << 20);
    session.destroy();
  });
});

test('sixty visitors who do not read cost their windows, and nobody his answer', async () => {
  const piece = Buffer.alloc(1 << 18, 7);
  let sent = 0;
  const origin = new H2cOrigin(
    (stream, headers) => {
      stream.respond({ ':status': 200 });
      if (headers[':path'] === '/small') return void stream.end('at once');
      const pieces = Readable.from(Array.from({ length: 8 }, () => piece));
      pieces.on('data', () => (sent += 1));
      return void pieces.pipe(stream);
    },
    { maxSessionMemory: 1000 },
  );
  await using edge = await edgeFor(origin);
  const session = await edge.http2();
  const fields = { ':authority': onlineHostname, ':path': '/film' };
  const films = Array.from({ length: 60 }, () => session.request(fields));
  for (const stream of films) stream.on('error', () => {});
  let former = -1;
  await vi.waitFor(
    () => {
      const isStill = former === sent;
      former = sent;
      expect(isStill).toBe(true);
    },
    { interval: 300, timeout: 15_000 },
  );
  const other = await edge.http2();
  expect((await exchange(other, { ':path': '/small' })).body).toBe('at once');
  const sizes = await Promise.all(films.map(async (stream) => (await bodyOf(stream)).length));
  expect(new Set(sizes)).toEqual(new Set([8 * piece.length]));
  for (const each of [session, other]) each.destroy();
}, 60_000);

describe('an end before the end', () => {
  test('a visitor who leaves is told to the origin as CANCEL, and a cut upload never looks whole', async () => {
    const origin = new H2cOrigin(() => {});
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    const arrived = origin.nextStream();
    // `close(CANCEL)` would send END_STREAM before the reset.
    const leave = new AbortController();
    const fields = { ':authority': onlineHostname, ...grpc };
    const visitor = session.request(fields, { signal: leave.signal });
    visitor.on('error', () => {});
    visitor.write(grpcMessage('half of a call'));
    const stream = await arrived;
    const hasEnded = endNoted(stream);
    await once(stream, 'data', deadline());
    leave.abort();
    await once(stream, 'close', deadline());
    expect([stream.rstCode, stream.aborted, hasEnded()]).toEqual([
      constants.NGHTTP2_CANCEL,
      true,
      false,
    ]);
    session.destroy();
  });

  test.each([
    ['INTERNAL_ERROR', constants.NGHTTP2_INTERNAL_ERROR],
    ['CANCEL', constants.NGHTTP2_CANCEL],
    ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
  ])('a response that the origin resets with %s is reset for the visitor', async (_, code) => {
    const origin = new H2cOrigin((stream) => {
      stream.respond({ ':status': 200, 'content-length': 8 });
      stream.write('half');
      setImmediate(() => resetRaw(stream, code));
    });
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    const stream = session.request({ ':authority': onlineHostname, ':path': '/' });
    stream.on('error', () => {});
    stream.resume();
    await new Promise((resolve) => stream.once('close', resolve));
    expect(stream.rstCode).not.toBe(constants.NGHTTP2_NO_ERROR);
    session.destroy();
  });

  test('a reset before the head is a page that says who hung up', async () => {
    const origin = new H2cOrigin((stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    const { headers, body } = await exchange(session, { ':path': '/' });
    expect(headers[':status']).toBe(502);
    expect(body).toContain('"origin.closed"');
    session.destroy();
  });

  test('an origin that says nothing is given up after the idle time, and its session with it', async () => {
    const origin = new H2cOrigin(() => {});
    await using edge = await edgeFor(origin, { forwarding: { idleTimeoutMs: 100 } });
    const session = await edge.http2();
    for (let round = 1; round <= 2; round += 1) {
      const { headers, body } = await exchange(session, { ':path': '/' });
      expect([headers[':status'], origin.sessions.length]).toEqual([504, round]);
      expect(body).toContain('"origin.timeout"');
    }
    session.destroy();
  });

  test('a link that takes no more streams lets exchanges finish, and its session goes behind the last', async () => {
    const origin = new H2cOrigin(() => {});
    await using edge = await edgeFor(origin);
    const session = await edge.http2();
    const arrived = origin.nextStream();
    const answer = exchange(session, { ':path': '/' });
    const stream = await arrived;
    edge.retirement.abort();
    stream.respond({ ':status': 200 });
    stream.end('to the end');
    expect((await answer).body).toBe('to the end');
    await vi.waitFor(() => expect(edge.streams.size).toBe(0));
    session.destroy();
  });
});

describe('a WebSocket', () => {
  const handshake = [
    'GET /socket HTTP/1.1',
    `Host: ${onlineHostname}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: chat',
    '\r\n',
  ].join('\r\n');

  test('reaches an HTTP/2 origin by extended CONNECT, and its end the visitor', async () => {
    const origin = new H2cOrigin(
      (stream) => {
        stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat' });
        stream.on('data', (piece: Buffer) => {
          stream.write(piece.toString().toUpperCase());
          if (piece.toString() === 'quit') stream.end('bye');
        });
      },
      // It says so in its first frame.
      { settings: { enableConnectProtocol: true } },
    );
    await using edge = await edgeFor(origin);
    const socket = await edge.connect();
    socket.write(handshake);
    const head = await readUntil(socket, /\r\n\r\n/);
    expect(head).toMatch(/^HTTP\/1.1 101 /);
    expect(head.toLowerCase()).toContain('sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=');
    expect(head.toLowerCase()).toContain('sec-websocket-protocol: chat');
    socket.write('hello');
    await readUntil(socket, /HELLO/);
    expect(origin.asked[0]).toMatchObject({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': '/socket',
      'sec-websocket-version': '13',
    });
    expect(origin.asked[0]).not.toHaveProperty('sec-websocket-key');
    const closed = readToClose(socket);
    socket.write('quit');
    expect(await closed).toBe('QUITbye');
    await vi.waitFor(() => expect(origin.running).toBe(0));
  });

  test('is refused in words when the origin offers none', async () => {
    const origin = new H2cOrigin(() => {});
    await using edge = await edgeFor(origin);
    const answer = await edge.raw(handshake);
    expect(answer).toMatch(/^HTTP\/1.1 501 /);
    expect(answer).toContain('"origin.no-websocket"');
  });
});

/** Whether END_STREAM came: node:http2 pushes the end for it while the stream is not closed yet. */
function endNoted(stream: ServerHttp2Stream): () => boolean {
  let hasEnded = false;
  const push = stream.push.bind(stream);
  stream.push = (chunk: unknown) => {
    hasEnded ||= chunk === null && !stream.closed;
    return push(chunk);
  };
  return () => hasEnded;
}

/** RST_STREAM and nothing before it: `close` and `destroy` of node:http2 end the stream first when they can. */
function resetRaw(stream: ServerHttp2Stream | ClientHttp2Stream, code: number): void {
  // There is no public way to send it with NO_ERROR in the middle of a body.
  const handle = Object.getOwnPropertySymbols(stream)
    .map((symbol) => (stream as unknown as Record<symbol, unknown>)[symbol])
    .find((value): value is { rstStream(code: number): void } => {
      return typeof (value as { rstStream?: unknown } | undefined)?.rstStream === 'function';
    });
  handle?.rstStream(code);
}
