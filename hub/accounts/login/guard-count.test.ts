import { array, assert, integer, property } from 'fast-check';
import { describe, expect, test } from 'vitest';

import { judge, waitMs, withoutOne, type Count, type Rule } from './guard-count.ts';

const minuteMs = 60_000;
const rule: Rule = {
  failures: 3,
  windowMs: 10 * minuteMs,
  blockMs: 15 * minuteMs,
  perDay: { failures: 6, blockMs: 1000 * minuteMs },
};
const at = (ms: number) => new Date(1_800_000_000_000 + ms);

/** What is left of tries at these times: which of them were let through. */
function tried(times: readonly number[]): { passed: number[]; count: Count | undefined } {
  const passed: number[] = [];
  let count: Count | undefined;
  for (const ms of times) {
    const judged = judge(count, rule, at(ms));
    if ('refusedMs' in judged) continue;
    passed.push(ms);
    count = judged.count;
  }
  return { passed, count };
}

describe('tries that fail', () => {
  test('pass up to the limit of a window, and the next waits for the block', () => {
    const { passed, count } = tried([0, 1, 2, 3]);
    expect(passed).toEqual([0, 1, 2]);
    expect(waitMs(count, at(3))).toBe(15 * minuteMs - 1);
    expect(judge(count, rule, at(2 + 15 * minuteMs))).toMatchObject({ count: { failures: 1 } });
  });

  test('begin anew with a window that is over', () => {
    expect(tried([0, 1, 10 * minuteMs, 10 * minuteMs + 1]).passed).toHaveLength(4);
  });

  test('of one day close for longer', () => {
    const later = 20 * minuteMs;
    const { passed, count } = tried([0, 1, 2, later, later + 1, later + 2, later + 3]);
    expect(passed).toHaveLength(6);
    expect(waitMs(count, at(later + 2))).toBe(1000 * minuteMs);
  });

  test('that turn out to be none leave no trace, nor the door closed', () => {
    const { count } = tried([0, 1, 2]);
    const left = count && withoutOne(count, { closed: true });
    expect(left).toMatchObject({ failures: 2, dayFailures: 2, until: undefined });
    const [first] = [tried([0]).count];
    expect(first && withoutOne(first, { closed: false })).toBeUndefined();
  });

  test('never pass more often than the limit within any window', () => {
    const times = array(integer({ min: 0, max: 30 * minuteMs }), { maxLength: 60 });
    assert(
      property(times, (unsorted) => {
        const { passed } = tried(unsorted.toSorted((a, b) => a - b));
        // A fixed window: on both sides of its border as many again.
        for (const begin of passed) {
          const within = passed.filter((ms) => ms >= begin && ms < begin + rule.windowMs);
          expect(within.length).toBeLessThanOrEqual(2 * rule.failures - 1);
        }
      }),
    );
  });
});
