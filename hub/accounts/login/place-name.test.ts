import { expect, test } from 'vitest';

import { placeName } from './place-name.ts';

test.each([
  [{ city: 'London', country: 'GB' }, 'London, United Kingdom'],
  [{ city: undefined, country: 'JP' }, 'Japan'],
  [{ city: 'Nowhere', country: undefined }, 'Nowhere'],
  // A code that no list has stays what it is.
  [{ city: undefined, country: 'QX' }, 'QX'],
  [{ city: undefined, country: undefined }, undefined],
])('%o is called %s', (place, name) => {
  expect(placeName(place)).toBe(name);
});
