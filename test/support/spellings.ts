// A path arrives; ways to write it leave, each of which some media server reads as that path.

import * as fc from 'fast-check';

/** By name: what a stranger would try by hand. `path` begins with a slash and holds letters. */
export function spellings(path: string): ReadonlyMap<string, string> {
  const [, first = '', ...rest] = path.split('/');
  const below = rest.length === 0 ? '' : `/${rest.join('/')}`;
  return new Map([
    ['as it is', path],
    ['in capitals', path.toUpperCase()],
    ['in small letters', path.toLowerCase()],
    ['with an escaped letter', path.replace(/[a-z]/i, escaped)],
    ['with every letter escaped', path.replaceAll(/[a-z]/gi, escaped)],
    ['escaped twice', path.replaceAll(/[a-z]/gi, (letter) => `%25${hex(letter)}`)],
    ['escaped thrice', path.replaceAll(/[a-z]/gi, (letter) => `%2525${hex(letter)}`)],
    [
      'with an escape in an escape',
      path.replace(/[a-z]/i, (letter) => `%%3${hex(letter)[0]}${hex(letter)[1]}`),
    ],
    ['as IIS writes Unicode', path.replace(/[a-z]/i, (letter) => `%u00${hex(letter)}`)],
    ['in full-width letters', path.replaceAll(/[a-z]/gi, wide)],
    ['with double slashes', path.replaceAll('/', '//')],
    ['with escaped slashes', `/${path.slice(1).replaceAll('/', '%2f')}/`],
    ['with backslashes', `/${path.slice(1).replaceAll('/', '%5C')}%5C`],
    ['with slashes longer than they should be', path.replaceAll('/', '/%c0%af')],
    ['with slashes of four bytes', path.replaceAll('/', '/%f0%80%80%af')],
    ['behind what reads like a host', `//web.example${path}`],
    ['behind what reads like a host, escaped', `/%2fx${path}`],
    ['behind what reads like a host, after dots', `/././/x${path}`],
    ['with dots between', path.replaceAll('/', '/./')],
    ['with escaped dots between', path.replaceAll('/', '/%2e/')],
    ['from another folder', `/web/..${path}`],
    ['from another folder, escaped', `/web/%2e%2e${path}`],
    ['from another folder, escaped twice', `/web/%252e%252e${path}`],
    ['from another folder, with a parameter', `/web/..;x=y${path}`],
    ['from another folder, by backslashes', `/web%5c..${path}`],
    ['from another folder, by dots longer than they should be', `/web/%c0%ae%c0%ae${path}`],
    ['from above the root', `/../..${path}`],
    ['through a folder of its own', `/${first}/x/..${below}`],
    ['with a parameter', `/${first};v=1${below};jsessionid=2`],
    ['with an escaped parameter', `${path}%3bx`],
    ['with a slash behind', `${path}/`],
    ['with a dot behind', `${path}.`],
    ['with an escaped dot behind', `${path}%2E`],
    ['with a blank behind', `${path}%20`],
    ['with a NUL behind', `${path}%00.js`],
    ['with an escaped question behind', `${path}%3fx`],
    ['with an escaped fragment behind', `${path}%23x`],
    ['with a format', `${path}.json`],
    ['with something below', `${path}/x`],
    ['with a query', `${path}?a=/web/index.html`],
    ['below the base of Emby', `/emby${path}`],
    ['below the base of old clients', `/MediaBrowser${path}`],
    ['below the base of Jellyfin', `/jellyfin${path}`],
    ['below two bases', `/emby/emby${path}`],
  ]);
}

/** Any mixture of what servers undo: cases, escapes of any depth, separators, dots, parameters, detours, bases. */
export function anySpelling(path: string): fc.Arbitrary<string> {
  const words = path.slice(1).split('/').map(anyWord);
  const detour = fc.constantFrom(
    '',
    '',
    './',
    '%2e/',
    '//',
    'x/../',
    'x/%2E%2e/',
    '%252e/',
    'a;b/..;c/',
  );
  const separator = fc.constantFrom(
    '/',
    '/',
    '/',
    '//',
    '%2f',
    '%5C',
    '/./',
    '%252F',
    '/.;a/',
    '%c0%af',
  );
  const base = fc.constantFrom(
    '',
    '',
    '',
    'emby/',
    'EMBY/',
    'jellyfin//',
    'mediabrowser/./',
    'e%6dby/',
  );
  const end = fc.constantFrom(
    '',
    '',
    '/',
    '.',
    '%20',
    ';a=b',
    '/below',
    '?q=1',
    '%00',
    '%3F',
    '..',
    '%2523',
  );
  return fc
    .tuple(
      base,
      detour,
      fc.tuple(...words),
      fc.array(separator, { minLength: 9, maxLength: 9 }),
      end,
    )
    .map(
      ([prefix, way, spelled, separators, rest]) =>
        `/${prefix}${way}${spelled.map((word, at) => (at === 0 ? word : `${separators[at % 9]}${word}`)).join('')}${rest}`,
    );
}

function anyWord(word: string): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom(...letterSpellings), { minLength: word.length, maxLength: word.length })
    .map((ways) => ways.map((spell, at) => spell(word[at] ?? '')).join(''));
}

const plain = (letter: string): string => letter;
const letterSpellings: readonly ((letter: string) => string)[] = [
  plain,
  plain,
  plain,
  (letter) => letter.toUpperCase(),
  (letter) => letter.toLowerCase(),
  escaped,
  (letter) => `%${hex(letter).toUpperCase()}`,
  (letter) => `%25${hex(letter)}`,
  (letter) => `%2525${hex(letter)}`,
  (letter) => `%25%32%35${hex(letter)}`,
];

function escaped(letter: string): string {
  return `%${hex(letter)}`;
}

function hex(letter: string): string {
  return letter.charCodeAt(0).toString(16).padStart(2, '0');
}

/** U+FF21 and on, in UTF-8 and escaped. */
function wide(letter: string): string {
  return encodeURIComponent(String.fromCharCode(letter.charCodeAt(0) + 0xfee0));
}
