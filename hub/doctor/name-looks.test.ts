import { afterEach, expect, test } from 'vitest';

import { atTheEnd, closeExamined, examinedHub } from '../../test/support/examined-hub.ts';
import { TestDns } from '../../test/support/dns-server.ts';
import type { Verdict } from '../../shared/doctor/finding.ts';
import { nameLooks } from './name-looks.ts';

afterEach(closeExamined);

async function resolvers(count: number): Promise<TestDns[]> {
  const all = await Promise.all(Array.from({ length: count }, () => TestDns.start()));
  for (const dns of all) atTheEnd(() => dns.stop());
  return all;
}

/** The verdict on the hub's name, on a machine with these addresses. */
async function lookAtHub(
  servers: readonly TestDns[],
  addresses: readonly string[],
): Promise<Verdict | undefined> {
  const settings = {
    HUB_PUBLIC_URL: 'https://hub.example.org',
    HUB_TENANT_DOMAIN: 'films.example.net',
    HUB_DNS_RESOLVERS: servers.map(({ server }) => server).join(','),
    HUB_DNS_RESOLVERS_ONLY: '1',
  };
  return nameLooks['dns.hub'](await examinedHub(settings, { machine: { addresses } }));
}

test('a name that leads to this machine by both families is well', async () => {
  const [dns] = await resolvers(1);
  dns?.set('hub.example.org', 'A', '198.51.100.7');
  dns?.set('hub.example.org', 'AAAA', '2001:db8::7');
  const verdict = await lookAtHub(dns ? [dns] : [], ['198.51.100.7', '2001:db8::7']);
  expect(verdict).toMatchObject({ state: 'ok', message: expect.stringContaining('2001:db8::7') });
});

test('an address in front of a machine that has private ones is well; one beside public ones is doubtful', async () => {
  const [dns] = await resolvers(1);
  dns?.set('hub.example.org', 'A', '198.51.100.7');
  const asked = dns ? [dns] : [];
  expect((await lookAtHub(asked, ['192.168.1.5']))?.state).toBe('ok');
  expect((await lookAtHub(asked, ['203.0.113.9']))?.state).toBe('warning');
});

test('resolvers that say different things are named with what they say', async () => {
  const both = await resolvers(2);
  const [one, other] = both;
  one?.set('hub.example.org', 'A', '198.51.100.7');
  other?.set('hub.example.org', 'A', '198.51.100.8');
  const verdict = await lookAtHub(both, ['198.51.100.7']);
  expect(verdict?.state).toBe('warning');
  expect(verdict?.message).toContain(`${one?.server} says 198.51.100.7`);
  expect(verdict?.message).toContain(`${other?.server} says 198.51.100.8`);
});

test('a resolver that fails is no word against the others, and none at all is a failure of its own', async () => {
  const both = await resolvers(2);
  const [one, other] = both;
  one?.set('hub.example.org', 'A', '198.51.100.7');
  other?.misbehave('example.org', 'refused');
  expect((await lookAtHub(both, ['198.51.100.7']))?.state).toBe('ok');
  one?.misbehave('example.org', 'refused');
  expect(await lookAtHub(both, ['198.51.100.7'])).toMatchObject({
    state: 'failure',
    message: expect.stringContaining('No resolver answers'),
  });
});
