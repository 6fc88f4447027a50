import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { constants } from 'node:http2';
import type { Duplex } from 'node:stream';

import { expect, it } from 'vitest';

import { onlineHostname, TestEdge } from '../../test/support/edge.ts';
import {
  endHeaders,
  endStream,
  frame,
  framesOf,
  frameType,
  headersFrame,
  preface,
  resetFrame,
} from '../../test/support/http2-frames.ts';

const pingType = 6;
const post = {
  ':method': 'POST',
  ':scheme': 'https',
  ':path': '/',
  ':authority': onlineHostname,
};

it.each([
  ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
  ['CANCEL', constants.NGHTTP2_CANCEL],
])('an upload that is reset with %s never ends at the origin', async (_name, code) => {
  const asked = Promise.withResolvers<IncomingMessage>();
  await using edge = await TestEdge.start({ origin: (request) => asked.resolve(request) });
  const socket = await edge.connect({ ALPNProtocols: ['h2'] });
  const half = frame(frameType.data, 0, 1, Buffer.from('half a film'));
  socket.write(Buffer.concat([preface, headersFrame(1, post), half]));
  const upload = await asked.promise;
  upload.on('error', () => {});
  let hasEnded = false;
  upload.on('end', () => (hasEnded = true));
  const closed = new Promise((resolve) => upload.once('close', resolve));
  await once(upload, 'data');
  socket.write(resetFrame(1, code));
  await closed;
  expect([hasEnded, upload.complete, edge.resets]).toEqual([false, false, ['cancelled']]);
  await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
  socket.destroy();
});

it('a request that is reset behind its whole body is an abort all the same', async () => {
  const asked = Promise.withResolvers<void>();
  await using edge = await TestEdge.start({ origin: () => asked.resolve() });
  const socket = await edge.connect({ ALPNProtocols: ['h2'] });
  const get = headersFrame(1, { ...post, ':method': 'GET' }, endHeaders | endStream);
  socket.write(Buffer.concat([preface, get]));
  await asked.promise;
  socket.write(resetFrame(1, constants.NGHTTP2_NO_ERROR));
  await expect.poll(() => edge.resets).toEqual(['cancelled']);
  await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
  socket.destroy();
});

it.each([
  ['an upload', {}],
  ['an upload that asks to go on', { expect: '100-continue' }],
  ['a WebSocket', { ':method': 'CONNECT', ':protocol': 'websocket' }],
])(
  '%s that is reset in the packet of its head is an abort, however many come',
  async (_what, more) => {
    let ended = 0;
    await using edge = await TestEdge.start({
      origin: (request) => {
        request.on('error', () => {});
        request.resume().on('end', () => (ended += 1));
      },
    });
    edge.origin.on('upgrade', (_request, pipe: Duplex) => pipe.on('error', () => {}));
    const socket = await edge.connect({ ALPNProtocols: ['h2'] });
    const pieces: Buffer[] = [];
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    const asked = Array.from({ length: 50 }, (_, at) =>
      Buffer.concat([
        headersFrame(2 * at + 1, { ...post, ...more }),
        resetFrame(2 * at + 1, constants.NGHTTP2_NO_ERROR),
      ]),
    );
    const ping = frame(pingType, 0, 0, Buffer.alloc(8));
    socket.write(Buffer.concat([preface, ...asked, ping]));
    const hasPong = () => framesOf(Buffer.concat(pieces)).some(({ type }) => type === pingType);
    await expect.poll(hasPong).toBe(true);
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
    expect([ended, edge.streams.size]).toEqual([0, 0]);
    socket.destroy();
  },
);
