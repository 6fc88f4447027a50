import { describe, expect, it } from 'vitest';
import { ackEveryBytes, maxLinkWindowBytes, minLinkWindowBytes } from '../wire/limits.ts';
import { LinkWindow } from './link-window.ts';

interface Line {
  /** Mbit/s. */
  rate: number;
  /** Round trip without a queue. */
  rttMs: number;
}

interface Report {
  /** Share of what the line could carry. */
  utilisation: number;
  /** Mean and worst wait in the line's queue that a frame found, milliseconds. */
  meanQueueMs: number;
  worstQueueMs: number;
}

/** A line with one bottleneck, a patient queue in front of it, and a sender that always has more. Time is simulated. */
class Simulation {
  readonly window = new LinkWindow();
  nowMs = 0;
  line: Line;
  #busyUntilMs = 0;
  #unackedBytes = 0;
  #events: { atMs: number; bytes: number }[] = [];
  #sentBytes = 0;
  #queueMs = 0;
  #worstMs = 0;
  #frames = 0;

  constructor(line: Line) {
    this.line = line;
    this.window.seed(line.rttMs, 0);
  }

  run(durationMs: number): Report {
    const endMs = this.nowMs + durationMs;
    this.#sentBytes = 0;
    this.#queueMs = 0;
    this.#worstMs = 0;
    this.#frames = 0;
    this.#send();
    for (;;) {
      const event = this.#events[0];
      if (event === undefined || event.atMs > endMs) break;
      this.#events.shift();
      this.nowMs = event.atMs;
      this.window.onAck(event.bytes, this.nowMs);
      this.#send();
    }
    this.nowMs = endMs;
    return {
      utilisation: this.#sentBytes / (this.#bytesPerMs * durationMs),
      meanQueueMs: this.#queueMs / this.#frames,
      worstQueueMs: this.#worstMs,
    };
  }

  get #bytesPerMs(): number {
    return (this.line.rate * 1e6) / 8 / 1000;
  }

  #send(): void {
    for (;;) {
      const frameBytes = this.window.frameBytes;
      const bytes = Math.min(frameBytes, this.window.room(frameBytes));
      if (bytes === 0) return;
      this.window.onSent(bytes, this.nowMs);
      const queueMs = Math.max(0, this.#busyUntilMs - this.nowMs);
      this.#busyUntilMs = Math.max(this.nowMs, this.#busyUntilMs) + bytes / this.#bytesPerMs;
      this.#sentBytes += bytes;
      this.#queueMs += queueMs;
      this.#worstMs = Math.max(this.#worstMs, queueMs);
      this.#frames += 1;
      this.#unackedBytes += bytes;
      if (this.#unackedBytes < ackEveryBytes) continue;
      this.#events.push({ atMs: this.#busyUntilMs + this.line.rttMs, bytes: this.#unackedBytes });
      this.#unackedBytes = 0;
    }
  }
}

describe('the link window', () => {
  it.each<Line>([
    { rate: 20, rttMs: 30 },
    { rate: 20, rttMs: 100 },
    { rate: 100, rttMs: 20 },
    { rate: 100, rttMs: 80 },
    { rate: 500, rttMs: 10 },
    { rate: 1000, rttMs: 1 },
    { rate: 1000, rttMs: 60 },
  ])('fills a line of $rate Mbit/s and $rttMs ms with little queue', (line) => {
    const simulation = new Simulation(line);
    simulation.run(2_000);
    const report = simulation.run(30_000);
    expect(report.utilisation).toBeGreaterThan(0.92);
    expect(report.meanQueueMs).toBeLessThan(30);
  });

  it('starts fast: a second after the first byte the line is full', () => {
    const simulation = new Simulation({ rate: 100, rttMs: 40 });
    simulation.run(1_000);
    expect(simulation.run(500).utilisation).toBeGreaterThan(0.9);
  });

  it.each([
    ['a longer route', { rate: 100, rttMs: 20 }, { rate: 100, rttMs: 90 }],
    ['a shorter route', { rate: 100, rttMs: 90 }, { rate: 100, rttMs: 20 }],
    ['a slower line', { rate: 100, rttMs: 20 }, { rate: 10, rttMs: 20 }],
    ['a faster line', { rate: 10, rttMs: 20 }, { rate: 100, rttMs: 20 }],
  ])('finds its way after %s', (_name, before, after) => {
    const simulation = new Simulation(before);
    simulation.run(15_000);
    simulation.line = after;
    simulation.run(15_000);
    const report = simulation.run(10_000);
    expect(report.utilisation).toBeGreaterThan(0.9);
    // 64 KiB on 10 Mbit/s are 52 ms: the floor is the queue there.
    expect(report.meanQueueMs).toBeLessThan(60);
  });

  it('does not drift: an hour of a full queue leaves the same delay as a minute', () => {
    const simulation = new Simulation({ rate: 50, rttMs: 25 });
    const minute = simulation.run(60_000);
    simulation.run(3_600_000);
    const later = simulation.run(60_000);
    expect(Math.abs(later.meanQueueMs - minute.meanQueueMs)).toBeLessThan(5);
  });

  it('does not grow while the sender has little to send', () => {
    const window = new LinkWindow();
    window.seed(20, 0);
    for (let turn = 0; turn < 1_000; turn += 1) {
      expect(window.room(window.frameBytes)).toBeGreaterThan(0);
      window.onSent(20_000, turn * 50);
      window.onAck(20_000, turn * 50 + 20);
    }
    expect(window.limitBytes).toBe(minLinkWindowBytes);
  });

  it('stays within its bounds whatever the acknowledgements say', () => {
    const window = new LinkWindow();
    for (let turn = 0; turn < 5_000; turn += 1) {
      while (window.room(window.frameBytes) > 0) window.onSent(window.frameBytes, turn);
      window.onAck(window.inFlightBytes, turn + (turn % 7) * 10);
      expect(window.limitBytes).toBeGreaterThanOrEqual(minLinkWindowBytes);
      expect(window.limitBytes).toBeLessThanOrEqual(maxLinkWindowBytes);
    }
  });

  it('refuses an acknowledgement of more than was sent (P33)', () => {
    const window = new LinkWindow();
    window.onSent(100, 0);
    expect(() => window.onAck(101, 1)).toThrow(
      expect.objectContaining({ code: 'protocol.flow-control' }),
    );
  });

  it('keeps no record for each byte of a peer that grants single bytes and acknowledges none', () => {
    const window = new LinkWindow();
    const bytes = 50_000;
    for (let i = 0; i < bytes; i += 1) window.onSent(1, i / 1000);
    expect(window.recordCount).toBeLessThanOrEqual(8192);
    window.onAck(bytes, 60);
    expect([window.inFlightBytes, window.recordCount]).toEqual([0, 0]);
  });
});
