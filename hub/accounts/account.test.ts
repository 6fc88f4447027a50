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

  test.each(['host', 'HOST', 'system', 'Ｈｕｂ', 'operator'])(
    'is nobody’s who is called %s',
    (name) => {
      expect(() => requireUsername(name)).toThrow(/a name for the hub itself/);
    },
  );

  test.each(['r\u043Ebin', 'r\u03BFbin', 'h\u03BFst', 'Ро6ин-robin', 'αлекс', '\u0570ost'])(
    'is written in one alphabet, not %s',
    (name) => {
      expect(() => requireUsername(name)).toThrow(/one alphabet/);
    },
  );

  test.each(['Олег', 'αλέξης', 'Робин-2', 'admin', 'host.k', 'ken健', 'كريم', 'zoë'])(
    'may be %s, which is read in one way',
    (name) => {
      expect(requireUsername(name)).toBe(name);
    },
  );

  test('stays with whoever has it already, and with nobody else', () => {
    expect(requireUsername('Host', 'host')).toBe('Host');
    expect(() => requireUsername('host', 'robin')).toThrow(/a name for the hub itself/);
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
    '.a@lake.example',
    'a.@lake.example',
    'robin@-lake.example',
    'röbin@lake.example',
    `${'x'.repeat(65)}@lake.example`,
    `robin@${'lake.'.repeat(60)}example`,
  ])('may not be %j', (text) => {
    expect(() => requireEmail(text)).toThrow(/no e-mail address/);
  });
});
