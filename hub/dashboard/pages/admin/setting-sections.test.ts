import { expect, test } from 'vitest';

import { readConfig } from '../../../config.ts';
import { otherTitle, sectionsOf } from './setting-sections.ts';

const machine = { bindsLowPorts: false, stateFolder: '/nowhere', memoryBytes: 2 ** 33 };
const { shown } = readConfig({}, machine);

test('every setting of the hub stands in one section with a name, and none of them is long', () => {
  const sections = sectionsOf(shown);
  expect(sections.map(({ title }) => title)).not.toContain(otherTitle);
  const names = sections.flatMap(({ items }) => items.map(({ name }) => name));
  expect(names.toSorted()).toEqual(shown.map(({ name }) => name).toSorted());
  expect(Math.max(...sections.map(({ items }) => items.length))).toBeLessThan(40);
});

test('what fits nowhere is shown all the same', () => {
  expect(sectionsOf([{ name: 'HUB_NEW' }])).toEqual([
    { title: otherTitle, items: [{ name: 'HUB_NEW' }] },
  ]);
});
