import { Buffer } from 'node:buffer';

import { describe, expect, test } from 'vitest';

import { Neighbours, shareOf, type NeighbourPost, type Shared } from './neighbours.ts';
import { Rate } from './rate.ts';

const key = 'account me';
const wholeBytesPerMs = 1000;

/** What one process says all hear, at once, and so does whoever says it. */
class Street {
  readonly listeners = new Set<(text: string) => void>();
  readonly said: string[] = [];
  isBlocked = false;
  readonly post: NeighbourPost = {
    tell: async (text) => {
      if (this.isBlocked) throw new Error('the database is away');
      this.said.push(text);
      for (const listener of this.listeners) listener(text);
    },
    listen: async (onText) => {
      this.listeners.add(onText);
      return () => void this.listeners.delete(onText);
    },
  };
}

class House {
  readonly rate = new Rate(wholeBytesPerMs / 125);
  readonly failures: unknown[] = [];
  shared: Shared[] = [];
  readonly neighbours: Neighbours;

  private constructor(street: Street, writer: string, nowMs: () => number) {
    this.neighbours = new Neighbours({
      writer,
      post: street.post,
      shared: () => this.shared,
      onFailure: (error) => void this.failures.push(error),
      nowMs,
    });
  }

  static async open(street: Street, writer: string, nowMs: () => number): Promise<House> {
    const house = new House(street, writer, nowMs);
    await house.neighbours.start();
    return house;
  }

  run(running: number, of = key): void {
    this.shared = running === 0 ? [] : [{ key: of, running, rate: this.rate }];
  }
}

async function twoHouses() {
  const street = new Street();
  let nowMs = 0;
  const clock = () => nowMs;
  const [one, other] = [
    await House.open(street, 'one', clock),
    await House.open(street, 'other', clock),
  ];
  return { street, one, other, pass: (ms: number) => (nowMs += ms), clock };
}

describe('processes of one hub', () => {
  test('know at the next look what runs elsewhere, and when it is over', async () => {
    const { one, other } = await twoHouses();
    one.run(3);
    await one.neighbours.look();
    expect(other.neighbours.runningElsewhere(key)).toBe(3);
    expect(one.neighbours.runningElsewhere(key)).toBe(0);
    one.run(2);
    await one.neighbours.look();
    expect(other.neighbours.runningElsewhere(key)).toBe(2);
    one.run(0);
    await one.neighbours.look();
    expect(other.neighbours.runningElsewhere(key)).toBe(0);
  });

  test('say nothing while nothing changes but once in a second, and nothing at all at rest', async () => {
    const { street, one, pass } = await twoHouses();
    for (let look = 0; look < 20; look++) await one.neighbours.look();
    expect(street.said).toEqual([]);
    one.run(1);
    for (let look = 0; look < 20; look++) {
      await one.neighbours.look();
      pass(100);
    }
    expect(street.said).toHaveLength(2);
  });

  test('count nothing any more of one that was killed, and of one that stops at once', async () => {
    const { one, other, pass } = await twoHouses();
    one.run(3);
    await one.neighbours.look();
    pass(3000);
    expect(other.neighbours.runningElsewhere(key)).toBe(3);
    pass(1000);
    expect(other.neighbours.runningElsewhere(key)).toBe(0);
    await one.neighbours.look();
    expect(other.neighbours.runningElsewhere(key)).toBe(3);
    await one.neighbours.stop();
    expect(other.neighbours.runningElsewhere(key)).toBe(0);
  });

  test('tell later what they could not tell, and complain once', async () => {
    const { street, one, other } = await twoHouses();
    one.run(3);
    street.isBlocked = true;
    await one.neighbours.look();
    await one.neighbours.look();
    expect(one.failures).toHaveLength(1);
    street.isBlocked = false;
    await one.neighbours.look();
    expect(other.neighbours.runningElsewhere(key)).toBe(3);
  });

  test('put into one message what fits, and pass over what they cannot read', async () => {
    const { street, one, other } = await twoHouses();
    one.shared = Array.from({ length: 300 }, (_, at) => ({
      key: `server 0193c0de-0000-7000-8000-${String(at).padStart(12, '0')}`,
      running: 99_999,
      rate: undefined,
    }));
    await one.neighbours.look();
    // NOTIFY refuses 8000.
    expect(Math.max(...street.said.map((text) => Buffer.byteLength(text)))).toBeLessThan(7900);
    const last = one.shared.at(-1)?.key ?? '';
    expect(other.neighbours.runningElsewhere(last)).toBe(99_999);
    for (const text of ['', 'x', 'x\n', 'x\nmany 1 held k', 'x\n1 1 perhaps k', '\n\n\n'])
      await street.post.tell(text);
    expect(other.neighbours.runningElsewhere('k')).toBe(0);
  });

  test('halve a rate when both want more than it, and give it back', async () => {
    const { one, other, pass, clock } = await twoHouses();
    const moveForASecond = async (houses: readonly House[]) => {
      for (const house of [one, other]) house.run(houses.includes(house) ? 1 : 0);
      for (const { rate } of houses) rate.take(2 * wholeBytesPerMs * 1000, clock());
      pass(1000);
      // Whoever looks first has not heard of the other yet.
      for (const { neighbours } of [one, other, one]) await neighbours.look();
    };
    await moveForASecond([one, other]);
    expect([one, other].map(({ rate }) => bytesPerMs(rate))).toEqual([500, 500]);
    await moveForASecond([one]);
    expect(bytesPerMs(one.rate)).toBe(wholeBytesPerMs);
  });
});

test.each([
  ['alone', [], 1000],
  ['beside one that wants all', [{ bytesPerMs: 900, isHeld: true }], 500],
  ['beside one that needs little', [{ bytesPerMs: 100, isHeld: false }], 900],
  ['beside one that moves nothing', [{ bytesPerMs: 0, isHeld: false }], 1000],
  ['beside one that has not heard yet of others', [{ bytesPerMs: 990, isHeld: false }], 500],
  [
    'beside one of each kind',
    [
      { bytesPerMs: 200, isHeld: false },
      { bytesPerMs: 400, isHeld: true },
    ],
    400,
  ],
])('a share %s', (_name, others, share) => {
  const loads = others.map((load) => ({ ...load, running: 1 }));
  expect(shareOf(1000, loads)).toBe(share);
});

/** By how much longer one waits for more of them. */
function bytesPerMs(rate: Rate): number {
  const bytes = 1e6;
  const [less, more] = [rate.take(bytes, 0), rate.take(bytes, 0)];
  return Math.round(bytes / (more - less));
}
