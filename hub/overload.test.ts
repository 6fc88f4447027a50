import { afterEach, expect, test } from 'vitest';

import { Overload } from './overload.ts';

let overload: Overload | undefined;

afterEach(() => overload?.stop());

test('exchanges are shed from 70 % on, agents from 85 %, until 65 % are left behind', () => {
  let residentBytes = 0;
  const changes: boolean[] = [];
  const watched = new Overload({
    limitBytes: 1000,
    measure: () => residentBytes,
    onChange: ({ sheds }) => changes.push(sheds),
  });
  overload = watched;
  const at = (bytes: number): [boolean, boolean] => {
    residentBytes = bytes;
    watched.look();
    return [watched.sheds, watched.refusesAgents];
  };
  expect(at(699)).toEqual([false, false]);
  expect(at(700)).toEqual([true, false]);
  expect(at(850)).toEqual([true, true]);
  expect(at(849)).toEqual([true, false]);
  expect(at(650)).toEqual([true, false]);
  expect(at(649)).toEqual([false, false]);
  expect(at(690)).toEqual([false, false]);
  expect(changes).toEqual([true, false]);
});

test('looks by itself', async () => {
  const changed = new Promise<number>((resolve) => {
    overload = new Overload({
      limitBytes: 1,
      onChange: ({ residentBytes }) => resolve(residentBytes),
    });
  });
  expect(await changed).toBeGreaterThan(1_000_000);
});
