import { Buffer } from 'node:buffer';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { FairReader } from './fair-reader.ts';

/** A source of messages whose frames have all the same size, and what was delivered of them at each turn. */
function reading(frameBytes: number) {
  const turns: number[] = [0];
  const delivered: Buffer[] = [];
  const source = {
    isPaused: false,
    pause: () => void (source.isPaused = true),
    resume: () => void (source.isPaused = false),
  };
  const reader = new FairReader(source, (bytes, turn) => {
    const frames = Math.min(turn.framesLeft, Math.floor(bytes.length / frameBytes));
    const end = frames < turn.framesLeft ? bytes.length : frames * frameBytes;
    turn.framesLeft -= frames;
    if (end < bytes.length) turn.rest = bytes.subarray(end);
    turns[turns.length - 1] = (turns.at(-1) ?? 0) + frames;
    delivered.push(bytes.subarray(0, end));
  });
  const nextTurn = async (): Promise<void> => {
    turns.push(0);
    await new Promise(setImmediate);
  };
  return { reader, source, turns, nextTurn, all: () => Buffer.concat(delivered), delivered };
}

/** Bytes that are not all the same, to see their order. */
function message(length: number, from = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => (from + at) & 0xff));
}

describe('a link whose messages are full of tiny frames', () => {
  it('gets a few hundred of them dealt with at each turn, and has to wait meanwhile', async () => {
    const { reader, source, turns, nextTurn, all } = reading(8);
    const sent = [message(16_384), message(16_384, 7), message(16_384, 9)];
    for (const one of sent) reader.take(one);
    expect(source.isPaused).toBe(true);
    for (let turn = 0; turn < 60 && source.isPaused; turn++) await nextTurn();
    expect(source.isPaused).toBe(false);
    expect(all().equals(Buffer.concat(sent))).toBe(true);
    expect(Math.max(...turns)).toBe(256);
    expect(turns.reduce((sum, frames) => sum + frames)).toBe((3 * 16_384) / 8);
  });

  it('waits as well when each has a message of its own', async () => {
    const { reader, source, turns, nextTurn } = reading(8);
    for (let i = 0; i < 1000; i++) reader.take(message(8));
    expect(turns[0]).toBe(256);
    expect(source.isPaused).toBe(true);
    for (let turn = 0; turn < 3; turn++) await nextTurn();
    expect(turns).toEqual([256, 256, 256, 232]);
    expect(source.isPaused).toBe(false);
  });

  it('loses nothing when it ends while it waits', () => {
    const { reader, all } = reading(8);
    const sent = message(100_000);
    reader.take(sent.subarray(0, 50_000));
    reader.take(sent.subarray(50_000));
    reader.end();
    expect(all().equals(sent)).toBe(true);
  });
});

describe('a link that sends bulk', () => {
  it('is delivered whole and at once, with small frames between', async () => {
    const { reader, source, delivered, nextTurn } = reading(64 * 1024);
    const sent = [message(131_072), message(12), message(65_536), message(12), message(131_072)];
    for (const one of sent) reader.take(one);
    await nextTurn();
    expect(delivered).toEqual(sent);
    expect(source.isPaused).toBe(false);
  });
});

it('a message that completes no frame costs a part of the turn as well', async () => {
  const { reader, source, delivered, nextTurn } = reading(64 * 1024);
  for (let i = 0; i < 300; i++) reader.take(message(12));
  expect([delivered.length, source.isPaused]).toEqual([256, true]);
  await nextTurn();
  expect([delivered.length, source.isPaused]).toEqual([300, false]);
});

it('a link on which nothing comes asks for no turns', () => {
  vi.useFakeTimers({ toFake: ['setImmediate'] });
  onTestFinished(() => void vi.useRealTimers());
  reading(8).reader.take(message(8));
  vi.runAllTimers();
  expect(vi.getTimerCount()).toBe(0);
});
