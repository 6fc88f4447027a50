import { expect, it } from 'vitest';

import { Admission } from './admission.ts';

const limits = {
  connectionsPerAddress: 2,
  connectionsPerTunnel: 2,
  streamsPerTunnel: 3,
  streamsPerVisitor: 2,
};
const nothing = { addresses: 0, tunnels: 0, busyTunnels: 0, busyVisitors: 0 };

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
  expect(admission.openStream('t', one, undefined)).toBe(true);
  expect(admission.openStream('t', one, undefined)).toBe(true);
  admission.closeStream('t', undefined);
  expect(admission.openStream('t', two, undefined)).toBe(true);
  admission.closeStream('t', undefined);
  expect(admission.openStream('t', three, undefined)).toBe(false);
  expect(admission.openStream('u', three, undefined)).toBe(true);
  admission.leaveTunnels(two);
  expect(admission.openStream('t', three, undefined)).toBe(true);
});

it('takes no more streams of a tunnel than its limit', () => {
  const admission = new Admission(limits);
  const visited = new Set<string>();
  expect([1, 2, 3, 4].map(() => admission.openStream('t', visited, undefined))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  admission.closeStream('t', undefined);
  expect(admission.openStream('t', visited, undefined)).toBe(true);
});

it('leaves one visitor, with however many connections, a share of a tunnel and no more', () => {
  const roomy = new Admission({ ...limits, connectionsPerTunnel: 9 });
  expect([1, 2, 3].map(() => roomy.openStream('t', new Set(), 'a'))).toEqual([true, true, false]);
  expect(roomy.openStream('t', new Set(), 'b')).toBe(true);
  roomy.closeStream('t', 'a');
  expect(roomy.openStream('t', new Set(), 'a')).toBe(true);
  expect(roomy.openStream('u', new Set(), 'a')).toBe(true);
});

it('remembers nothing once all is given back', () => {
  const admission = new Admission(limits);
  const visited = new Set<string>();
  admission.openConnection('a');
  admission.openStream('t', visited, undefined);
  admission.closeStream('t', undefined);
  admission.openStream('t', visited, 'a');
  admission.closeStream('t', 'a');
  admission.leaveTunnels(visited);
  admission.leaveTunnels(visited);
  admission.closeConnection('a');
  expect(admission.counted).toEqual(nothing);
});
