import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { settled } from '../../test/support/scripted-peer.ts';
import type { ResetReason } from '../wire/codes.ts';
import { slabHeadroomBytes } from '../wire/limits.ts';
import { GrowthBudget, ReceiveWindow } from './receive-window.ts';
import { Stalls } from './stalls.ts';
import { MuxStream, StreamError, type Piece } from './stream.ts';

/** A stream with a session that only takes notes. */
function start({ creditBytes = 1_000_000, windowBytes = 1_000_000 } = {}) {
  const notes = {
    wants: 0,
    credits: [] as number[],
    resets: [] as ResetReason[],
    isForgotten: false,
  };
  const failures: Error[] = [];
  const budget = new GrowthBudget(windowBytes);
  const carrier = {
    wantsToSend: () => (notes.wants += 1),
    sendNow: () => {},
    sendCredit: (_stream: MuxStream, bytes: number) => notes.credits.push(bytes),
    sendReset: (_stream: MuxStream, reason: ResetReason) => notes.resets.push(reason),
    forget: () => (notes.isForgotten = true),
    creditStalls: new Stalls(),
    nowMs: () => 0,
    rttMs: () => 0,
  };
  const window = new ReceiveWindow(windowBytes, budget, 0);
  const stream = new MuxStream(2, carrier, window, creditBytes);
  stream.on('error', (error) => failures.push(error));
  return { stream, notes, failures, budget, window, carrier };
}

const written = (): void => {};

const text = (piece: Piece | undefined): string =>
  piece === undefined ? '-' : piece.source.toString('latin1', piece.start, piece.end);

/** Slab with headroom and this text as payload. */
const slabOf = (payload: string): Buffer =>
  Buffer.concat([Buffer.alloc(slabHeadroomBytes), Buffer.from(payload)]);

describe('what a stream hands over to be sent', () => {
  it('is cut to what the session and the credit allow, in order', () => {
    const { stream, notes } = start({ creditBytes: 7 });
    stream.write('abcdef');
    stream.write('ghi');
    expect(notes.wants).toBeGreaterThan(0);
    expect(text(stream.takePiece(4))).toBe('abcd');
    expect(text(stream.takePiece(4))).toBe('efg');
    expect(text(stream.takePiece(100))).toBe('-');
    stream.receiveCredit(10);
    expect(text(stream.takePiece(100))).toBe('hi');
  });

  it('waits for credit, and asks for its turn when credit comes', () => {
    const { stream, notes } = start({ creditBytes: 0 });
    stream.write('abc');
    expect([notes.wants, stream.isReadyToSend]).toEqual([0, false]);
    expect(stream.takePiece(10)).toBeUndefined();
    stream.receiveCredit(2);
    expect([notes.wants, stream.isReadyToSend]).toEqual([1, true]);
    expect(text(stream.takePiece(10))).toBe('ab');
    expect(stream.isReadyToSend).toBe(false);
    stream.receiveCredit(1);
    expect(text(stream.takePiece(10))).toBe('c');
  });

  it('credit alone is no reason to ask for a turn', () => {
    const { stream, notes } = start();
    stream.receiveCredit(5);
    expect([notes.wants, stream.isReadyToSend, stream.takePiece(5)]).toEqual([0, false, undefined]);
  });

  it('a write is done when its last byte was handed over', async () => {
    const { stream } = start();
    const done: string[] = [];
    stream.write('abcd', () => done.push('first'));
    const half = stream.takePiece(2);
    expect([half?.written, half?.isStreamEnd]).toEqual([undefined, false]);
    const rest = stream.takePiece(2);
    expect(done).toEqual([]);
    rest?.written?.();
    await settled();
    expect(done).toEqual(['first']);
  });

  it('many small writes are gathered, and all are done with the last', async () => {
    const { stream } = start();
    const done: number[] = [];
    stream.cork();
    for (const [at, part] of ['a', '', 'b', 'c'].entries()) stream.write(part, () => done.push(at));
    stream.uncork();
    const pieces = [stream.takePiece(2), stream.takePiece(9), stream.takePiece(9)];
    expect(pieces.map(text)).toEqual(['ab', 'c', '-']);
    expect(pieces.map((piece) => piece?.written !== undefined)).toEqual([true, true, false]);
    pieces[1]?.written?.();
    await settled();
    expect(done).toEqual([0, 1, 2, 3]);
  });

  it('empty writes are done at once and send nothing', async () => {
    const { stream, notes } = start();
    const done: string[] = [];
    stream.write(Buffer.alloc(0), () => done.push('alone'));
    stream.cork();
    stream.write('', () => done.push('gathered'));
    stream.write('', () => done.push('gathered too'));
    stream.uncork();
    await settled();
    expect(done).toEqual(['alone', 'gathered', 'gathered too']);
    expect([notes.wants, stream.isReadyToSend]).toEqual([0, false]);
  });

  it('strings are sent in their encoding', () => {
    const { stream } = start();
    stream.write('00ff', 'hex');
    expect(text(stream.takePiece(9))).toBe('\u0000\u00ff');
  });

  it('the end comes behind the bytes, once, and without credit', async () => {
    const { stream, notes } = start({ creditBytes: 3 });
    stream.end('abc');
    const piece = stream.takePiece(9);
    expect([text(piece), piece?.isStreamEnd]).toEqual(['abc', false]);
    piece?.written?.();
    await settled();
    expect([stream.isReadyToSend, notes.wants]).toEqual([true, 2]);
    const end = stream.takePiece(9);
    expect(end).toMatchObject({ start: 0, end: 0, isStreamEnd: true, hasHeadroom: false });
    expect(end?.written).toBeUndefined();
    expect([stream.isReadyToSend, stream.takePiece(9)]).toEqual([false, undefined]);
    await once(stream, 'finish');
    expect(notes.isForgotten).toBe(false);
  });

  it('is a hold on the writer once 80 KiB wait', () => {
    const { stream } = start();
    expect(stream.write(Buffer.alloc(81_919))).toBe(true);
    expect(stream.write(Buffer.alloc(1))).toBe(false);
  });

  it('is one piece of several writes, whose end rides on it', async () => {
    const { stream } = start();
    const done: string[] = [];
    for (const word of ['one', 'two', 'three']) stream.write(word, () => done.push(word));
    stream.end();
    const piece = stream.takePiece(100);
    expect([text(piece), piece?.start, piece?.hasHeadroom]).toEqual(['onetwothree', 8, true]);
    expect(piece?.isStreamEnd).toBe(true);
    await settled();
    expect(done).toEqual(['one', 'two', 'three']);
    expect([stream.writableFinished, stream.unsentBytes]).toEqual([true, 0]);
  });

  it('may be cut within a write: the rest begins the next piece, and only then is that write done', async () => {
    const { stream } = start();
    const done: string[] = [];
    for (const word of ['one', 'two', 'three']) stream.write(word, () => done.push(word));
    expect(text(stream.takePiece(5))).toBe('onetw');
    await settled();
    expect([done, stream.unsentBytes]).toEqual([['one'], 6]);
    expect(text(stream.takePiece(100))).toBe('othree');
    await settled();
    expect([done, stream.writableLength]).toEqual([['one', 'two', 'three'], 0]);
  });

  it('never takes more of several writes than the credit allows', () => {
    const { stream } = start({ creditBytes: 4 });
    for (const word of ['one', 'two']) stream.write(word);
    expect(text(stream.takePiece(100))).toBe('onet');
    expect([stream.isReadyToSend, stream.waitsFor]).toEqual([false, 'credit']);
    stream.receiveCredit(1);
    expect(text(stream.takePiece(100))).toBe('w');
  });

  it('is nothing once a writer who hears that a write is done resets the stream', async () => {
    const { stream, notes } = start();
    stream.write('one', () => stream.reset('cancelled'));
    stream.write('two');
    const piece = stream.takePiece(100);
    expect([piece, notes.resets]).toEqual([undefined, ['cancelled']]);
    await settled();
    expect(stream.takePiece(100)).toBeUndefined();
  });
});

describe('slabs', () => {
  it('a whole slab keeps its headroom and is given back by the transport', () => {
    const { stream } = start();
    stream.writeSlab(slabOf('film'), 4, written);
    const piece = stream.takePiece(100);
    expect(piece).toMatchObject({ start: 8, end: 12, hasHeadroom: true, isStreamEnd: false });
    expect([text(piece), piece?.written]).toEqual(['film', written]);
  });

  it('a slab sent in parts has no headroom, and is given back with its last part', () => {
    const { stream } = start();
    stream.writeSlab(slabOf('film'), 4, written);
    const [first, last] = [stream.takePiece(3), stream.takePiece(3)];
    expect([text(first), text(last)]).toEqual(['fil', 'm']);
    expect([first?.hasHeadroom, last?.hasHeadroom]).toEqual([false, false]);
    expect([first?.written, last?.written]).toEqual([undefined, written]);
  });

  it('the end rides on the last slab', async () => {
    const { stream } = start();
    stream.writeSlab(slabOf('film'), 4, () => {});
    stream.writeSlab(slabOf('end'), 3, () => {});
    stream.end();
    await settled();
    const pieces = [stream.takePiece(9), stream.takePiece(2), stream.takePiece(9)];
    expect(pieces.map((piece) => piece?.isStreamEnd)).toEqual([false, false, true]);
    expect(stream.takePiece(9)).toBeUndefined();
    await settled();
    expect(stream.writableFinished).toBe(true);
  });

  it.each<[why: string, harm: (stream: MuxStream) => void]>([
    ['destroyed', (stream) => stream.destroy()],
    ['ended', (stream) => stream.end()],
  ])('a slab for a stream that was %s comes straight back', async (_why, harm) => {
    const { stream } = start();
    harm(stream);
    await settled();
    let given = 0;
    stream.writeSlab(slabOf('late'), 4, () => (given += 1));
    expect(given).toBe(1);
    expect(text(stream.takePiece(9))).not.toBe('late');
  });

  it('an empty slab comes straight back and does not stop those behind it', () => {
    const { stream } = start();
    let given = 0;
    stream.writeSlab(slabOf(''), 0, () => (given += 1));
    stream.writeSlab(slabOf('film'), 4, () => {});
    expect([given, text(stream.takePiece(9))]).toEqual([1, 'film']);
  });

  it('slabs that wait come back when the stream is destroyed', () => {
    const { stream } = start();
    let given = 0;
    for (const part of ['a', 'b']) stream.writeSlab(slabOf(part), 1, () => (given += 1));
    stream.takePiece(1)?.written?.();
    stream.destroy();
    expect(given).toBe(2);
    expect(stream.takePiece(1)).toBeUndefined();
  });
});

describe('what a stream receives', () => {
  it('is read as it came, and ends where the peer ended', async () => {
    const { stream } = start();
    stream.receive(Buffer.from('ab'), false);
    stream.receive(Buffer.from('c'), true);
    const chunks: string[] = [];
    for await (const chunk of stream) chunks.push(String(chunk));
    expect(chunks.join('')).toBe('abc');
  });

  it('may be nothing but the end', async () => {
    const { stream } = start();
    stream.resume();
    stream.receive(Buffer.alloc(0), true);
    await once(stream, 'end');
    expect(stream.readableDidRead).toBe(false);
  });

  it('ends behind bytes that were not read when the end came', async () => {
    const { stream } = start();
    stream.receive(Buffer.alloc(200_000, 'a'), false);
    stream.receive(Buffer.alloc(0), true);
    expect(stream.readableEnded).toBe(false);
    let readBytes = 0;
    stream.on('data', (chunk: Buffer) => (readBytes += chunk.length));
    await once(stream, 'end');
    expect(readBytes).toBe(200_000);
  });

  it('reaches a reader that waits already', async () => {
    const { stream } = start();
    const chunk = once(stream, 'data');
    await settled();
    stream.receive(Buffer.from('now'), false);
    expect(String((await chunk)[0])).toBe('now');
  });

  it('never exceeds the window (P30)', () => {
    const { stream } = start({ windowBytes: 10 });
    stream.receive(Buffer.alloc(10), false);
    expect(() => stream.receive(Buffer.alloc(1), false)).toThrow(
      expect.objectContaining({
        code: 'protocol.flow-control',
        message: 'stream 2 sent more than its window',
      }),
    );
  });

  it('returns its credit while the peer may still send, also behind our own end', async () => {
    const { stream, notes } = start({ windowBytes: 10 });
    stream.end();
    await settled();
    stream.takePiece(1);
    stream.resume();
    stream.receive(Buffer.alloc(5), false);
    await settled();
    expect(notes.credits).toEqual([5]);
    stream.receive(Buffer.alloc(5), true);
    await settled();
    expect(notes.credits).toEqual([5]);
    expect(notes.isForgotten).toBe(true);
  });
});

describe('states', () => {
  it('credit that overflows names the stream (P30)', () => {
    const { stream } = start({ creditBytes: 0 });
    stream.receiveCredit(2 ** 31 - 1);
    expect(() => stream.receiveCredit(1)).toThrow(
      expect.objectContaining({
        code: 'protocol.flow-control',
        message: 'stream 2 was given too much credit',
      }),
    );
  });

  it('bytes behind the end name the stream, its state and what came (P24)', () => {
    const { stream } = start();
    stream.receive(Buffer.from('x'), true);
    expect(() => stream.receive(Buffer.from('y'), false)).toThrow(
      'stream 2 is remote-ended: receive-data',
    );
  });

  it('reset tells the peer why, once', async () => {
    const { stream, notes, failures } = start();
    stream.reset('origin-closed');
    stream.reset('internal');
    stream.destroy();
    await settled();
    expect([notes.resets, notes.isForgotten, failures]).toEqual([['origin-closed'], true, []]);
  });

  it('the peer’s reset is an error with its reason, and is not answered', async () => {
    const { stream, notes, failures } = start();
    stream.receiveReset('origin-timeout');
    await settled();
    expect(failures).toMatchObject([
      {
        name: 'StreamError',
        code: 'stream.reset',
        reason: 'origin-timeout',
        message: 'the peer reset the stream: origin-timeout',
      },
    ]);
    expect([notes.resets, notes.isForgotten, stream.destroyed]).toEqual([[], true, true]);
  });

  it('a lost link is an error, and nobody is told', async () => {
    const { stream, notes, failures } = start();
    const lost = new StreamError('stream.link-lost', 'gone');
    stream.lose(lost);
    await settled();
    expect([failures, notes.resets, stream.destroyed]).toEqual([[lost], [], true]);
    expect(lost.reason).toBeUndefined();
  });

  it('a stream that both ended is forgotten at once, read or not, and not reset', async () => {
    const { stream, notes } = start();
    stream.end();
    await settled();
    stream.takePiece(1);
    stream.receive(Buffer.from('unread'), true);
    expect(notes.isForgotten).toBe(true);
    expect(stream.destroyed).toBe(false);
    expect(String(stream.read())).toBe('unread');
    stream.resume();
    await once(stream, 'close');
    expect(notes.resets).toEqual([]);
  });

  it('its window’s growth goes back when it is over', async () => {
    const { stream, window, budget, carrier } = start({ windowBytes: 1000 });
    carrier.rttMs = () => 50;
    stream.resume();
    stream.receive(Buffer.alloc(500), false);
    await settled();
    expect([window.windowBytes, budget.take(1)]).toEqual([2000, false]);
    stream.destroy();
    expect(budget.take(1000)).toBe(true);
  });

  it('stays open for writing when the peer has ended', async () => {
    const { stream, notes } = start();
    stream.resume();
    stream.receive(Buffer.alloc(0), true);
    await once(stream, 'end');
    expect([stream.writable, stream.destroyed, notes.resets]).toEqual([true, false, []]);
  });
});
