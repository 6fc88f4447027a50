import { describe, expect, test, vi } from 'vitest';

import { TestLink } from '../../test/support/test-link.ts';
import { defaultSwitches } from './server.ts';
import { Tunnel } from './tunnel.ts';

const never = new AbortController().signal;
const link = (epoch: bigint, slot: number): TestLink => new TestLink('key', { epoch, slot });
const tunnelOf = (...links: TestLink[]): Tunnel => {
  const tunnel = new Tunnel('1', defaultSwitches, 1000);
  for (const one of links) tunnel.attach(one);
  return tunnel;
};

describe('links of one agent', () => {
  test('stand side by side when they are of one process', () => {
    const links = [link(1n, 0), link(1n, 1), link(1n, 7)];
    expect(tunnelOf(...links).links).toEqual(links);
  });

  test('give way, slot by slot, to a newer one of the same process (P14)', () => {
    const [dead, other, newer] = [link(1n, 0), link(1n, 1), link(1n, 0)];
    expect(tunnelOf(dead, other, newer).links).toEqual([other, newer]);
    expect([dead.ended, other.ended, newer.ended]).toEqual([['replaced'], [], []]);
  });

  test('that were asked to move are drained, not cut, by the link that comes for them (P54)', () => {
    const [moving, successor] = [link(1n, 0), link(1n, 0)];
    moving.isMoving = true;
    tunnelOf(moving, successor);
    expect(moving.ended).toEqual(['draining']);
  });

  test('that were admitted first but arrive last are turned away, and nobody is alarmed', () => {
    const [earlier, later] = [link(1n, 0), link(1n, 0)];
    const tunnel = tunnelOf(later);
    expect(tunnel.attach(earlier)).toBeUndefined();
    expect([earlier.ended, later.ended]).toEqual([['replaced'], []]);
  });

  test('give way together to the first of a later process (P14)', () => {
    const [first, second, successor] = [link(1n, 0), link(1n, 1), link(2n, 1)];
    expect(tunnelOf(first, second, successor).links).toEqual([successor]);
    expect([first.ended, second.ended]).toEqual([['replaced'], ['replaced']]);
  });

  test('of an earlier process are turned away while a later one is there, in any slot', () => {
    const [winner, loser] = [link(2n, 0), link(1n, 1)];
    const tunnel = tunnelOf(winner);
    expect(tunnel.attach(loser)).toBe(winner);
    expect([winner.ended, loser.ended]).toEqual([[], ['replaced']]);
    tunnel.detach(winner);
    expect(tunnel.attach(loser)).toBeUndefined();
    expect(tunnel.links).toEqual([loser]);
  });

  test('end as revoked when another key is the server’s now', () => {
    const former = link(1n, 0);
    const tunnel = tunnelOf(former);
    tunnel.keepOnly('key');
    expect(tunnel.links).toEqual([former]);
    tunnel.keepOnly('another');
    expect([former.ended, tunnel.links]).toEqual([['revoked'], []]);
  });
});

describe('the next link is expected', () => {
  test('when a line broke, for the time of grace', () => {
    vi.useFakeTimers();
    try {
      const [first, second] = [link(1n, 0), link(1n, 1)];
      const tunnel = tunnelOf(first, second);
      tunnel.detach(first);
      expect(tunnel.awaitedMs).toBe(0);
      tunnel.detach(second);
      expect(tunnel.awaitedMs).toBe(1000);
      vi.advanceTimersByTime(400);
      tunnel.detach(second);
      expect(tunnel.awaitedMs).toBe(600);
      vi.advanceTimersByTime(600);
      expect(tunnel.awaitedMs).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test('not when the agent said that it goes, nor when its server was revoked', () => {
    const leaving = link(1n, 0);
    leaving.isLeaving = true;
    const tunnel = tunnelOf(leaving);
    tunnel.detach(leaving);
    expect(tunnel.awaitedMs).toBe(0);
    tunnel.attach(link(1n, 0));
    tunnel.close();
    expect(tunnel.awaitedMs).toBe(0);
  });
});

describe('whoever waits for a link', () => {
  test('has it at once when there is one', async () => {
    const there = link(1n, 0);
    expect(await tunnelOf(there).nextLink(never)).toBe(there);
  });

  test('has the first that comes, and so have all who wait', async () => {
    const tunnel = tunnelOf();
    const waiting = [tunnel.nextLink(never), tunnel.nextLink(never)];
    const next = link(1n, 0);
    tunnel.attach(next);
    expect(await Promise.all(waiting)).toEqual([next, next]);
  });

  test('hears nothing of a link that was turned away', async () => {
    const winner = link(2n, 0);
    const tunnel = tunnelOf(winner);
    tunnel.detach(winner);
    const waiting = tunnel.nextLink(never);
    tunnel.attach(winner);
    tunnel.attach(link(1n, 1));
    expect(await waiting).toBe(winner);
  });

  test('has nothing once it gives up', async () => {
    const patience = new AbortController();
    const tunnel = tunnelOf();
    const waiting = tunnel.nextLink(patience.signal);
    patience.abort();
    expect(await waiting).toBeUndefined();
    expect(await tunnel.nextLink(patience.signal)).toBeUndefined();
  });

  test('has nothing when the server’s life ends, then or later', async () => {
    const tunnel = tunnelOf();
    const waiting = tunnel.nextLink(never);
    tunnel.close();
    expect(await waiting).toBeUndefined();
    expect(await tunnel.nextLink(never)).toBeUndefined();
  });
});
