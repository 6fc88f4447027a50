import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { Overload } from './overload.ts';

let overload: Overload | undefined;
let memory: { residentBytes: number; heldBytes: number };
let nowMs: number;
let collections: number;
let changes: boolean[];

beforeEach(() => {
  [memory, nowMs, collections, changes] = [{ residentBytes: 0, heldBytes: 0 }, 0, 0, []];
});
afterEach(() => overload?.stop());

function watched(): Overload {
  overload = new Overload({
    limitBytes: 1000,
    measure: () => memory,
    collect: () => (collections += 1),
    nowMs: () => nowMs,
    onChange: ({ sheds }) => changes.push(sheds),
  });
  return overload;
}

/** What is refused when so much is resident, and so much of it in use: new exchanges, new agents. */
function at(residentBytes: number, heldBytes = residentBytes): [boolean, boolean] {
  memory = { residentBytes, heldBytes };
  overload?.look();
  return [overload?.sheds === true, overload?.refusesAgents === true];
}

test('exchanges are shed from 70 % on, agents from 85 %, until 65 % are left behind', () => {
  watched();
  expect(at(699)).toEqual([false, false]);
  expect(at(700)).toEqual([true, false]);
  expect(at(850)).toEqual([true, true]);
  expect(at(849)).toEqual([true, false]);
  expect(at(650)).toEqual([true, false]);
  expect(at(649)).toEqual([false, false]);
  expect(at(690)).toEqual([false, false]);
  expect(changes).toEqual([true, false]);
});

test('garbage is collected when it begins, and now and then until it is over', () => {
  watched();
  at(690);
  expect(collections).toBe(0);
  for (nowMs = 0; nowMs <= 10_000; nowMs += 500) at(700);
  expect(collections).toBe(3);
  at(600);
  nowMs += 60_000;
  at(690);
  expect(collections).toBe(3);
});

describe('pages that are retained though nobody uses them', () => {
  test('end it, and the marks lie above them from then on', () => {
    watched();
    expect(at(880)).toEqual([true, true]);
    expect(at(880, 420)).toEqual([true, true]);
    expect(at(880, 419)).toEqual([false, false]);
    expect(at(929)).toEqual([false, false]);
    expect(at(930)).toEqual([true, true]);
    expect(changes).toEqual([true, false, true]);
  });

  test('have to be the more, the nearer the limit is', () => {
    watched();
    at(750);
    expect(at(750, 550)).toEqual([true, false]);
    expect(at(750, 549)).toEqual([false, false]);
    expect(at(970, 100)).toEqual([true, true]);
    expect(at(960, 340)).toEqual([true, true]);
    expect(at(960, 339)).toEqual([false, false]);
    expect(at(970, 100)).toEqual([true, true]);
  });

  test('move the mark for agents where they reach it', () => {
    watched();
    at(800);
    expect(at(800, 100)).toEqual([false, false]);
    expect(at(849)).toEqual([false, false]);
    expect(at(860)).toEqual([true, true]);
  });

  test('are forgotten once they are given back', () => {
    watched();
    at(880);
    at(880, 100);
    at(649);
    expect(at(700)).toEqual([true, false]);
  });

  test('matter only where exchanges are shed already', () => {
    watched();
    expect(at(700, 100)).toEqual([true, false]);
    expect(at(700, 100)).toEqual([false, false]);
  });
});

test('looks by itself, at the memory of this process', async () => {
  const changed = new Promise<number>((resolve) => {
    overload = new Overload({
      limitBytes: 1,
      onChange: ({ residentBytes }) => resolve(residentBytes),
    });
  });
  expect(await changed).toBeGreaterThan(1_000_000);
});
