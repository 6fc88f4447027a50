import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { encodeFrames, frames, type NaiveFrame } from '../../test/support/naive-codec.ts';
import { ScriptedPeer } from '../../test/support/scripted-peer.ts';
import type { ProtocolError } from '../errors.ts';
import type { FrameSink } from './decoder.ts';
import { FramePipe } from './frame-pipe.ts';

function start() {
  const peer = new ScriptedPeer();
  return { peer, pipe: new FramePipe(peer.transport) };
}

/** Notes types of frames, and data as text. */
function recordingSink(seen: string[], onNotice: () => void = () => {}): FrameSink {
  return {
    onControl: (header, payload) => {
      seen.push(`${header.type}:${payload.toString()}`);
      if (header.type === 7) onNotice();
    },
    onData: (streamId, piece, isFrameEnd, isStreamEnd) => {
      seen.push(`data ${streamId} ${piece.toString()} ${isFrameEnd} ${isStreamEnd}`);
    },
  };
}

const range = (start: number, end: number, hasHeadroom = false) => ({ start, end, hasHeadroom });
const dataOf = { type: 0, flags: 1, streamId: 2 };

describe('sending', () => {
  it('queued frames leave as one chunk at flush, and an empty queue as none', () => {
    const { peer, pipe } = start();
    const sent = [frames.open(2), frames.ack(7), frames.notice('hi')];
    pipe.queue(1, 0, 2);
    pipe.queueNumber(4, 0, 7);
    pipe.queue(7, 0, 0, Buffer.from('hi'));
    expect(peer.chunks).toEqual([]);
    pipe.flush();
    pipe.flush();
    expect(peer.chunks).toEqual([encodeFrames(sent)]);
  });

  it('a queued payload may change at once: it was copied', () => {
    const { peer, pipe } = start();
    const payload = Buffer.from('before');
    pipe.queue(7, 0, 0, payload);
    payload.fill('x');
    pipe.flush();
    expect(peer.received).toEqual([frames.notice('before')]);
  });

  it('leaves by itself beyond 32 KiB, so that no chunk is more than a few TLS records', () => {
    const { peer, pipe } = start();
    for (let sent = 0; sent < 8; sent += 1) pipe.queue(7, 0, 0, Buffer.alloc(4088));
    expect(peer.chunks).toEqual([]);
    pipe.queue(7, 0, 0);
    expect(peer.chunks.map((chunk) => chunk.length)).toEqual([32 * 1024 + 8]);
  });

  it('a payload of up to 8 KiB joins the frames before it and gives its source back at once', () => {
    const { peer, pipe } = start();
    let written = 0;
    pipe.queue(1, 0, 2);
    pipe.sendPayload(dataOf, Buffer.alloc(9000, 'a'), range(8, 8 + 8192), () => (written += 1));
    expect([peer.chunks.length, written]).toEqual([0, 1]);
    pipe.flush();
    expect(peer.chunks).toHaveLength(1);
    expect(peer.received).toEqual([frames.open(2), frames.dataEnd(2, 'a'.repeat(8192))]);
  });

  it('a larger payload without headroom is copied once, behind what was queued, and given back at once', () => {
    const { peer, pipe } = start();
    const source = Buffer.alloc(20_000, 'a');
    let written = 0;
    pipe.queue(1, 0, 2);
    pipe.sendPayload(dataOf, source, range(100, 100 + 8193), () => (written += 1));
    expect(written).toBe(1);
    expect(peer.received).toEqual([frames.open(2), frames.dataEnd(2, 'a'.repeat(8193))]);
    expect(source.equals(Buffer.alloc(20_000, 'a'))).toBe(true);
  });

  it('a larger payload with headroom is not copied, and given back when the transport is done', () => {
    const { peer, pipe } = start();
    const passed: Buffer[] = [];
    const send = peer.transport.send.bind(peer.transport);
    peer.transport.send = (chunk, written) => {
      passed.push(chunk);
      send(chunk, written);
    };
    peer.stopReading();
    const slab = Buffer.alloc(8 + 8193, 'a');
    let written = 0;
    pipe.sendPayload(dataOf, slab, range(8, 8 + 8193, true), () => (written += 1));
    expect(peer.received).toEqual([frames.dataEnd(2, 'a'.repeat(8193))]);
    expect(passed[0]?.buffer).toBe(slab.buffer);
    expect(written).toBe(0);
    peer.resumeReading();
    expect(written).toBe(1);
  });

  it('what is queued is sent before it closes, and nothing is sent on destroy', () => {
    const { peer, pipe } = start();
    pipe.queue(7, 0, 0);
    pipe.close();
    expect(peer.received).toEqual([frames.notice('')]);
    expect(peer.state).toBe('closed');
    const other = start();
    other.pipe.queue(7, 0, 0);
    other.pipe.destroy();
    expect(other.peer.received).toEqual([]);
    expect(other.peer.state).toBe('destroyed');
  });
});

describe('isOverfull (P35)', () => {
  it('is true beyond 256 KiB of control that the transport has not written, and false again', () => {
    const { peer, pipe } = start();
    peer.stopReading();
    const send = (bytes: number) => {
      pipe.queue(7, 0, 0, Buffer.alloc(bytes - 8));
      pipe.flush();
    };
    for (let sent = 0; sent < 64; sent += 1) send(4096);
    expect(pipe.isOverfull).toBe(false);
    send(8);
    expect(pipe.isOverfull).toBe(true);
    peer.resumeReading();
    expect(pipe.isOverfull).toBe(false);
  });

  it('counts numbers too', () => {
    const { peer, pipe } = start();
    peer.stopReading();
    for (let sent = 0; sent <= (256 * 1024) / 12; sent += 1) pipe.queueNumber(4, 0, 1);
    pipe.flush();
    expect(pipe.isOverfull).toBe(true);
  });

  it('does not count data, small or large: the window of the link bounds it', () => {
    const { peer, pipe } = start();
    peer.stopReading();
    for (let sent = 0; sent < 200; sent += 1) {
      pipe.sendPayload(dataOf, Buffer.alloc(8192), range(0, 8192), undefined);
      pipe.sendPayload(dataOf, Buffer.alloc(9000), range(8, 9000, true), undefined);
    }
    pipe.flush();
    expect(pipe.isOverfull).toBe(false);
  });
});

describe('receiving', () => {
  it('frames that come before a sink wait for it, in order', () => {
    const { peer, pipe } = start();
    peer.send(frames.notice('a'), frames.dataEnd(2, 'b'));
    peer.send(frames.notice('c'));
    const seen: string[] = [];
    pipe.sink = recordingSink(seen);
    peer.send(frames.notice('d'));
    expect(seen).toEqual(['7:a', 'data 2 b true true', '7:c', '7:d']);
  });

  it('a sink that holds gets no more frames of the same chunk, held or fresh', () => {
    const { peer, pipe } = start();
    peer.send(frames.notice('1'), frames.notice('2'), frames.notice('3'));
    const seen: string[][] = [[], [], [], []];
    for (const own of seen.slice(0, 2)) pipe.sink = recordingSink(own, () => pipe.hold());
    pipe.sink = recordingSink(seen[2] ?? [], () => pipe.hold());
    peer.send(frames.notice('4'), frames.data(2, 'x'));
    pipe.sink = recordingSink(seen[3] ?? []);
    expect(seen).toEqual([['7:1'], ['7:2'], ['7:3'], ['7:4', 'data 2 x true false']]);
  });

  it('held frames are copies: the chunk around them is let go', () => {
    const { peer, pipe } = start();
    const chunk = encodeFrames([frames.notice('a'), frames.data(2, 'b')]);
    peer.sendBytes(chunk);
    chunk.fill(0);
    const seen: string[] = [];
    pipe.sink = recordingSink(seen);
    expect(seen).toEqual(['7:a', 'data 2 b true false']);
  });

  it('a peer that sends more than 256 KiB before anybody listens breaks the protocol', () => {
    const { peer, pipe } = start();
    const violations: ProtocolError[] = [];
    pipe.onViolation = (error) => violations.push(error);
    const notice = frames.notice(Buffer.alloc(4088));
    for (let sent = 0; sent < 64; sent += 1) peer.send(notice);
    expect(violations).toEqual([]);
    peer.send(frames.notice(''));
    expect(violations).toMatchObject([
      { code: 'protocol.handshake', message: 'too much before the session has begun' },
    ]);
  });

  it('what was taken by a sink no longer counts as waiting', () => {
    const { peer, pipe } = start();
    const violations: ProtocolError[] = [];
    pipe.onViolation = (error) => violations.push(error);
    for (let round = 0; round < 3; round += 1) {
      for (let sent = 0; sent < 40; sent += 1) peer.send(frames.data(2, Buffer.alloc(4000)));
      pipe.sink = recordingSink([]);
      pipe.hold();
    }
    expect(violations).toEqual([]);
  });

  it('after a violation nothing more is decoded, of this chunk or the next', () => {
    const { peer, pipe } = start();
    const seen: string[] = [];
    const violations: string[] = [];
    pipe.sink = recordingSink(seen);
    pipe.onViolation = (error) => violations.push(error.code);
    const unknown: NaiveFrame = { type: 8, flags: 0, streamId: 0, payload: Buffer.alloc(0) };
    peer.send(frames.notice('a'), unknown, frames.notice('b'));
    peer.send(frames.notice('c'));
    expect(seen).toEqual(['7:a']);
    expect(violations).toEqual(['protocol.unknown-type']);
  });

  it('a violation that nobody heard is told to the next sink instead of its frames', () => {
    const { peer, pipe } = start();
    const unknown: NaiveFrame = { type: 8, flags: 0, streamId: 0, payload: Buffer.alloc(0) };
    peer.send(frames.notice('a'), unknown);
    expect(peer.state).toBe('open');
    const seen: string[] = [];
    const violations: string[] = [];
    pipe.onViolation = (error) => violations.push(error.code);
    pipe.sink = recordingSink(seen);
    expect([seen, violations]).toEqual([[], ['protocol.unknown-type']]);
  });

  it.each(['close', 'destroy'] as const)('frames behind a %s are dropped', (how) => {
    const { peer, pipe } = start();
    const seen: string[] = [];
    pipe.sink = recordingSink(seen, () => pipe[how]());
    peer.send(frames.notice('a'), frames.notice('b'), frames.data(2, 'c'));
    peer.send(frames.notice('d'));
    expect(seen).toEqual(['7:a']);
  });

  it('a bug of the sink is not a violation of the peer: it is thrown', () => {
    const { peer, pipe } = start();
    pipe.sink = recordingSink([], () => {
      throw new RangeError('a bug');
    });
    expect(() => peer.send(frames.notice('a'))).toThrow(RangeError);
  });

  it('tells its owner once that the transport is gone, and takes nothing from it afterwards', () => {
    const { peer, pipe } = start();
    const seen: string[] = [];
    const ends: (Error | undefined)[] = [];
    pipe.sink = recordingSink(seen);
    pipe.onClosed = (error) => ends.push(error);
    expect(pipe.isClosed).toBe(false);
    const failure = new Error('cable');
    peer.vanish(failure);
    expect(pipe.isClosed).toBe(true);
    peer.send(frames.notice('late'));
    expect([seen, ends]).toEqual([[], [failure]]);
  });
});
