import { describe, expect, it } from 'vitest';

import { requireMailAddress, requireSender } from './mail-address.ts';

describe('an e-mail address', () => {
  it.each([
    ['robin@example.org', 'robin@example.org'],
    [' Robin.K+hub@Example.ORG ', 'Robin.K+hub@example.org'],
    ["o'brien@mail.example.co.uk", "o'brien@mail.example.co.uk"],
    ['a@xn--bcher-kva.example', 'a@xn--bcher-kva.example'],
  ])('%j is written %j', (text, written) => {
    expect(requireMailAddress(text)).toBe(written);
  });

  it.each([
    '',
    'robin',
    'robin@localhost',
    '@example.org',
    'robin@',
    'a@b@example.org',
    'robin@example.org\r\nBcc: evil@example.net',
    'robin@example.org\nRCPT TO:<evil@example.net>',
    'robin@example.org, evil@example.net',
    'robin@example.org;evil@example.net',
    '"a@good.com(x)"@evil.example',
    '"robin k"@example.org',
    'robin(comment)@example.org',
    '<robin@example.org>',
    'Robin <robin@example.org>',
    'group:robin@example.org;',
    '@relay.example:robin@example.org',
    'robin@[127.0.0.1]',
    'robin@-example.org',
    'robin@example-.org',
    'robin@example..org',
    '.robin@example.org',
    'robin.@example.org',
    'ro..bin@example.org',
    'robïn@example.org',
    'robin@exämple.org',
    'robin@example.org\0',
    'ro bin@example.org',
    `${'x'.repeat(65)}@example.org`,
    `robin@${'x'.repeat(64)}.org`,
    `robin@${'example.'.repeat(40)}org`,
  ])('%j is refused', (text) => {
    expect(() => requireMailAddress(text)).toThrow(
      expect.objectContaining({ code: 'mail.address' }),
    );
  });
});

describe('a sender', () => {
  it.each([
    ['hub@example.org', { name: '', address: 'hub@example.org' }],
    ['Phlix Hub <hub@Example.org>', { name: 'Phlix Hub', address: 'hub@example.org' }],
    ['Größe 1 <hub@example.org>', { name: 'Größe 1', address: 'hub@example.org' }],
  ])('%j has its name', (text, sender) => {
    expect(requireSender(text)).toEqual(sender);
  });

  it.each([
    'Hub <hub>',
    'Hub <hub@example.org> <evil@example.net>',
    'Hub\r\nBcc: x <hub@example.org>',
    '"Hub" <hub@example.org>',
  ])('%j is refused', (text) => {
    expect(() => requireSender(text)).toThrow(expect.objectContaining({ code: 'mail.address' }));
  });
});
