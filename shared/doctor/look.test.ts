import { expect, test } from 'vitest';

import { ok } from './finding.ts';
import { lookAtAll } from './look.ts';

test('findings come in the order of the looks, with their names, and without what says nothing', async () => {
  const looks = {
    'one.slow': async () => {
      await Promise.resolve();
      return ok('Slow.');
    },
    'two.silent': () => undefined,
    'three.quick': () => ok('Quick.'),
  };
  expect(await lookAtAll(looks, undefined)).toEqual([
    { check: 'one.slow', state: 'ok', message: 'Slow.' },
    { check: 'three.quick', state: 'ok', message: 'Quick.' },
  ]);
});

test('a look that throws is a failure, and one that never ends is not known; the others are heard', async () => {
  const looks = {
    'one.broken': () => {
      throw new Error('no such file');
    },
    'two.endless': () => new Promise<undefined>(() => undefined),
    'three.well': () => ok('Well.'),
  };
  const found = await lookAtAll(looks, undefined, 20);
  expect(found.map(({ state }) => state)).toEqual(['failure', 'unknown', 'ok']);
  expect(found[0]?.message).toContain('no such file');
});
