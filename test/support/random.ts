// A seed becomes a repeatable row of random numbers, for tests that make a hundred thousand small cases.

import { Buffer } from 'node:buffer';

/** Cases of one hostile-input test. The mutation run, which repeats the suites thousands of times, asks for fewer. */
export const hostileCases = Number(process.env['TEST_HOSTILE_CASES'] ?? 100_000);

export interface Random {
  /** An integer from 0 to limit - 1. */
  below(limit: number): number;
  bytes(length: number): Buffer;
  pick<Item>(items: readonly Item[]): Item;
}

/** Mulberry32: 32 bits of state are plenty for choosing test cases. */
export function seededRandom(seed: number): Random {
  let state = seed;
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
    pick: <Item>(items: readonly Item[]) => items[below(items.length)] as Item,
  };
}
