import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  maxDataBytes,
  maxLinkWindowBytes,
  minLinkWindowBytes,
  slowLineDataBytes,
} from '../wire/limits.ts';
import { LinkWindow } from './link-window.ts';

// One step of the control loop at a time; what many of them achieve on a line is tested beside its file.

setFlagsFromString('--expose-gc');

const kib = 1024;
const lineRttMs = 20;

function seeded(rttMs = lineRttMs): LinkWindow {
  const window = new LinkWindow();
  window.seed(rttMs, 0);
  return window;
}

/** Fills the window at one moment, has all of it acknowledged a round trip later, and tells how far the bound moved. */
function step(window: LinkWindow, atMs: number, rttMs: number): number {
  const before = window.limitBytes;
  window.onSent(window.room(1), atMs);
  expect(window.room(1)).toBe(0);
  window.onAck(window.inFlightBytes, atMs + rttMs);
  return window.limitBytes - before;
}

/** While it measures the line's own delay, a window has room for 32 KiB, and never less than 64 KiB otherwise. */
function isMeasuring(window: LinkWindow): boolean {
  return window.room(1) + window.inFlightBytes === 32 * kib;
}

/** So many bytes are sent and acknowledged within the interval; the size of frames from then on. */
function carry(window: LinkWindow, bytes: number, fromMs: number, toMs: number): number {
  window.onSent(bytes, fromMs);
  window.onAck(bytes, toMs);
  return window.frameBytes;
}

describe('the room of a link window', () => {
  it('is what the bound leaves, down to half a frame', () => {
    const window = new LinkWindow();
    expect(window.room(16 * kib)).toBe(64 * kib);
    window.onSent(56 * kib, 0);
    expect([window.inFlightBytes, window.room(16 * kib)]).toEqual([56 * kib, 8 * kib]);
    window.onSent(1, 0);
    expect(window.room(16 * kib)).toBe(0);
  });
});

describe('the bound of a link window', () => {
  it.each([
    [0, 32 * kib],
    [4, 0.6 * 32 * kib],
    [5, 0.5 * 32 * kib],
  ])('starts with up to half of what was acknowledged: behind %d ms of queue', (queueMs, grown) => {
    const window = seeded();
    expect(step(window, 0, lineRttMs + queueMs)).toBe(Math.round(grown));
    // And goes on so, for half the target is not a queue yet.
    const limit = window.limitBytes;
    expect(step(window, 1000, lineRttMs)).toBe(Math.round(limit / 2));
  });

  it.each([
    [5, 0.5],
    [10, 0.5],
    [20, 0.5 * (20 / 30)],
    [90, 0.5 * (20 / 100)],
  ])('moves by less the longer the line, once it met a queue: %d ms', (rttMs, gain) => {
    const window = seeded(rttMs);
    const grown = step(window, 0, rttMs + 6);
    expect(grown).toBe(Math.round(64 * kib * gain * 0.4));
    expect(step(window, 1000, rttMs)).toBe(Math.round((64 * kib + grown) * gain));
  });

  it.each([
    [10, 0],
    [15, 0.5],
    [20, 1],
    [100, 1],
  ])('shrinks by as much as the queue is over its target, at most all: %d ms', (queueMs, share) => {
    const window = seeded();
    step(window, 0, lineRttMs);
    // Three late acknowledgements may be a pause of either process; the fourth is a queue.
    for (const atMs of [100, 300, 500]) {
      expect(step(window, atMs, lineRttMs + queueMs)).toBeGreaterThan(0);
    }
    const limit = window.limitBytes;
    const shrunk = step(window, 700, lineRttMs + queueMs);
    expect(shrunk).toBe(Math.round(limit - limit * (1 / 3) * share) - limit);
  });

  it('grows only where it was what held the sender back since the last acknowledgement', () => {
    const window = seeded();
    step(window, 0, lineRttMs);
    const limit = window.limitBytes;
    window.onSent(limit, 100);
    window.onAck(limit, 100 + lineRttMs);
    expect(window.limitBytes).toBe(limit);
  });

  it('is not moved by an acknowledgement that ends within a frame', () => {
    const window = seeded();
    window.onSent(64 * kib, 0);
    expect(window.room(1)).toBe(0);
    window.onAck(64 * kib - 1, lineRttMs);
    expect([window.limitBytes, window.recordCount]).toEqual([64 * kib, 1]);
    window.onAck(1, lineRttMs);
    expect([window.limitBytes, window.recordCount]).toEqual([64 * kib + 1, 0]);
  });

  it('is never over 16 MiB nor under 64 KiB', () => {
    const window = seeded();
    for (let turn = 0; turn < 20; turn += 1) step(window, turn * 100, lineRttMs);
    expect(window.limitBytes).toBe(maxLinkWindowBytes);
    let least = maxLinkWindowBytes;
    for (let turn = 20; turn < 90; turn += 1) {
      step(window, turn * 100, lineRttMs + 100);
      least = Math.min(least, window.limitBytes);
    }
    expect(least).toBe(minLinkWindowBytes);
  });
});

describe('the delay of the line itself', () => {
  it('is the least that was seen, by ping or by acknowledgement', () => {
    const window = new LinkWindow();
    expect(window.minRttMs).toBeUndefined();
    window.seed(30, 0);
    window.seed(40, 0);
    expect(window.minRttMs).toBe(30);
    step(window, 0, 31);
    expect(window.minRttMs).toBe(30);
    step(window, 100, 29);
    expect(window.minRttMs).toBe(29);
  });

  it.each([
    ['ten seconds after it was seen last', 0, lineRttMs + 3, 10_000],
    ['two seconds at the floor with a full queue', 0, lineRttMs + 11, 2_000],
    ['ten seconds at the floor with the queue that is aimed at', 0, lineRttMs + 10, 10_000],
    ['ten seconds after a ping saw it again', 5_000, lineRttMs + 3, 15_000],
  ])('is measured anew %s', (_name, seededAtMs, rttMs, afterMs) => {
    const onTime = seeded();
    onTime.seed(lineRttMs, seededAtMs);
    step(onTime, afterMs - rttMs, rttMs);
    expect(isMeasuring(onTime)).toBe(false);
    const late = seeded();
    late.seed(lineRttMs, seededAtMs);
    step(late, afterMs + 1 - rttMs, rttMs);
    expect(isMeasuring(late)).toBe(true);
  });

  it('is measured anew ten seconds after an acknowledgement saw it again', () => {
    for (const [atMs, isLate] of [
      [15_000, false],
      [15_001, true],
    ] as const) {
      const window = seeded();
      step(window, 5_000 - lineRttMs, lineRttMs);
      step(window, atMs - lineRttMs - 3, lineRttMs + 3);
      expect(isMeasuring(window)).toBe(isLate);
    }
  });

  it('is measured anew above the floor only after ten seconds, however full the queue', () => {
    const window = seeded();
    for (let turn = 0; turn < 4; turn += 1) step(window, turn * 100, lineRttMs);
    for (let turn = 0; turn < 4; turn += 1) step(window, 3_000 + turn * 100, lineRttMs + 30);
    expect(window.limitBytes).toBeGreaterThan(minLinkWindowBytes);
    expect(isMeasuring(window)).toBe(false);
  });

  it('is what frames say that were sent while nearly nothing else was in flight', () => {
    const window = seeded();
    step(window, 9_990, 21);
    expect([isMeasuring(window), window.frameBytes]).toEqual([true, slowLineDataBytes]);
    const limit = window.limitBytes;
    window.onSent(32 * kib, 10_100);
    window.onSent(1, 10_100);
    // The first frame measures; the byte over 32 KiB would not have.
    window.onAck(32 * kib, 10_140);
    expect([window.minRttMs, window.limitBytes]).toEqual([40, limit]);
    expect(isMeasuring(window)).toBe(false);
    window.onAck(1, 10_150);
    expect(window.minRttMs).toBe(40);
  });

  it('is not what frames say that were sent before, or over the bound of measuring', () => {
    const window = seeded();
    window.onSent(100 * kib, 9_980);
    window.onSent(1, 9_980);
    window.onAck(100 * kib, 10_001);
    expect(isMeasuring(window)).toBe(true);
    const limit = window.limitBytes;
    window.onSent(32 * kib, 10_010);
    expect(window.room(1)).toBe(0);
    window.onAck(1, 10_080);
    expect(window.room(1)).toBe(0);
    window.onAck(32 * kib, 10_090);
    expect([window.minRttMs, window.limitBytes]).toEqual([lineRttMs, limit]);
    expect(isMeasuring(window)).toBe(true);
  });

  it('once measured is all that the queue is counted from', () => {
    const window = seeded();
    step(window, 9_990, 21);
    window.onSent(32 * kib, 10_100);
    window.onAck(32 * kib, 10_140);
    // 40 ms are no queue on the new route, although the samples of the old one had half of that.
    step(window, 10_200, 40);
    const limit = window.limitBytes;
    expect(step(window, 10_300, 46)).toBe(Math.round(limit / 2));
  });
});

describe('the frames of a link window', () => {
  it('are 64 KiB from 160 Mbit/s up, and 16 KiB below', () => {
    expect(new LinkWindow().frameBytes).toBe(slowLineDataBytes);
    expect(carry(new LinkWindow(), 1_000_000, 0, 50)).toBe(maxDataBytes);
    expect(carry(new LinkWindow(), 999_999, 0, 50)).toBe(slowLineDataBytes);
    // Within less than 50 ms a burst says nothing.
    expect(carry(new LinkWindow(), 1_000_000, 0, 49)).toBe(slowLineDataBytes);
  });

  it('follow the rate of each interval by itself', () => {
    const window = new LinkWindow();
    expect(carry(window, 500_000, 0, 50)).toBe(slowLineDataBytes);
    expect(carry(window, 600_000, 50, 100)).toBe(slowLineDataBytes);
    expect(carry(window, 1_000_000, 100, 150)).toBe(maxDataBytes);
  });

  it('forget a fast line by half in 35 intervals', () => {
    const window = new LinkWindow();
    carry(window, 2_000_000, 0, 50);
    for (let turn = 1; turn <= 34; turn += 1) {
      expect(carry(window, 1, turn * 50, turn * 50 + 50)).toBe(maxDataBytes);
    }
    expect(carry(window, 1, 35 * 50, 36 * 50)).toBe(slowLineDataBytes);
  });

  it('are small while the line is measured, fast as it is', () => {
    const window = seeded();
    expect(carry(window, 4_000_000, 0, 50)).toBe(maxDataBytes);
    carry(window, 1_000_000, 10_051 - 21, 10_051);
    expect([isMeasuring(window), window.frameBytes]).toEqual([true, slowLineDataBytes]);
    window.onSent(1, 10_060);
    expect(carry(window, 1, 10_060, 10_081)).toBe(maxDataBytes);
  });

  it('are told apart up to 8192 of them; behind that the last record stands for all', () => {
    const window = new LinkWindow();
    for (let i = 0; i < 8_193; i += 1) window.onSent(1, i);
    expect(window.recordCount).toBe(8_192);
    window.onAck(8_192, 10_000);
    expect(window.recordCount).toBe(1);
    window.onAck(1, 10_000);
    // The round trip of the newest of them.
    expect([window.recordCount, window.minRttMs]).toEqual([0, 10_000 - 8_192]);
  });

  it('are forgotten once they are acknowledged', () => {
    const window = new LinkWindow();
    window.onSent(1, 0);
    window.onSent(1, 0);
    window.onSent(1, 0);
    window.onAck(1, 20);
    expect(window.recordCount).toBe(2);

    const collect = runInNewContext('gc') as () => void;
    collect();
    const before = process.memoryUsage().heapUsed;
    // One is always in flight: a film leaves no moment in which all are acknowledged.
    for (let turn = 0; turn < 300_000; turn += 1) {
      window.onSent(1, turn);
      window.onAck(1, turn + 20);
    }
    collect();
    expect([window.recordCount, window.inFlightBytes]).toEqual([2, 2]);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(5e6);
  });
});

it('an acknowledgement of more than was sent says both', () => {
  const window = new LinkWindow();
  window.onSent(100, 0);
  expect(() => window.onAck(101, 1)).toThrow('101 bytes acknowledged of 100 in flight');
});
