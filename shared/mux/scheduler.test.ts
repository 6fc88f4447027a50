import { describe, expect, it } from 'vitest';
import { Scheduler, Turn, type Sender } from './scheduler.ts';

class Stream implements Sender {
  readonly turn = new Turn();
  readonly name: string;
  sentBytes = 0;

  constructor(name: string) {
    this.name = name;
  }
}

const kib = 1024;

/** Lets the scheduler choose `turns` times; every stream always has more to send. */
function send(scheduler: Scheduler<Stream>, turns: number, frameBytes: number, nowMs: number) {
  const order: string[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    const pick = scheduler.next(frameBytes, nowMs);
    if (pick === undefined) break;
    order.push(pick.stream.name);
    pick.stream.sentBytes += pick.maxBytes;
    pick.stream.turn.note(pick.maxBytes, nowMs);
    scheduler.add(pick.stream, nowMs);
  }
  return order;
}

/** A stream that has sent enough of late to be bulk. */
function bulk(name: string, nowMs = 0): Stream {
  const stream = new Stream(name);
  stream.turn.note(32 * kib, nowMs);
  return stream;
}

describe('the scheduler (P36)', () => {
  it('is empty until a stream waits, and again when it was taken', () => {
    const scheduler = new Scheduler<Stream>();
    expect(scheduler.isEmpty).toBe(true);
    expect(scheduler.next(1, 0)).toBeUndefined();
    for (const stream of [new Stream('quiet'), bulk('bulk')]) {
      scheduler.add(stream, 0);
      expect(scheduler.isEmpty).toBe(false);
      expect(scheduler.next(1, 0)?.stream).toBe(stream);
      expect(scheduler.isEmpty).toBe(true);
    }
  });

  it('lets a stream wait once, however often it asks', () => {
    const scheduler = new Scheduler<Stream>();
    const stream = new Stream('only');
    scheduler.add(stream, 0);
    scheduler.add(stream, 0);
    expect(scheduler.next(1, 0)?.stream).toBe(stream);
    expect(scheduler.next(1, 0)).toBeUndefined();
    scheduler.add(stream, 0);
    expect(scheduler.next(1, 0)?.stream).toBe(stream);
  });

  it('sends a quiet stream ahead of bulk that waited longer', () => {
    const scheduler = new Scheduler<Stream>();
    for (const name of ['a', 'b', 'c']) scheduler.add(bulk(name), 0);
    scheduler.add(new Stream('small'), 0);
    expect(send(scheduler, 1, 16 * kib, 0)).toEqual(['small']);
  });

  it('gives a quiet stream 32 KiB ahead of the bulk and cuts its last frame to that', () => {
    const scheduler = new Scheduler<Stream>();
    const [quiet, film] = [new Stream('quiet'), bulk('film')];
    scheduler.add(film, 0);
    scheduler.add(quiet, 0);
    expect(send(scheduler, 3, 20 * kib, 50)).toEqual(['quiet', 'quiet', 'film']);
    expect(quiet.sentBytes).toBe(32 * kib);
    expect(film.sentBytes).toBe(20 * kib);
  });

  it('lets quiet streams take turns', () => {
    const scheduler = new Scheduler<Stream>();
    for (const name of ['a', 'b', 'c']) scheduler.add(new Stream(name), 0);
    expect(send(scheduler, 6, 4 * kib, 0).join('')).toBe('abcabc');
  });

  it('takes a bulk stream for quiet again 100 ms after its burst began', () => {
    const scheduler = new Scheduler<Stream>();
    const [film, rested] = [bulk('film', 1000), bulk('rested', 1000)];
    scheduler.add(film, 1050);
    scheduler.add(rested, 1100);
    expect(send(scheduler, 1, kib, 1100)).toEqual(['film']);
    scheduler.next(kib, 1100);
    scheduler.next(kib, 1100);
    scheduler.add(bulk('film', 1090), 1101);
    scheduler.add(rested, 1101);
    expect(send(scheduler, 1, kib, 1101)).toEqual(['rested']);
  });

  it('sends a stream that became bulk while it waited behind the bulk', () => {
    const scheduler = new Scheduler<Stream>();
    const busy = new Stream('busy');
    scheduler.add(bulk('film'), 0);
    scheduler.add(busy, 0);
    busy.turn.note(40 * kib, 0);
    expect(send(scheduler, 2, kib, 0)).toEqual(['film', 'busy']);
  });

  it('shares the line among bulk streams equally in bytes', () => {
    const scheduler = new Scheduler<Stream>();
    const streams = Array.from({ length: 7 }, (_, at) => bulk(`${at}`));
    for (const stream of streams) scheduler.add(stream, 0);
    send(scheduler, 7 * 100, 16 * kib, 1);
    expect(new Set(streams.map((stream) => stream.sentBytes))).toEqual(new Set([1600 * kib]));
  });

  it('never lets a turn be larger than a frame', () => {
    const scheduler = new Scheduler<Stream>();
    scheduler.add(new Stream('quiet'), 0);
    expect(scheduler.next(1000, 0)?.maxBytes).toBe(1000);
    scheduler.add(bulk('bulk'), 0);
    expect(scheduler.next(1000, 0)?.maxBytes).toBe(1000);
  });

  it('looks at each stream once per turn, with ten thousand waiting', () => {
    const scheduler = new Scheduler<Stream>();
    let looks = 0;
    class CountedTurn extends Turn {
      override briskBytesLeft(nowMs: number): number {
        looks += 1;
        return super.briskBytesLeft(nowMs);
      }
    }
    const streams = Array.from({ length: 10_000 }, (_, at) => ({
      name: `${at}`,
      sentBytes: 0,
      turn: new CountedTurn(),
    }));
    for (const stream of streams) {
      if (stream.name.endsWith('7')) stream.turn.note(32 * kib, 0);
      scheduler.add(stream, 0);
    }
    looks = 0;
    send(scheduler, 50_000, 16 * kib, 0);
    // Choosing, and standing in line again.
    expect(looks).toBeLessThanOrEqual(2 * 50_000 + 10_000);
  });
});

describe('what a stream sent of late', () => {
  it('counts for 100 ms from its first byte, then anew', () => {
    const turn = new Turn();
    expect(turn.briskBytesLeft(0)).toBe(32 * kib);
    turn.note(10 * kib, 500);
    turn.note(10 * kib, 600);
    expect(turn.briskBytesLeft(600)).toBe(12 * kib);
    expect(turn.briskBytesLeft(600.5)).toBe(32 * kib);
    turn.note(kib, 600.5);
    expect(turn.briskBytesLeft(600.5)).toBe(31 * kib);
    turn.note(400 * kib, 601);
    expect(turn.briskBytesLeft(601)).toBe(0);
  });
});
