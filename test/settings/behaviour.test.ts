import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { documentedSettings, read, root, settingSources } from './documented.ts';
import { behaviours } from './registry.ts';

describe('every documented setting', () => {
  test('has a test that shows what it changes, and no other has one', () => {
    const documented = documentedSettings();
    expect(documented.length).toBeGreaterThan(150);
    const registered = [...behaviours.keys()];
    expect(documented.filter((name) => !behaviours.has(name))).toEqual([]);
    expect(registered.filter((name) => !documented.includes(name))).toEqual([]);
  });

  test('and every one that the programs read is documented', () => {
    const read = [...settingSources().matchAll(/^ +((?:HUB|PHLIX)_[A-Z0-9_]+): /gm)];
    const documented = documentedSettings();
    expect(read.map(([, name = '']) => name).filter((name) => !documented.includes(name))).toEqual(
      [],
    );
  });

  test.each([...behaviours])('%s is set there', (name, { file, title, sets = file }) => {
    expect(existsSync(join(root, file))).toBe(true);
    // A title may be broken over lines, and a table's is made of the name.
    expect(read(file)).toContain(title);
    expect(isSetIn(read(sets), name)).toBe(true);
    expect(file).toMatch(/\.test\.ts$/);
  });
});

/** As a key of an environment, in the title of a test that sets it, or as the first cell of a row. */
function isSetIn(text: string, name: string): boolean {
  const key = new RegExp(`(?:\\b|['"\\[])${name}(?:_FILE)?['"\\]]*\\s*[:=,}]`);
  return key.test(text);
}
