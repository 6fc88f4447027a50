import { describe, expect, test } from 'vitest';

import { safeReturn } from './safe-return.ts';

describe('the address to go back to', () => {
  test('is a path of this hub', () => {
    for (const path of [
      '/',
      '/servers',
      '/servers/0193-ab?range=day&x=1',
      '/device?code=WDJB-MJHT',
    ])
      expect(safeReturn(path)).toBe(path);
  });

  test('is the start for whatever could lead elsewhere (A-06)', () => {
    const hostile = [
      undefined,
      '',
      '//e',
      '/\\e',
      '/%5ce',
      'https:e',
      'https://e',
      '/%0d%0aset-cookie: x',
      '/\r\n',
      '/user:pw@e',
      'javascript:alert(1)',
      '/a/../../e',
      '/\t/e',
      `/${'a'.repeat(600)}`,
    ];
    for (const each of hostile) expect([each, safeReturn(each)]).toEqual([each, '/']);
  });
});
