import { networkInterfaces } from 'node:os';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import {
  defaultRoutesIpv4,
  defaultRoutesIpv6,
  NetworkWatch,
  type NetworkFacts,
} from './network-watch.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

const home: NetworkFacts = {
  addresses: new Set(['192.168.1.5', '2001:db8::5']),
  routes: ['eth0 0101A8C0 100'],
};

function watch(): { now: (facts: NetworkFacts) => void; changes: () => number; of: NetworkWatch } {
  let facts = home;
  let changes = 0;
  const watching = new NetworkWatch({ read: () => facts, onChange: () => (changes += 1) });
  return {
    now: (next) => {
      facts = next;
      vi.advanceTimersByTime(2000);
    },
    changes: () => changes,
    of: watching,
  };
}

test('a new address, a lost one and another default route are noticed, once each', () => {
  const { now, changes } = watch();
  now(home);
  expect(changes()).toBe(0);
  now({ ...home, addresses: new Set([...home.addresses, '10.0.0.1']) });
  expect(changes()).toBe(1);
  now(home);
  now(home);
  expect(changes()).toBe(2);
  now({ ...home, routes: ['wlan0 0101A8C0 600'] });
  expect(changes()).toBe(3);
});

test('the same in another order is no change', () => {
  const { now, changes } = watch();
  now({ ...home, addresses: new Set([...home.addresses].toReversed()) });
  expect(changes()).toBe(0);
});

test('it knows which addresses are left', () => {
  const { now, of } = watch();
  expect(of.has('192.168.1.5')).toBe(true);
  now({ ...home, addresses: new Set(['192.168.1.6']) });
  expect(of.has('192.168.1.5')).toBe(false);
});

test('where no address can be read, none is taken for gone', () => {
  const { now, of } = watch();
  now({ addresses: new Set(), routes: [] });
  expect(of.has('192.168.1.5')).toBe(true);
});

test('it is quiet once stopped', () => {
  const { now, changes, of } = watch();
  of.stop();
  now({ addresses: new Set(), routes: [] });
  expect(changes()).toBe(0);
});

test('link-local addresses bring no change: they come and go with containers', () => {
  const { now, changes, of } = watch();
  now({ ...home, addresses: new Set([...home.addresses, 'fe80::1']) });
  expect(changes()).toBe(0);
  expect(of.has('fe80::1%eth0')).toBe(true);
});

test('of the tables of the kernel the default routes are read', () => {
  const ipv4 = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    'eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0',
    'eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0',
    'tun0\t00000000\t0100000A\t0003\t0\t0\t50\t00000080\t0\t0\t0',
    '',
  ].join('\n');
  expect(defaultRoutesIpv4(ipv4)).toEqual(['eth0 0101A8C0 100']);
  const nothing = '0'.repeat(32);
  const router = 'fe800000000000000000000000000001';
  const ipv6 = [
    `20010db8000000000000000000000000 40 ${nothing} 00 ${nothing} 00000100 00000001 00000000 00000001     eth0`,
    `${nothing} 00 ${nothing} 00 ${router} 00000400 00000001 00000000 00450003     eth0`,
    `${nothing} 00 ${nothing} 00 ${nothing} ffffffff 00000001 00000000 00200200       lo`,
  ].join('\n');
  expect(defaultRoutesIpv6(ipv6)).toEqual([`eth0 ${router} 00000400`]);
});

test('what this machine has is what it reads by itself', () => {
  const watching = new NetworkWatch({ onChange: () => undefined });
  const [some] = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  expect(some === undefined || watching.has(some.address)).toBe(true);
  watching.stop();
});
