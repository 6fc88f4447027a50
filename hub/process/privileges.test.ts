import { expect, test } from 'vitest';

import { readConfig } from '../config.ts';
import { becomeUser, isWithin } from './privileges.ts';

const machine = {
  bindsLowPorts: true,
  stateFolder: '/nonexistent/phlix-hub',
  memoryBytes: 2 ** 33,
};
const config = (environment: Record<string, string>) => readConfig(environment, machine);

test('nobody is become where nobody is named', () => {
  expect(becomeUser(config({}))).toBeUndefined();
});

test.each([
  ['one that this machine does not have', 'no-such-user'],
  ['root, written in another way', 'root'],
])('HUB_USER is refused: %s', (_, name) => {
  expect(() => becomeUser(config({ HUB_USER: name }))).toThrow(/HUB_USER.*useradd/s);
});

test('a responder on port 53 needs the privilege again: it is refused beside HUB_USER', () => {
  const responder = {
    HUB_USER: 'daemon',
    HUB_PUBLIC_URL: 'https://hub.example.org',
    HUB_TENANT_DOMAIN: 'films.example.net',
    HUB_TLS: 'acme',
    HUB_ACME_AGREE_TERMS: '1',
    HUB_DNS_PROVIDER: 'responder',
    HUB_DNS_RESPONDER_ZONES: 'films.example.net',
    HUB_DNS_RESPONDER_ADDRESSES: '192.0.2.7',
  };
  expect(() => config(responder)).toThrow(/HUB_DNS_RESPONDER_LISTEN/);
  expect(config({ ...responder, HUB_DNS_RESPONDER_LISTEN: ':5353' }).user).toBe('daemon');
});

test('a file is within a folder below its name, not beside it under a longer one', () => {
  expect(isWithin('/var/lib/hub', '/var/lib/hub/auth.log')).toBe(true);
  expect(isWithin('/var/lib/hub/', '/var/lib/hub/logs/auth.log')).toBe(true);
  expect(isWithin('/var/lib/hub', '/var/lib/hub-auth.log')).toBe(false);
  expect(isWithin('/var/lib/hub', '/var/lib/hub/../auth.log')).toBe(false);
});
