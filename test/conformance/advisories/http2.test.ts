import { Buffer } from 'node:buffer';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { TLSSocket } from 'node:tls';

import { describe, expect, test } from 'vitest';

import { exchange, onlineHostname, TestEdge, type EdgeOptions } from '../../support/edge.ts';
import { mebibytes, print } from '../../support/figures.ts';

/** An HTTP/2 frame by hand (RFC 9113 §4.1). */
function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

const [dataType, headersType, resetType, settingsType, pingType] = [0, 1, 3, 4, 6] as const;
const [windowUpdateType, continuationType] = [8, 9] as const;
const [endStream, endHeaders, endBoth] = [0x1, 0x4, 0x5] as const;

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const nothing = Buffer.alloc(0);
const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(settingsType, 0, 0, nothing),
]);

/** GET / of the online server: static table entries, and :authority as a literal (RFC 7541). */
const getBlock = Buffer.concat([
  Buffer.from('82878441', 'hex'),
  Buffer.from([onlineHostname.length]),
  Buffer.from(onlineHostname),
]);
/** The same for POST. */
const postBlock = Buffer.concat([Buffer.from('83', 'hex'), getBlock.subarray(1)]);

const allowedGrowth = 64 * 1024 * 1024;

/**
 * Frames of an attacker against an origin that never answers, with a neighbour who asks on a connection of his own all the
 * while. Memory and delay are those of the edge and of everybody else here, for all run in one process.
 */
async function attack(
  name: string,
  send: (socket: TLSSocket) => Promise<void> | void,
  options: EdgeOptions = {},
) {
  let begun = 0;
  await using edge = await TestEdge.start({
    ...options,
    origin: (request, response) => {
      if (request.url === '/neighbour') response.end('here');
      else begun += 1;
    },
  });
  const before = process.memoryUsage().rss;
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const socket = await edge.connect({ ALPNProtocols: ['h2'] });
  let answered = 0;
  socket.on('data', (piece: Buffer) => (answered += piece.length));
  const closed = new Promise<boolean>((resolve) => socket.once('close', () => resolve(true)));
  socket.write(preface);
  await send(socket);
  const neighbour = await edge.http2();
  for (let i = 0; i < 20; i++)
    expect((await exchange(neighbour, { ':path': '/neighbour' })).body).toBe('here');
  neighbour.destroy();
  const isClosed = await Promise.race([
    closed,
    new Promise((done) => setTimeout(done, 500, false)),
  ]);
  delay.disable();
  const grown = process.memoryUsage().rss - before;
  print(
    'advisories',
    `${name}: ${isClosed === true ? 'cut off' : 'served'}, ${begun} exchanges begun, ${answered} bytes answered, ${mebibytes(grown)} more, event loop at most ${(delay.max / 1e6).toFixed(0)} ms late`,
  );
  expect(grown).toBeLessThan(allowedGrowth);
  socket.destroy();
  await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
  return { isClosed, begun };
}

/** Writes until all is written or the other end is gone. */
async function pour(socket: TLSSocket, count: number, make: (at: number) => Buffer): Promise<void> {
  for (let at = 0; at < count && !socket.destroyed; at++) {
    await new Promise<void>((resolve) => socket.write(make(at), () => resolve()));
  }
}

describe('a flood over HTTP/2', () => {
  test('CVE-2023-44487 (rapid reset): streams that are reset at once', async () => {
    const { isClosed, begun } = await attack('rapid reset', (socket) =>
      pour(socket, 2000, (at) =>
        Buffer.concat([
          frame(headersType, endBoth, 2 * at + 1, getBlock),
          frame(resetType, 0, 2 * at + 1, u32(8)),
        ]),
      ),
    );
    expect(isClosed).toBe(true);
    // The limit is 100 at once; what stands in the same read behind the hundredth has begun as well.
    expect(begun).toBeLessThan(500);
  });

  test('CVE-2025-8671 (MadeYouReset): streams that the server is made to reset', async () => {
    const { begun } = await attack('made you reset', (socket) =>
      pour(socket, 2000, (at) =>
        Buffer.concat([
          frame(headersType, endHeaders, 2 * at + 1, postBlock),
          // An increment of nothing is an error of the stream (RFC 9113 §6.9).
          frame(windowUpdateType, 0, 2 * at + 1, u32(0)),
        ]),
      ),
    );
    expect(begun).toBeLessThan(250);
  });

  test('CVE-2025-8671 (MadeYouReset): by data behind the end of a stream', async () => {
    const { begun } = await attack('data behind the end', (socket) =>
      pour(socket, 2000, (at) =>
        Buffer.concat([
          frame(headersType, endBoth, 2 * at + 1, getBlock),
          frame(dataType, 0, 2 * at + 1, Buffer.from('x')),
        ]),
      ),
    );
    expect(begun).toBeLessThan(250);
  });

  test('CVE-2024-27983 (Node): CONTINUATION without end', async () => {
    const { isClosed, begun } = await attack('continuation', async (socket) => {
      socket.write(frame(headersType, endStream, 1, getBlock));
      const line = Buffer.concat([Buffer.from([0x00, 0x01, 0x78, 0x7d]), Buffer.alloc(125, 0x61)]);
      await pour(socket, 5000, () => frame(continuationType, 0, 1, line));
    });
    expect([isClosed, begun]).toEqual([true, 0]);
  });

  test('CVE-2024-27983 (Node): and a connection that ends in the middle of it', async () => {
    await using edge = await TestEdge.start();
    for (let i = 0; i < 20; i++) {
      const socket = await edge.connect({ ALPNProtocols: ['h2'] });
      socket.write(Buffer.concat([preface, frame(headersType, endStream, 1, getBlock)]));
      socket.write(frame(continuationType, 0, 1, Buffer.from([0x00])));
      socket.destroy();
    }
    const session = await edge.http2();
    expect((await exchange(session, { ':path': '/' })).headers[':status']).toBe(200);
    session.destroy();
  });

  test('CVE-2026-56846 (Node): fields that are small on the wire and large in memory', async () => {
    const value = Buffer.alloc(4000, 0x61);
    // One entry of the dynamic table (RFC 7541 §6.2.1), and then its index, one byte for 4 KB.
    const entry = Buffer.concat([
      Buffer.from([0x40, 0x01, 0x78, 0x7f, ((4000 - 127) & 0x7f) | 0x80, (4000 - 127) >> 7]),
      value,
    ]);
    const block = Buffer.concat([getBlock, entry, Buffer.alloc(8000, 0xbe)]);
    const { begun } = await attack('header memory', (socket) =>
      pour(socket, 200, (at) => frame(headersType, endBoth, 2 * at + 1, block.subarray(0, 16_000))),
    );
    expect(begun).toBe(0);
  });

  test.each([
    ['SETTINGS', (): Buffer => frame(settingsType, 0, 0, nothing)],
    ['PING', (): Buffer => frame(pingType, 0, 0, Buffer.alloc(8))],
    ['empty DATA', (): Buffer => frame(dataType, 0, 1, nothing)],
    ['PRIORITY', (): Buffer => frame(2, 0, 1, Buffer.alloc(5, 3))],
  ])('CVE-2026-21714, CVE-2026-56848 (Node): %s without end', async (name, make) => {
    const { begun } = await attack(name, async (socket) => {
      socket.write(frame(headersType, endHeaders, 1, postBlock));
      await pour(socket, 1000, () => Buffer.concat(Array.from({ length: 50 }, make)));
    });
    expect(begun).toBeLessThan(2);
  });

  test('CVE-2026-21714 (Node): windows that are opened too far', async () => {
    const { isClosed } = await attack('window', (socket) =>
      pour(socket, 4, () => frame(windowUpdateType, 0, 0, u32(0x7fff_ffff))),
    );
    expect(isClosed).toBe(true);
  });
});
