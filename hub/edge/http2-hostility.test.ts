import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants } from 'node:http2';
import { queryObjects } from 'node:v8';

import { describe, expect, it } from 'vitest';

import {
  deadline,
  exchange,
  onlineHostname,
  readUntil,
  TestEdge,
} from '../../test/support/edge.ts';
import { Http2Response } from './http2-response.ts';

/** An HTTP/2 frame by hand (RFC 9113 §4.1). */
function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(4, 0, 0, Buffer.alloc(0)),
]);

/** GET / of the online server: static table entries, and :authority as a literal (RFC 7541). */
const headBlock = Buffer.concat([
  Buffer.from('82878441', 'hex'),
  Buffer.from([onlineHostname.length]),
  Buffer.from(onlineHostname),
]);

/** The same for POST. */
const postBlock = Buffer.concat([Buffer.from('83', 'hex'), headBlock.subarray(1)]);

/** Frame types that arrived, in order. */
function frameTypes(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    types.push(bytes.readUInt8(at + 3));
  return types;
}

describe('a hostile HTTP/2 client', () => {
  it('that resets stream after stream is sent away', async () => {
    await using edge = await TestEdge.start({ limits: { h2ResetBurst: 20, h2ResetsPerSecond: 1 } });
    const socket = await edge.connect({ ALPNProtocols: ['h2'] });
    const pieces: Buffer[] = [];
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    socket.write(preface);
    for (let id = 1; id < 401; id += 2)
      socket.write(
        Buffer.concat([frame(1, 0x5, id, headBlock), frame(3, 0, id, Buffer.from([0, 0, 0, 8]))]),
      );
    await once(socket, 'close', deadline());
    expect(frameTypes(Buffer.concat(pieces))).toContain(7);
    await expect
      .poll(() => edge.admission.counted)
      .toEqual({ addresses: 0, tunnels: 0, busyTunnels: 0, busyVisitors: 0 });
  });

  it.each([
    ['a line break', 'x-a', 'b\r\nx-smuggled: 1'],
    ['NUL', 'x-a', 'b\0c'],
    ['a leading blank', 'x-a', ' b'],
    ['a name that is none', 'x-smuggled: 1\r\nx-a', 'b'],
  ])(
    'that puts %s into a field has nothing of the field reach the origin',
    async (_what, ...field) => {
      await using edge = await TestEdge.start();
      const asked = once(edge.origin, 'request', deadline()) as Promise<[IncomingMessage]>;
      const socket = await edge.connect({ ALPNProtocols: ['h2'] });
      const literals = field.map((text) =>
        Buffer.concat([Buffer.of(text.length), Buffer.from(text)]),
      );
      // A literal without indexing, with a new name (RFC 7541 §6.2.2).
      const block = Buffer.concat([headBlock, Buffer.of(0), ...literals]);
      socket.write(Buffer.concat([preface, frame(1, 0x5, 1, block)]));
      const [{ rawHeaders }] = await asked;
      expect(rawHeaders.join()).not.toMatch(/x-a|smuggled/);
      socket.destroy();
    },
  );

  it('that gives up each request in the bytes that ask for it makes hardly any work at home', async () => {
    let arrived = 0;
    await using edge = await TestEdge.start({ origin: () => (arrived += 1) });
    const socket = await edge.connect({ ALPNProtocols: ['h2'] });
    socket.resume();
    const reset = Buffer.from([0, 0, 0, 8]);
    const pairs = Array.from({ length: 90 }, (_, at) => 2 * at + 1).flatMap((id) => [
      frame(1, 0x5, id, headBlock),
      frame(3, 0, id, reset),
    ]);
    socket.write(Buffer.concat([preface, ...pairs]));
    // Behind them all.
    socket.write(frame(1, 0x5, 181, headBlock));
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(1);
    await expect.poll(() => edge.streams.size).toBe(1);
    expect(arrived).toBeLessThan(20);
    socket.destroy();
  });

  it('opens no more streams than it may', async () => {
    await using edge = await TestEdge.start({ limits: { h2Streams: 3 }, origin: () => {} });
    const session = await edge.http2();
    const results = Array.from({ length: 5 }, () => {
      const stream = session.request({ ':authority': onlineHostname });
      stream.on('error', () => {});
      return stream;
    });
    await expect.poll(() => session.remoteSettings.maxConcurrentStreams).toBe(3);
    await expect.poll(() => edge.streams.size).toBe(3);
    for (const stream of results) stream.destroy();
  });

  it('that sends a head without end is cut', async () => {
    await using edge = await TestEdge.start({ limits: { headTimeoutMs: 60, h2PingMs: 60 } });
    const socket = await edge.connect({ ALPNProtocols: ['h2'] });
    socket.write(Buffer.concat([preface, frame(1, 0x1, 1, headBlock)]));
    socket.resume();
    await once(socket, 'close', deadline());
    expect(edge.streams.size).toBe(0);
  });

  it('that resets its upload without an error has left, unread pieces or not, and harms nobody', async () => {
    const asked = Promise.withResolvers<ServerResponse>();
    await using edge = await TestEdge.start({
      origin: ({ method }, response) =>
        method === 'POST' ? asked.resolve(response) : response.end(),
    });
    const socket = await edge.connect({ ALPNProtocols: ['h2'] });
    socket.resume();
    socket.write(Buffer.concat([preface, frame(1, 0x4, 1, postBlock)]));
    const piece = frame(0, 0, 1, Buffer.alloc(16_000));
    socket.write(Buffer.concat(Array.from({ length: 15 }, () => piece)));
    const response = await asked.promise;
    socket.write(Buffer.concat([frame(3, 0, 1, Buffer.alloc(4)), frame(6, 0, 0, Buffer.alloc(8))]));
    // The ping's answer: the reset before it has arrived.
    const pong = frame(6, 1, 0, Buffer.alloc(8)).toString('latin1');
    await readUntil(socket, new RegExp(pong));
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
    expect(edge.resets).toEqual(['cancelled']);
    response.destroy();
    expect((await exchange(await edge.http2(), {})).headers[':status']).toBe(200);
  });

  it('that never reads an answer does not keep its place in the tunnel', async () => {
    await using edge = await TestEdge.start({ limits: { idleBodyMs: 100 } });
    const session = await edge.http2();
    session.settings({ initialWindowSize: 0 });
    await once(session, 'localSettings', deadline());
    const stream = session.request({ ':authority': onlineHostname });
    stream.on('error', () => {});
    await once(stream, 'response', deadline());
    expect(edge.admission.counted.busyTunnels).toBe(1);
    await expect(once(stream, 'close', deadline())).rejects.toThrow(/INTERNAL_ERROR/);
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
  });

  it('that reads nothing at all, and stays, does not keep its connection', async () => {
    await using edge = await TestEdge.start({
      limits: { idleBodyMs: 100, h2PingMs: 60 },
      forwarding: { idleTimeoutMs: 100 },
      origin: (_request, response) => {
        response.on('error', () => {});
        for (let pieces = 0; pieces < 200; pieces += 1) response.write(Buffer.alloc(65_536));
      },
    });
    const socket = await edge.connect({ ALPNProtocols: ['h2'] });
    socket.pause();
    const wideWindows = Buffer.concat([
      frame(4, 0, 0, Buffer.from('00047fffffff', 'hex')),
      frame(8, 0, 0, Buffer.from('7fff0000', 'hex')),
    ]);
    socket.write(Buffer.concat([preface, wideWindows, frame(1, 0x5, 1, headBlock)]));
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(1);
    await expect
      .poll(() => edge.admission.counted, { timeout: 10_000 })
      .toMatchObject({ addresses: 0, tunnels: 0, busyTunnels: 0 });
    socket.destroy();
  });

  it('that reads a film byte by byte does not keep its place in the tunnel', async () => {
    await using edge = await TestEdge.start({
      forwarding: { idleTimeoutMs: 200 },
      origin: (_request, response) => {
        response.on('error', () => {});
        for (let pieces = 0; pieces < 20; pieces += 1) response.write(Buffer.alloc(65_536));
      },
    });
    const socket = await edge.connect({ ALPNProtocols: ['h2'] });
    socket.resume();
    const oneByte = frame(4, 0, 0, Buffer.from('000400000001', 'hex'));
    socket.write(Buffer.concat([preface, oneByte, frame(1, 0x5, 1, headBlock)]));
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(1);
    const more = setInterval(() => socket.write(frame(8, 0, 1, Buffer.from([0, 0, 0, 1]))), 20);
    await expect.poll(() => edge.admission.counted.busyTunnels, { timeout: 5000 }).toBe(0);
    clearInterval(more);
    socket.destroy();
  });

  it('that breaks a rule while its answer ends leaves nothing in memory', async () => {
    await using edge = await TestEdge.start();
    for (let times = 0; times < 10; times += 1) {
      const socket = await edge.connect({ ALPNProtocols: ['h2'] });
      socket.resume();
      socket.write(preface);
      // A window that grows by nothing: the session ends with an error, and its streams with it.
      for (let id = 1; id < 100; id += 2)
        socket.write(
          Buffer.concat([frame(1, 0x5, id, headBlock), frame(8, 0, id, Buffer.alloc(4))]),
        );
      await once(socket, 'close', deadline());
    }
    await expect.poll(responsesInMemory).toBe(0);
  });

  it('that never asks for anything is closed', async () => {
    await using edge = await TestEdge.start({ limits: { headTimeoutMs: 60, h2PingMs: 60 } });
    const session = await edge.http2();
    await once(session, 'close', deadline());
    expect(session.destroyed).toBe(true);
  });
});

describe('an idle HTTP/2 connection', () => {
  it('is pinged, and kept while it answers', async () => {
    await using edge = await TestEdge.start({ limits: { h2PingMs: 40, h2IdleMs: 60_000 } });
    const session = await edge.http2();
    await exchange(session, {});
    await once(session, 'ping', deadline());
    await once(session, 'ping', deadline());
    expect((await exchange(session, { ':path': '/later' })).body).toContain('/later');
  });

  it('is cut when it does not answer', async () => {
    await using edge = await TestEdge.start({
      limits: { h2PingMs: 40, h2IdleMs: 60_000, headTimeoutMs: 60_000 },
    });
    const socket = await edge.connect({ ALPNProtocols: ['h2'] });
    socket.write(preface);
    socket.resume();
    await once(socket, 'close', deadline());
    await expect.poll(() => edge.admission.counted.addresses).toBe(0);
  });

  it('is closed when it was idle for long', async () => {
    await using edge = await TestEdge.start({ limits: { h2PingMs: 40, h2IdleMs: 100 } });
    const session = await edge.http2();
    const goaway = once(session, 'goaway', deadline());
    await exchange(session, {});
    expect(await goaway).toContain(constants.NGHTTP2_NO_ERROR);
  });
});

function responsesInMemory(): number {
  return queryObjects(Http2Response, { format: 'count' });
}
