// Wishes for a run arrive; which parts of the plan they leave.

import { expect, test } from 'vitest';

import { planOf } from './plan.ts';

test('a full run has every part, a quick one leaves out what takes too long for a pipeline', () => {
  expect([...planOf({ quick: false }).parts]).toContain('cost');
  const quick = planOf({ quick: true });
  expect([...quick.parts]).toEqual(['rows', 'lines', 'streams', 'agents', 'handshakes', 'start']);
  expect(quick.rounds).toBe(1);
});

test('a number of agents is measured alone', () => {
  const plan = planOf({ quick: false, agents: '10000' });
  expect([...plan.parts]).toEqual(['agents']);
  expect(plan.idleAgents).toEqual([10_000]);
});

test('parts can be chosen, and one that does not exist is refused with those there are', () => {
  expect([...planOf({ quick: true, only: 'cost,rows' }).parts]).toEqual(['cost', 'rows']);
  expect(() => planOf({ quick: true, only: 'costs' })).toThrow('one of rows, lines');
  expect(() => planOf({ quick: true, agents: 'many' })).toThrow('a number');
});
