import { describe, expect, test } from 'vitest';

import { emailKey, requireEmail, requireUsername, usernameKey } from './account.ts';

describe('a user name', () => {
  test.each(['robin', 'Robin.K', 'zoë_2', '李雷', 'a-1', 'ﬁona'])('may be %s', (name) => {
    expect(requireUsername(name)).toBe(name.normalize('NFKC'));
  });

  test.each([
    'x',
    '',
    ' ',
    'a b',
    'a@b.c',
    '.robin',
    'ro\nbin',
    'ro\u202Ebin',
    'ro\u200Bbin',
    '<b>robin',
    'x'.repeat(65),
    'x'.repeat(1_000_000),
    'ro\0bin',
  ])('may not be %j', (name) => {
    expect(() => requireUsername(name)).toThrow(/2 to 64 letters/);
  });

  test('is one in every case and form', () => {
    expect(usernameKey('ZOE\u0308')).toBe(usernameKey('zoë'));
    expect(usernameKey('ＲＯＢＩＮ')).toBe('robin');
  });
});

describe('an e-mail address', () => {
  test('is written in one way', () => {
    expect(requireEmail(' Robin+hub@Lake.Example ')).toBe('Robin+hub@lake.example');
    expect(emailKey('Robin@Lake.Example')).toBe('robin@lake.example');
  });

  test.each([
    'robin',
    'robin@lake',
    '"a@good.com(x)"@evil.com',
    'a@good.com(x)@evil.com',
    'robin@lake.example\r\nBcc: x@evil.com',
    'a..b@lake.example',
    'robin@-lake.example',
    'röbin@lake.example',
    `${'x'.repeat(65)}@lake.example`,
    `robin@${'lake.'.repeat(60)}example`,
  ])('may not be %j', (text) => {
    expect(() => requireEmail(text)).toThrow(/no e-mail address/);
  });
});
