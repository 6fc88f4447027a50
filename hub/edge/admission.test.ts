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
  const roomy = new Admission({ ...limits, connectionsPerAddress: 9, connectionsPerTunnel: 9 });
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

const usual = {
  connectionsPerAddress: 64,
  connectionsPerTunnel: 512,
  streamsPerTunnel: 256,
  streamsPerVisitor: 128,
};

it('gives one address alone its whole share of streams and of connections', () => {
  const admission = new Admission(usual);
  const one = new Set<string>();
  const streams = Array.from({ length: 200 }, () => admission.openStream('t', one, 'a'));
  expect(streams.filter(Boolean)).toHaveLength(128);
  const connections = Array.from({ length: 200 }, () => {
    const isIn = admission.openStream('u', new Set(), 'a');
    if (isIn) admission.closeStream('u', 'a');
    return isIn;
  });
  expect(connections.filter(Boolean)).toHaveLength(64);
});

it.each([
  ['streams', 8],
  ['connections', 30],
])('leaves %s for whoever comes next when %i addresses take all they can', (what, addresses) => {
  const admission = new Admission(usual);
  const visit = (bucket: string, connection: Set<string>): boolean => {
    const isIn = admission.openStream('t', connection, bucket);
    if (isIn && what === 'connections') admission.closeStream('t', bucket);
    return isIn;
  };
  for (let greedy = 0; greedy < addresses; greedy += 1) {
    const shared = new Set<string>();
    const next = () => (what === 'streams' ? shared : new Set<string>());
    let taken = 0;
    while (visit(`greedy ${greedy}`, next())) taken += 1;
    expect(taken).toBeGreaterThan(0);
  }
  expect(visit('visitor', new Set())).toBe(true);
});
