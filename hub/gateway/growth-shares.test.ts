import { expect, test } from 'vitest';

import { windowGrowthBudgetBytes } from '../../shared/wire/limits.ts';
import { GrowthShares } from './growth-shares.ts';

test('all links of a server grow out of one budget, and another server has its own', () => {
  const shares = new GrowthShares();
  const [first, second, other] = [shares.take('a'), shares.take('a'), shares.take('b')];
  expect(first.take(windowGrowthBudgetBytes)).toBe(true);
  expect([second.take(1), other.take(1)]).toEqual([false, true]);
});

test('a server whose last link has gone begins anew, and not before', () => {
  const shares = new GrowthShares();
  shares.take('a').take(windowGrowthBudgetBytes);
  shares.take('a');
  shares.giveBack('a');
  expect(shares.take('a').take(1)).toBe(false);
  shares.giveBack('a');
  shares.giveBack('a');
  expect(shares.take('a').take(1)).toBe(true);
});
