import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { version } from './version.ts';

test('the programs and the package have one version', () => {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  expect(version).toBe((JSON.parse(text) as { version: string }).version);
});
