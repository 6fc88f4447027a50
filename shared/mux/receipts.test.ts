import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Receipts } from './receipts.ts';

describe('receipts', () => {
  let sent: number[];
  let receipts: Receipts;
  beforeEach(() => {
    vi.useFakeTimers();
    sent = [];
    receipts = new Receipts((bytes) => sent.push(bytes));
  });
  afterEach(() => vi.useRealTimers());

  it('are not given for less than 16 KiB', () => {
    receipts.arrived(16 * 1024 - 1, true);
    vi.advanceTimersByTime(100);
    expect(sent).toEqual([]);
    receipts.arrived(1, true);
    vi.advanceTimersByTime(1);
    expect(sent).toEqual([16 * 1024]);
  });

  it('cover within a millisecond whatever else arrived by then', () => {
    receipts.arrived(20_000, true);
    receipts.arrived(30_000, true);
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(sent).toEqual([50_000]);
    vi.advanceTimersByTime(10);
    expect(sent).toEqual([50_000]);
  });

  it('are given at once for 128 KiB, and not again by the timer', () => {
    receipts.arrived(100_000, true);
    receipts.arrived(31_072, true);
    expect(sent).toEqual([131_072]);
    vi.advanceTimersByTime(10);
    expect(sent).toEqual([131_072]);
  });

  it('count whole frames only', () => {
    receipts.arrived(60_000, false);
    vi.advanceTimersByTime(10);
    expect(sent).toEqual([]);
    receipts.arrived(5_000, true);
    receipts.arrived(9_000, false);
    vi.advanceTimersByTime(1);
    expect(sent).toEqual([65_000]);
  });

  it('end with the session', () => {
    receipts.arrived(20_000, true);
    receipts.stop();
    vi.advanceTimersByTime(10);
    expect(sent).toEqual([]);
  });
});
