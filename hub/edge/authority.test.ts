import { expect, it } from 'vitest';

import { parseAuthority, parseHostname } from './authority.ts';

const label63 = 'a'.repeat(63);

it.each([
  ['movies.phlix.media', 'movies.phlix.media', 'movies.phlix.media'],
  ['Movies.PHLIX.media:8443', 'movies.phlix.media', 'movies.phlix.media:8443'],
  ['movies.phlix.media.', 'movies.phlix.media', 'movies.phlix.media'],
  ['movies.phlix.media.:443', 'movies.phlix.media', 'movies.phlix.media:443'],
  ['localhost', 'localhost', 'localhost'],
  [`${label63}.x`, `${label63}.x`, `${label63}.x`],
])('reads %s', (written, hostname, text) => {
  expect(parseAuthority(written)).toEqual({ hostname, text });
});

it.each([
  '',
  '.',
  '..',
  'a..b',
  '.a',
  'a.:',
  'a:',
  'a:0',
  'a:080',
  'a:65536',
  'a:123456',
  'a:b',
  'user@a',
  'user:pw@a',
  'a,b',
  'a b',
  ' a',
  'a ',
  'a_b',
  '-a',
  'a-',
  'a.-b',
  '[::1]',
  '[::1]:443',
  'ä.de',
  'a\0',
  'a/b',
  'a?b',
  'a#b',
  'a\\b',
  'a%2eb',
  'a\n',
  `${label63}a.x`,
  `${'a.'.repeat(127)}a`,
])('refuses %j', (written) => {
  expect(parseAuthority(written)).toBeUndefined();
});

it('takes no port in a server name', () => {
  expect(parseHostname('a.b:443')).toBeUndefined();
  expect(parseHostname('A.b')).toBe('a.b');
});
