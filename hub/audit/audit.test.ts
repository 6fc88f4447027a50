import { expect, test } from 'vitest';

import { shownActor } from './audit.ts';

test.each([
  ['the command line', undefined, 'host', 'host'],
  ['an account', 'a1', 'robin', 'robin'],
  ['an account that could be taken for the command line', 'a1', 'Host', 'Host (an account)'],
  ['an account that could be taken for the hub', 'a1', 'system', 'system (an account)'],
  ['an account whose name nobody noted', 'a1', undefined, 'a1'],
  ['nobody', undefined, undefined, undefined],
])('a list names %s for whoever reads it', (_, id, name, shown) => {
  expect(shownActor(id, name)).toBe(shown);
});
