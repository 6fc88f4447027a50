import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { fieldRule } from './field-rules.ts';

/** The delete-list of security.md section 1.6, as its tables write it. */
const spokenForProxies = [
  'Forwarded',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Forwarded-Prefix',
  'X-Forwarded-Port',
  'X-Forwarded-Server',
  'X-Forwarded-Uri',
  'X-Real-IP',
  'True-Client-IP',
  'CF-Connecting-IP',
  'X-Client-IP',
  'X-Original-URL',
  'X-Original-URI',
  'X-Rewrite-URL',
  'X-HTTP-Method-Override',
  'X-Phlix-User',
  'Remote-User',
  'Remote-Groups',
  'X-Auth-User',
  'X-Webauth-User',
  'Proxy',
  'Proxy-Authorization',
  'X-Request-Id',
  'X-Remote-User',
  'X-Authentik-Username',
  'Tailscale-User-Login',
  'X-SSL-Client-CN',
];

/** Every case of every letter, every separator that some server reads as `-`, and more of them around. */
const spelling = fc.constantFrom(...spokenForProxies).chain((name) =>
  fc
    .tuple(
      fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }),
      fc.array(fc.constantFrom('-', '_', '.', '--', '-_', '.-', "'", '~', '!'), {
        minLength: 6,
        maxLength: 6,
      }),
      fc.constantFrom('', '-', '_'),
      fc.constantFrom('', '-', '_'),
    )
    .map(([isUpper, separators, before, after]) => {
      const words = name.split('-').map((word, at) => word + (separators[at] ?? ''));
      const last = words.at(-1)?.replace(/[-_.]+$/, '') ?? '';
      const written = [...words.slice(0, -1), last].join('').split('');
      return (
        before +
        written
          .map((letter, at) => (isUpper[at] ? letter.toUpperCase() : letter.toLowerCase()))
          .join('') +
        after
      );
    }),
);

it('lets no spelling of a field through that speaks in the name of a proxy', () => {
  fc.assert(
    fc.property(spelling, (name) => {
      expect(fieldRule(name)).toEqual({
        name: name.toLowerCase(),
        use: name.toLowerCase() === 'x-forwarded-for' ? 'forwarded-for' : 'drop',
      });
    }),
    { numRuns: 3000 },
  );
});

it.each([
  'Content_Length',
  'Transfer_Encoding',
  'content.length',
  'Host_',
  '-host',
  'transfer--encoding',
  'cookie-',
])('drops %s, which a careless origin may read as what frames or routes a message', (name) => {
  expect(fieldRule(name).use).toBe('drop');
});

it.each([
  'X-Emby-Authorization',
  'X-Plex-Token',
  'X-Requested-With',
  'Authorization',
  'Range',
  'If-Range',
  'Sec-WebSocket-Key',
  'X-Mediabrowser-Token',
  'Remotely',
  'X-Authority',
])('keeps %s', (name) => {
  expect(fieldRule(name)).toEqual({ name: name.toLowerCase(), use: 'keep' });
});

it('knows the same of a name however many others it has seen', () => {
  const before = fieldRule('X-Real-IP');
  for (let at = 0; at < 5000; at += 1) fieldRule(`X-Flood-${at}`);
  expect(fieldRule('X-Real-IP')).toEqual(before);
  expect(fieldRule('x'.repeat(5000)).use).toBe('keep');
});
