import { expect, test } from 'vitest';

import { forwardedScheme } from './forwarded-scheme.ts';

test.each([
  [['https'], 'https'],
  [['HTTPS'], 'https'],
  [['wss'], 'https'],
  [['https, https'], 'https'],
  [['https', 'https'], 'https'],
  [['http'], 'http'],
  [['ws'], 'http'],
  [[], 'http'],
  [[''], 'http'],
  [['https, http'], 'http'],
  [['http', 'https'], 'http'],
  [['https,'], 'http'],
  [['https;'], 'http'],
  [['on'], 'http'],
] as const)('%j came by %s', (lines, scheme) => {
  expect(forwardedScheme(lines)).toBe(scheme);
});
