import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { deadline, exchange, onlineHostname, TestEdge } from '../../test/support/edge.ts';
import {
  frame,
  framesOf,
  frameType,
  headersFrame,
  preface,
  resetFrame,
  type Frame,
} from '../../test/support/http2-frames.ts';

const fields = {
  ':method': 'CONNECT',
  ':protocol': 'websocket',
  ':scheme': 'https',
  ':path': '/socket',
  ':authority': onlineHostname,
};
const windowUpdate = 8;
const nothing = { addresses: 0, tunnels: 0, busyTunnels: 0, busyVisitors: 0 };

/** A connection of HTTP/2 written by hand, and the frames that came back on it. */
async function byHand(edge: TestEdge) {
  const socket = await edge.connect({ ALPNProtocols: ['h2'] });
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  socket.write(preface);
  return { socket, frames: (): Frame[] => framesOf(Buffer.concat(pieces)) };
}

/** Handshakes that the origin leaves unanswered. */
function silentOrigin(edge: TestEdge): Duplex[] {
  const waiting: Duplex[] = [];
  edge.origin.on('upgrade', (_request, pipe: Duplex) => {
    pipe.on('error', () => {});
    waiting.push(pipe);
  });
  return waiting;
}

describe('a visitor who means ill with WebSockets over HTTP/2', () => {
  it('and opens and resets one after the other is sent away, and nothing of them stays', async () => {
    await using edge = await TestEdge.start({ limits: { h2ResetBurst: 20, h2ResetsPerSecond: 1 } });
    silentOrigin(edge);
    const { socket, frames } = await byHand(edge);
    for (let stream = 1; stream < 401; stream += 2)
      socket.write(Buffer.concat([headersFrame(stream, fields), resetFrame(stream, 8)]));
    await once(socket, 'close', deadline());
    expect(frames().map(({ type }) => type)).toContain(frameType.goaway);
    await expect.poll(() => edge.admission.counted).toEqual(nothing);
    expect(edge.streams.size).toBe(0);
  });

  it('and talks before the origin has agreed is made to wait, and dismissed with the answer', async () => {
    await using edge = await TestEdge.start();
    const waiting = silentOrigin(edge);
    const { socket, frames } = await byHand(edge);
    // Seven of them fit into the window of a stream.
    const piece = Buffer.alloc(16_384, 'x');
    socket.write(headersFrame(1, fields));
    for (let sent = 0; sent < 7; sent++) socket.write(frame(frameType.data, 0, 1, piece));
    await expect.poll(() => waiting.length).toBe(1);
    expect((await exchange(await edge.http2(), {})).headers[':status']).toBe(200);
    // Credit for what is held, and for Node's own buffer, not for all that was sent.
    const credits = frames()
      .filter(({ type, stream }) => type === windowUpdate && stream === 1)
      .map(({ payload }) => Number.parseInt(payload, 16));
    expect(credits.reduce((sum, credit) => sum + credit, 0)).toBeLessThan(7 * piece.length);
    const [pipe] = waiting;
    pipe?.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    const answered = () => frames().filter(({ stream }) => stream === 1);
    await expect.poll(() => answered().some(({ type }) => type === frameType.headers)).toBe(true);
    // RST_STREAM with NO_ERROR: the answer is complete, and the rest is not wanted.
    await expect
      .poll(() => answered().at(-1))
      .toMatchObject({ type: frameType.reset, payload: '00000000' });
    socket.destroy();
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
  });

  it('and never says more than hello gives its place back after the idle time', async () => {
    await using edge = await TestEdge.start({ forwarding: { idleTimeoutMs: 200 } });
    silentOrigin(edge);
    const { socket, frames } = await byHand(edge);
    socket.write(headersFrame(1, fields));
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(1);
    await expect.poll(() => edge.resets).toHaveLength(1);
    await expect
      .poll(() => frames().some(({ type, stream }) => type === frameType.headers && stream === 1))
      .toBe(true);
    socket.destroy();
    await expect.poll(() => edge.admission.counted).toEqual(nothing);
  });
});
