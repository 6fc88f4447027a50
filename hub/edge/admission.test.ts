import { expect, it } from 'vitest';

import { Admission } from './admission.ts';

const limits = { connectionsPerAddress: 2, connectionsPerTunnel: 2, streamsPerTunnel: 3 };
const nothing = { addresses: 0, tunnels: 0, busyTunnels: 0 };

it('takes as many connections of an address as its limit, and one more for each that closed', () => {
  const admission = new Admission(limits);
  expect([1, 2, 3].map(() => admission.openConnection('a'))).toEqual([true, true, false]);
  expect(admission.openConnection('b')).toBe(true);
  admission.closeConnection('a');
  expect([1, 2].map(() => admission.openConnection('a'))).toEqual([true, false]);
});

it('counts a connection once for each tunnel it visits', () => {
  const admission = new Admission(limits);
  const [one, two, three] = [new Set<string>(), new Set<string>(), new Set<string>()];
  expect(admission.openStream('t', one)).toBe(true);
  expect(admission.openStream('t', one)).toBe(true);
  admission.closeStream('t');
  expect(admission.openStream('t', two)).toBe(true);
  admission.closeStream('t');
  expect(admission.openStream('t', three)).toBe(false);
  expect(admission.openStream('u', three)).toBe(true);
  admission.leaveTunnels(two);
  expect(admission.openStream('t', three)).toBe(true);
});

it('takes no more streams of a tunnel than its limit', () => {
  const admission = new Admission(limits);
  const visited = new Set<string>();
  expect([1, 2, 3, 4].map(() => admission.openStream('t', visited))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  admission.closeStream('t');
  expect(admission.openStream('t', visited)).toBe(true);
});

it('remembers nothing once all is given back', () => {
  const admission = new Admission(limits);
  const visited = new Set<string>();
  admission.openConnection('a');
  admission.openStream('t', visited);
  admission.closeStream('t');
  admission.leaveTunnels(visited);
  admission.leaveTunnels(visited);
  admission.closeConnection('a');
  expect(admission.counted).toEqual(nothing);
});
