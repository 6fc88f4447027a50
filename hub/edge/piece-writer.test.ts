import { Buffer } from 'node:buffer';
import { Writable } from 'node:stream';

import { expect, it, vi } from 'vitest';

import { PieceWriter } from './piece-writer.ts';

const byte = Buffer.from('x');

/** Takes pieces one at a time, when the test says so. */
function slowSink(): { sink: Writable; release: () => void } {
  const waiting: (() => void)[] = [];
  const sink = new Writable({ write: (_piece, _encoding, done) => void waiting.push(done) });
  return { sink, release: () => waiting.shift()?.() };
}

it('wants no more when too many small pieces wait, and says when they have gone', async () => {
  const { sink, release } = slowSink();
  const onEmpty = vi.fn<() => void>();
  const writer = new PieceWriter(sink, onEmpty);
  let pieces = 1;
  while (writer.write(byte)) pieces += 1;
  expect(pieces).toBe(256);
  expect(sink.writableNeedDrain).toBe(false);
  for (let i = 0; i < pieces; i += 1) {
    expect(onEmpty).not.toHaveBeenCalled();
    release();
    await new Promise(setImmediate);
  }
  expect(onEmpty).toHaveBeenCalledOnce();
});

it('leaves large pieces to the stream’s own mark', () => {
  const { sink } = slowSink();
  const writer = new PieceWriter(sink, () => undefined);
  expect(writer.write(Buffer.alloc(sink.writableHighWaterMark))).toBe(false);
});

it('has what is full sent at once, and goes on when that made room', () => {
  const { sink } = slowSink();
  const sendNow = vi.fn<() => boolean>(() => true);
  const writer = new PieceWriter(Object.assign(sink, { sendNow }), () => undefined);
  expect(writer.write(byte)).toBe(true);
  expect(sendNow).not.toHaveBeenCalled();
  expect(writer.write(Buffer.alloc(sink.writableHighWaterMark))).toBe(true);
  sendNow.mockReturnValue(false);
  expect(writer.write(byte)).toBe(false);
  expect(sendNow).toHaveBeenCalledTimes(2);
});

it('wants no more pieces while too many wait, whatever room their few bytes leave', () => {
  const { sink } = slowSink();
  const writer = new PieceWriter(Object.assign(sink, { sendNow: () => true }), () => undefined);
  let pieces = 1;
  while (writer.write(byte) && pieces < 1000) pieces += 1;
  expect(pieces).toBe(256);
});
