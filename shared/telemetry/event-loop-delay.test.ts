import { afterEach, expect, test } from 'vitest';

import { EventLoopDelay } from './event-loop-delay.ts';

let delay: EventLoopDelay | undefined;
afterEach(() => delay?.stop());

function worstSeconds(): number {
  const worst = delay?.samples().find(({ labels }) => labels?.['percentile'] === '100');
  return worst?.value ?? Number.NaN;
}

test('a process that was busy for a moment says how late it was', async () => {
  delay = new EventLoopDelay();
  expect(worstSeconds()).toBe(0);
  // More than once: it is asked how late it was only after its clock has begun to run.
  await expect
    .poll(() => {
      beBusy(300);
      return worstSeconds();
    })
    .toBeGreaterThan(0.25);
});

function beBusy(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
