import { expect, test } from 'vitest';

import { isSameSite } from './same-site.ts';

test.each([
  ['hub.phlix.example', 'phlix.example', true],
  ['phlix.example', 'phlix.example', true],
  ['hub.phlix.example', 'tenants.phlix.example', true],
  ['hub.example', 'tenants.example', false],
  ['hub.example.co.uk', 'tenants.co.uk', false],
  ['hub.example.co.uk', 'tv.example.co.uk', true],
  // Names that strangers get are sites of their own.
  ['hub.duckdns.org', 'duckdns.org', false],
  ['hub.duckdns.org', 'hub.duckdns.org', true],
  ['hub.localhost', 'phlix.localhost', false],
])('%s and the servers below %s: one site is %s', (hubHost, tenantDomain, expected) => {
  expect(isSameSite({ hubHost, tenantDomain })).toBe(expected);
});
