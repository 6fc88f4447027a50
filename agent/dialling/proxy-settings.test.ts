import { inspect } from 'node:util';

import { expect, test } from 'vitest';

import { SettingsError } from '../../shared/settings/settings.ts';
import { readProxy } from './proxy-settings.ts';

const hub = { hostname: 'hub.example.org', port: 443 };
const proxy = 'http://proxy.example:3128';

test('there is none unless one is named', () => {
  expect(readProxy({}, hub)).toBeUndefined();
  expect(readProxy({ HTTPS_PROXY: '' }, hub)).toBeUndefined();
  expect(readProxy({ HTTP_PROXY: proxy }, hub)).toBeUndefined();
});

test.each([
  ['http://proxy.example:3128', { hostname: 'proxy.example', port: 3128, isSecure: false }],
  ['proxy.example:3128', { hostname: 'proxy.example', port: 3128, isSecure: false }],
  ['http://proxy.example', { port: 80 }],
  ['https://proxy.example/', { port: 443, isSecure: true }],
  ['http://[2001:db8::1]:3128', { hostname: '2001:db8::1', url: 'http://[2001:db8::1]:3128' }],
])('%s is one', (given, expected) => {
  expect(readProxy({ HTTPS_PROXY: given }, hub)).toMatchObject(expected);
});

test('the name in small letters wins', () => {
  const both = { HTTPS_PROXY: 'http://large.example:1', https_proxy: 'http://small.example:1' };
  expect(readProxy(both, hub)?.hostname).toBe('small.example');
});

test('a password goes into the header, decoded, and into nothing that is printed', () => {
  const found = readProxy({ HTTPS_PROXY: 'http://me:pa%40ss@proxy.example:3128' }, hub);
  const header = Buffer.from('me:pa@ss').toString('base64');
  expect(found?.authorization?.reveal()).toBe(`Basic ${header}`);
  const printed = `${JSON.stringify(found)} ${inspect(found, { depth: 9 })}`;
  expect(printed).not.toMatch(/pa(@|%40)ss/);
  expect(printed).not.toContain(header);
});

test.each(['socks5://me:secret@proxy.example:1080', 'http://', 'http://me:secret@:x'])(
  '%s is refused with a remedy, and without its password',
  (given) => {
    const attempt = () => readProxy({ https_proxy: given }, hub);
    expect(attempt).toThrow(SettingsError);
    expect(attempt).toThrow(/https_proxy: expected .*NO_PROXY/);
    expect(attempt).not.toThrow(/secret/);
  },
);

test.each([
  ['*', true],
  ['example.org', true],
  ['.example.org', true],
  ['*.example.org', true],
  ['HUB.Example.Org', true],
  ['other.example, hub.example.org', true],
  ['hub.example.org:443', true],
  ['hub.example.org:8443', false],
  ['b.example.org', false],
  ['ub.example.org', false],
  ['10.0.0.0/8', false],
  ['', false],
])('NO_PROXY=%s leaves out this hub: %s', (exceptions, isOut) => {
  const found = readProxy({ HTTPS_PROXY: proxy, NO_PROXY: exceptions }, hub);
  expect(found === undefined).toBe(isOut);
});

test.each([
  ['10.0.0.0/8', '10.1.2.3', true],
  ['10.1.2.3', '10.1.2.3', true],
  ['10.1.2.3:443', '10.1.2.3', true],
  ['192.168.0.0/16', '10.1.2.3', false],
  ['[2001:db8::1]:443', '2001:db8::1', true],
  ['2001:db8::/32', '2001:db8::1', true],
  ['nonsense/99', '10.1.2.3', false],
])('NO_PROXY=%s leaves out a hub at %s: %s', (exceptions, hostname, isOut) => {
  const found = readProxy({ HTTPS_PROXY: proxy, NO_PROXY: exceptions }, { hostname, port: 443 });
  expect(found === undefined).toBe(isOut);
});

test('a hub on this machine is never looked for through a proxy', () => {
  for (const hostname of ['hub.localhost', '127.0.0.1', '::1']) {
    expect(readProxy({ HTTPS_PROXY: proxy }, { hostname, port: 443 })).toBeUndefined();
  }
});
