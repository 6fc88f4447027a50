import { expect, test } from 'vitest';

import { FamiliarPlaces } from './familiar-places.ts';
import { familiarPlacesKept } from './limits.ts';

const cloud = { address: '198.51.100.4' };
const home = { address: '2001:db8:1:2::7' };
const neighbour = { address: '2001:db8:1:2:ffff::1' };
const never = { id: 'token', lastUsedAt: undefined, lastUsedFrom: undefined };
const inCloud = { ...never, lastUsedAt: new Date(), lastUsedFrom: cloud.address };

test('a token is at home where it was used last, and where it was used lately', () => {
  const places = new FamiliarPlaces();
  expect([places.has(never, cloud), places.has(inCloud, cloud)]).toEqual([false, true]);
  expect(places.has(inCloud, home)).toBe(false);
  places.note(inCloud, home);
  expect([places.has(inCloud, home), places.has(inCloud, neighbour)]).toEqual([true, true]);
  expect(places.has({ ...inCloud, id: 'another' }, home)).toBe(false);
});

test('of more places than are kept the one that was used longest ago is forgotten', () => {
  const places = new FamiliarPlaces();
  places.note(never, home);
  places.note(never, cloud);
  places.note(never, home);
  for (let count = 0; count < familiarPlacesKept - 1; count += 1)
    places.note({ id: `${count}` }, cloud);
  expect([places.has(never, home), places.has(never, cloud)]).toEqual([true, false]);
});
