import { describe, expect, it } from 'vitest';
import { maxStreamWindowBytes } from '../wire/limits.ts';
import { GrowthBudget, ReceiveWindow } from './receive-window.ts';

const noGrowth = () => new GrowthBudget(0);

describe('a receive window', () => {
  it('accepts exactly its bytes (P30)', () => {
    const window = new ReceiveWindow(1000, noGrowth(), 0);
    expect(window.accept(999)).toBe(true);
    expect(window.accept(1)).toBe(true);
    expect(window.accept(1)).toBe(false);
  });

  it('returns credit in steps of half a window, for what was read and no more (P31)', () => {
    const window = new ReceiveWindow(1000, noGrowth(), 0);
    expect(window.accept(1000)).toBe(true);
    expect(window.read(499, 1, 0)).toBe(0);
    expect(window.read(1, 2, 0)).toBe(500);
    expect(window.read(499, 3, 0)).toBe(0);
    expect(window.read(1, 4, 0)).toBe(500);
    expect(window.accept(1000)).toBe(true);
    expect(window.accept(1)).toBe(false);
  });

  it('doubles when half of it was read in under two round trips (P32)', () => {
    const window = new ReceiveWindow(1000, new GrowthBudget(10_000), 100);
    expect(window.read(500, 139, 20)).toBe(500 + 1000);
    expect(window.windowBytes).toBe(2000);
    // Half is now 1000, and the two round trips count from the last grant.
    expect(window.read(999, 150, 20)).toBe(0);
    expect(window.read(1, 178, 20)).toBe(1000 + 2000);
    expect(window.windowBytes).toBe(4000);
    expect(window.accept(1000 + 1500 + 3000)).toBe(true);
    expect(window.accept(1)).toBe(false);
  });

  it('does not grow when the reader took two round trips or longer', () => {
    const window = new ReceiveWindow(1000, new GrowthBudget(10_000), 100);
    expect(window.read(500, 140, 20)).toBe(500);
    expect(window.windowBytes).toBe(1000);
  });

  it('grows for a reader before whom no more than a quarter of it waits', () => {
    const window = new ReceiveWindow(1000, new GrowthBudget(10_000), 100);
    expect(window.accept(750)).toBe(true);
    expect(window.read(500, 101, 20)).toBe(500 + 1000);
  });

  it('does not grow for a slow reader, before whom more than a quarter of it waits', () => {
    const window = new ReceiveWindow(1000, new GrowthBudget(10_000), 100);
    expect(window.accept(751)).toBe(true);
    expect(window.read(500, 101, 20)).toBe(500);
    expect(window.windowBytes).toBe(1000);
    expect(window.read(500, 102, 20)).toBe(500 + 1000);
  });

  it('does not grow before a round trip is known', () => {
    const window = new ReceiveWindow(1000, new GrowthBudget(10_000), 100);
    expect(window.read(500, 100, 0)).toBe(500);
  });

  it('stops at 16 MiB (P32)', () => {
    const initial = maxStreamWindowBytes - 1000;
    const window = new ReceiveWindow(initial, new GrowthBudget(2 ** 40), 0);
    expect(window.read(initial / 2, 1, 20)).toBe(initial / 2 + 1000);
    expect(window.windowBytes).toBe(maxStreamWindowBytes);
    expect(window.read(maxStreamWindowBytes / 2, 2, 20)).toBe(maxStreamWindowBytes / 2);
    expect(window.windowBytes).toBe(maxStreamWindowBytes);
  });

  it('shares one budget with its neighbours and gives its growth back when its stream is over (P32)', () => {
    const budget = new GrowthBudget(1000);
    const [first, second] = [0, 1].map(() => new ReceiveWindow(1000, budget, 0));
    expect(first?.read(500, 1, 20)).toBe(1500);
    expect(second?.read(500, 1, 20)).toBe(500);
    first?.release();
    first?.release();
    expect(second?.read(500, 2, 20)).toBe(1500);
    // Released twice, given back once.
    expect(budget.take(1)).toBe(false);
  });
});

it('a budget is taken whole or not at all', () => {
  const budget = new GrowthBudget(10);
  expect(budget.take(11)).toBe(false);
  expect(budget.take(10)).toBe(true);
  expect(budget.take(1)).toBe(false);
  budget.giveBack(3);
  expect(budget.take(3)).toBe(true);
});
