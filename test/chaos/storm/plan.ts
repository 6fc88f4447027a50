// The wish for a quick or a full storm arrives; its faults leave, mixed and in the same order each time.

import { seededRandom } from '../../support/random.ts';
import type { FaultName } from './faults.ts';

/** How often each strikes. What lasts long, a line that falls silent or a drain, strikes less often. */
const full: Record<FaultName, number> = {
  'line cut': 48,
  'line silent': 6,
  'address changed': 16,
  '1 % of packets lost': 12,
  'hub killed': 16,
  'hub drained': 5,
  'hub stopped': 5,
  'hub replaced': 10,
  'agent killed': 42,
  'agent updated': 10,
  'origin restarted': 38,
};

const quick: Record<FaultName, number> = {
  'line cut': 4,
  'line silent': 2,
  'address changed': 2,
  '1 % of packets lost': 1,
  'hub killed': 2,
  'hub drained': 1,
  'hub stopped': 1,
  'hub replaced': 1,
  'agent killed': 4,
  'agent updated': 1,
  'origin restarted': 3,
};

export function planOf(isQuick: boolean): FaultName[] {
  const counts = Object.entries(isQuick ? quick : full) as [FaultName, number][];
  return shuffled(counts.flatMap(([fault, count]) => Array<FaultName>(count).fill(fault)));
}

/** Fisher and Yates, from a fixed seed. */
function shuffled<Item>(items: readonly Item[]): Item[] {
  const [result, random] = [[...items], seededRandom(1)];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    [result[last], result[other]] = [result[other] as Item, result[last] as Item];
  }
  return result;
}
