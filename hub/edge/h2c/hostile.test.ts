import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';

import { exchange, TestEdge, type Answer } from '../../../test/support/edge.ts';
import { requestList } from './fields.ts';

const frameType = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  continuation: 9,
};

function frame(type: number, flags: number, streamId: number, payload?: Buffer): Buffer {
  const bytes = payload ?? Buffer.alloc(0);
  const head = Buffer.alloc(9);
  head.writeUIntBE(bytes.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, bytes]);
}

/** A literal field without a table (RFC 7541 §6.2.2), as bytes: any byte goes. */
function field(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), sized(name), sized(value)]);
}

function sized(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const size = bytes.length < 127 ? [bytes.length] : [127, ...varint(bytes.length - 127)];
  return Buffer.concat([Buffer.from(size), bytes]);
}

function varint(rest: number): number[] {
  return rest < 128 ? [rest] : [(rest % 128) + 128, ...varint(Math.floor(rest / 128))];
}

const settings = frame(frameType.settings, 0, 0);
const status = field(':status', '200');
const endHeaders = 4;
const endStream = 1;
const ack = 1;

/** Says SETTINGS at once, and the rest when the first request has come. */
function scripted(...frames: Buffer[]): (connection: Duplex) => void {
  return (connection) => {
    connection.write(Buffer.concat([settings, frame(frameType.settings, ack, 0)]));
    let hasAnswered = false;
    let received = Buffer.alloc(0);
    connection.on('error', () => {});
    connection.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      if (hasAnswered || !frameTypes(received).includes(frameType.headers)) return;
      hasAnswered = true;
      connection.write(Buffer.concat(frames));
    });
  };
}

/** Of what a client sent; 24 bytes of preface come first (RFC 9113 §3.4). */
function frameTypes(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = 24; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    types.push(bytes[at + 3] as number);
  }
  return types;
}

async function answerTo(h2cOrigin: (connection: Duplex) => void): Promise<Answer> {
  await using edge = await TestEdge.start({ h2cOrigin, forwarding: { idleTimeoutMs: 2000 } });
  const session = await edge.http2();
  try {
    return await exchange(session, { ':path': '/' });
  } finally {
    session.destroy();
    // An origin that answers no goodbye gets five seconds.
    await vi.waitFor(() => expect(edge.streams.size).toBeLessThanOrEqual(1), 8000);
  }
}

describe('an origin that breaks the rules of HTTP/2', () => {
  const headers = (...fields: Buffer[]): Buffer =>
    frame(frameType.headers, endHeaders | endStream, 1, Buffer.concat(fields));

  test.each([
    ['HTTP/1.1', Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')],
    ['a data frame without a head', frame(frameType.data, endStream, 1, Buffer.from('x'))],
    ['a capital letter in a name', headers(status, field('X', 'y'))],
    ['a Transfer-Encoding', headers(status, field('transfer-encoding', 'chunked'))],
    ['a Connection field', headers(status, field('connection', 'x'))],
    ['two statuses', headers(status, status)],
    ['no status', headers(field('x', 'y'))],
    ['a status of four digits', headers(field(':status', '2000'))],
    ['two lengths', headers(status, field('content-length', '0'), field('content-length', '1'))],
    ['a promised push', frame(frameType.pushPromise, endHeaders, 1, Buffer.from([0, 0, 0, 2]))],
    ['a head of an even stream', frame(frameType.headers, endHeaders, 2, status)],
    ['a frame of 16 MiB', Buffer.concat([Buffer.from([255, 255, 255, 0, 0, 0, 0, 0, 1])])],
  ])('with %s is not passed on', async (_, bytes) => {
    const { headers: head, body } = await answerTo(scripted(bytes));
    expect(head[':status']).toBe(502);
    expect(head).not.toHaveProperty('set-cookie');
    expect(JSON.parse(body)).toMatchObject({
      code: expect.stringMatching(/^origin\.(bad|closed)/),
    });
  });

  test.each([
    ['a line feed in a value', field('x', 'a\r\nset-cookie: b=c')],
    ['a zero in a value', field('x', 'a\0b')],
    ['a space in a name', field('x y', 'z')],
  ])('with %s does not get that field through', async (_, bytes) => {
    // nghttp2 drops such a field, as RFC 9113 §8.2.1 allows a recipient to.
    const answer = await answerTo(scripted(headers(status, bytes, field('fine', 'yes'))));
    expect(answer.headers).toMatchObject({ ':status': 200, fine: 'yes' });
    for (const name of ['x', 'x y', 'set-cookie']) expect(answer.headers).not.toHaveProperty(name);
  });

  test('with a head of 300 fields, or one of 100 KiB, is told that it is too large', async () => {
    const many = Array.from({ length: 300 }, (_, at) => field(`x-${at}`, 'y'));
    const long = [field('x', 'y'.repeat(15_000)), field('z', 'y'.repeat(1000))];
    const big = Buffer.concat([status, ...Array.from({ length: 7 }, () => long).flat()]);
    const pieces = [
      frame(frameType.headers, endStream, 1, big.subarray(0, 16_384)),
      ...[1, 2, 3, 4, 5].map((at) =>
        frame(frameType.continuation, 0, 1, big.subarray(at * 16_384, (at + 1) * 16_384)),
      ),
      frame(frameType.continuation, endHeaders, 1, big.subarray(6 * 16_384)),
    ];
    for (const frames of [[headers(status, ...many)], pieces]) {
      const { headers: head, body } = await answerTo(scripted(...frames));
      expect(head[':status']).toBe(502);
      expect(JSON.parse(body)).toMatchObject({ code: expect.stringMatching(/^origin\./) });
    }
  });

  test('with interim responses that never end is cut off', async () => {
    const interim = frame(frameType.headers, endHeaders, 1, field(':status', '103'));
    const { headers: head, body } = await answerTo(
      scripted(...Array.from({ length: 300 }, () => interim)),
    );
    expect(head[':status']).toBe(502);
    expect(body).toContain('"origin.bad-response"');
  });

  test('with a body that is shorter or longer than it said is not taken for whole', async () => {
    for (const length of ['3', '1']) {
      const said = frame(
        frameType.headers,
        endHeaders,
        1,
        Buffer.concat([status, field('content-length', length)]),
      );
      const sent = frame(frameType.data, endStream, 1, Buffer.from('xy'));
      await expect(answerTo(scripted(said, sent))).rejects.toThrow(/INTERNAL_ERROR/);
    }
  });

  test('with trailers that would rewrite the head passes only the harmless ones', async () => {
    const { trailers } = await answerTo(
      scripted(
        frame(frameType.headers, endHeaders, 1, status),
        frame(frameType.data, 0, 1, Buffer.from('x')),
        frame(
          frameType.headers,
          endHeaders | endStream,
          1,
          Buffer.concat([field('set-cookie', 'a=b'), field('grpc-status', '0')]),
        ),
      ),
    );
    expect(trailers).toMatchObject({ 'grpc-status': '0' });
    expect(trailers).not.toHaveProperty('set-cookie');
  });

  test('with floods of SETTINGS, PING and empty frames loses its session, and the next one starts afresh', async () => {
    const flood = Buffer.concat([
      ...Array.from({ length: 20_000 }, () => settings),
      ...Array.from({ length: 20_000 }, () => frame(frameType.ping, 0, 0, Buffer.alloc(8))),
    ]);
    const { headers: head } = await answerTo(scripted(flood));
    expect(head[':status']).toBeGreaterThanOrEqual(502);
  });
});

describe('an origin that is silent or gone', () => {
  test('that ends the connection at once is told as hung up', async () => {
    const { headers, body } = await answerTo((connection) => {
      connection.on('error', () => {});
      connection.end();
    });
    expect(headers[':status']).toBe(502);
    expect(body).toMatch(/"origin\.(closed|bad-response)"/);
  });

  test('that says goodbye with an error ends what runs', async () => {
    const goaway = Buffer.concat([Buffer.alloc(4), Buffer.from([0, 0, 0, 11])]);
    const { headers } = await answerTo(scripted(frame(frameType.goaway, 0, 0, goaway)));
    expect([502, 503]).toContain(headers[':status']);
  });

  test('that says goodbye to everything, again and again, is not asked for ever', async () => {
    let sessions = 0;
    const { headers } = await answerTo((connection) => {
      sessions += 1;
      scripted(frame(frameType.goaway, 0, 0, Buffer.alloc(8)))(connection);
    });
    expect([502, 503]).toContain(headers[':status']);
    expect(sessions).toBeLessThanOrEqual(4);
  });

  test('whose tunnel stream breaks after the session was given up harms nobody', async () => {
    const ends: Duplex[] = [];
    await using edge = await TestEdge.start({
      h2cOrigin: (connection) => {
        ends.push(connection);
        scripted(frame(frameType.headers, endHeaders | endStream, 1, status))(connection);
      },
    });
    const session = await edge.http2();
    expect((await exchange(session, { ':path': '/' })).headers[':status']).toBe(200);
    edge.retirement.abort();
    const [near] = edge.streams;
    near?.destroy(new Error('the link is gone'));
    if (near !== undefined && !near.closed) await once(near, 'close').catch(() => undefined);
    expect(ends).toHaveLength(1);
    session.destroy();
  });
});

test('a request that has nothing to say to HTTP/1.1 says nothing of it', () => {
  const fields = ['host', 'a.b', 'upgrade', 'x', 'transfer-encoding', 'chunked', 'cookie', 'c=d'];
  expect(requestList({ method: 'POST', target: '/', fields, protocol: undefined })).toEqual(
    [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':authority', 'a.b'],
      [':path', '/'],
      ['cookie', 'c=d'],
      ['te', 'trailers'],
    ].flat(),
  );
});
