import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Queue } from './queue.ts';

type Step = 'push' | 'shift' | 'drain';

/** Everything that can be seen of a queue, step by step. */
function trace(steps: readonly Step[]): unknown[] {
  const queue = new Queue<number>();
  return steps.map((step, at) => {
    const result = step === 'push' ? queue.push(at) : queue[step]();
    return [result, queue.isEmpty, queue.first];
  });
}

/** The same, of an array. */
function expectedTrace(steps: readonly Step[]): unknown[] {
  const items: number[] = [];
  return steps.map((step, at) => {
    let result: unknown;
    if (step === 'push') items.push(at);
    else result = step === 'shift' ? items.shift() : items.splice(0);
    return [result, items.length === 0, items[0]];
  });
}

it('does what an array does, in any order of steps', () => {
  const step = fc.constantFrom<Step>('push', 'push', 'push', 'shift', 'shift', 'drain');
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      expect(trace(steps)).toEqual(expectedTrace(steps));
    }),
  );
});

it.each<[name: string, Step[]]>([
  [
    'drained in the end',
    Array.from({ length: 5_000 }, (_, at) => (at % 3 === 2 ? 'shift' : 'push')),
  ],
  [
    'filled, then emptied',
    [...Array<Step>(3_000).fill('push'), ...Array<Step>(3_001).fill('shift')],
  ],
])('keeps its order through the moments at which it moves what is left: %s', (_name, steps) => {
  const all: Step[] = [...steps, 'drain'];
  expect(trace(all)).toEqual(expectedTrace(all));
});

it('keeps nothing of what left it, although something always waits', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const queue = new Queue<number>();
  queue.push(0);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let at = 1; at <= 1_000_000; at += 1) {
    queue.push(at);
    queue.shift();
  }
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(2e6);
  expect(queue.drain()).toEqual([1_000_000]);
});
