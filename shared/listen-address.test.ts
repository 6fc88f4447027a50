import { expect, it } from 'vitest';

import { parseListenAddress } from './listen-address.ts';

it.each([
  [':443', { host: undefined, port: 443 }],
  [':0', { host: undefined, port: 0 }],
  ['127.0.0.1:8443', { host: '127.0.0.1', port: 8443 }],
  ['[::]:443', { host: '::', port: 443 }],
  ['[::1]:8802', { host: '::1', port: 8802 }],
])('reads %s', (text, address) => {
  expect(parseListenAddress(text)).toEqual(address);
});

it.each([
  '443',
  '',
  ':',
  ':65536',
  '::1:443',
  '[::1]',
  '[127.0.0.1]:443',
  '[]:443',
  'localhost:443',
  ':44 3',
  '1.2.3:80',
])('refuses %j and shows how to write it', (text) => {
  expect(() => parseListenAddress(text)).toThrow(/write ":8443"/);
});
