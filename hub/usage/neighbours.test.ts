import { Buffer } from 'node:buffer';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { Neighbours, shareOf, type NeighbourPost, type Shared } from './neighbours.ts';
import { Rate } from './rate.ts';

const key = 'account me';
const wholeBytesPerMs = 1000;

/** What one process says all hear, at once, and so does whoever says it. */
class Street {
  readonly listeners = new Set<(text: string | undefined) => void>();
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

  /** As of one process whose connection to the database is cut, until it is there again. */
  branch() {
    const heard = new Set<(text: string | undefined) => void>();
    const line = { isCut: false, isDeaf: false };
    const post: NeighbourPost = {
      tell: async (text) => (line.isCut ? undefined : this.post.tell(text)),
      listen: async (onText) => {
        heard.add(onText);
        return this.post.listen((text) => {
          if (!line.isCut && !line.isDeaf) onText(text);
        });
      },
    };
    const hearAgain = (): void => {
      line.isDeaf = false;
      for (const onText of heard) onText(undefined);
    };
    return { post, line, hearAgain };
  }
}

class House {
  readonly rate = new Rate(wholeBytesPerMs / 125);
  readonly failures: unknown[] = [];
  shared: Shared[] = [];
  readonly neighbours: Neighbours;

  private constructor(street: Pick<Street, 'post'>, writer: string, nowMs?: () => number) {
    this.neighbours = new Neighbours({
      writer,
      post: street.post,
      shared: () => this.shared,
      onFailure: (error) => void this.failures.push(error),
      ...(nowMs !== undefined && { nowMs }),
    });
  }

  static async open(
    street: Pick<Street, 'post'>,
    writer: string,
    nowMs?: () => number,
  ): Promise<House> {
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

/** With the timers that it has in a hub. */
async function moveIn(street: Pick<Street, 'post'>, writer: string, running: number) {
  const house = await House.open(street, writer);
  // The limit is there whether anything runs or not.
  house.shared = [{ key, running, rate: house.rate }];
  house.neighbours.follow();
  return house;
}

const pass = async (ms: number): Promise<void> => void (await vi.advanceTimersByTimeAsync(ms));
const isLoad = (text: string): boolean => / (held|free) /.test(text);

/** Nobody has answered its question. */
async function aloneFor(ms: number) {
  const street = new Street();
  const branch = street.branch();
  const one = await moveIn(branch, 'one', 3);
  await pass(ms);
  street.said.length = 0;
  return { street, ...branch, one };
}

describe('a process that follows limits', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('asks twice in a minute who is there while it is alone, whatever it moves, and says nothing else', async () => {
    const { street, one } = await aloneFor(10_000);
    for (let second = 0; second < 600; second++) {
      one.run(1 + (second % 5));
      one.rate.take(2 * wholeBytesPerMs * 1000, performance.now());
      await pass(1000);
    }
    expect(street.said.length).toBeLessThanOrEqual(20);
    expect(street.said.filter(isLoad)).toEqual([]);
    expect(bytesPerMs(one.rate)).toBe(wholeBytesPerMs);
  });

  test('learns within a look what runs at one that was alone, and the other of it', async () => {
    const { street, one } = await aloneFor(125_000);
    const other = await moveIn(street, 'other', 2);
    await pass(100);
    expect(other.neighbours.runningElsewhere(key)).toBe(3);
    expect(one.neighbours.runningElsewhere(key)).toBe(2);
    one.run(4);
    await pass(100);
    expect(other.neighbours.runningElsewhere(key)).toBe(4);
  });

  test('hears of what begins within a look, though both were at rest for an hour', async () => {
    const { street, one } = await aloneFor(10_000);
    const other = await moveIn(street, 'other', 0);
    one.shared = other.shared;
    await pass(3_600_000);
    street.said.length = 0;
    await pass(60_000);
    expect(street.said.length).toBeLessThanOrEqual(6);
    for (const [house, neighbour] of [[one, other] as const, [other, one] as const]) {
      house.run(3);
      await pass(100);
      expect(neighbour.neighbours.runningElsewhere(key)).toBe(3);
    }
  });

  test('says no more than its question soon after the last other one was killed', async () => {
    const { street, one } = await aloneFor(10_000);
    const branch = street.branch();
    await moveIn(branch, 'other', 2);
    await pass(2000);
    expect(street.said.filter(isLoad).length).toBeGreaterThan(2);
    branch.line.isCut = true;
    await pass(35_000);
    expect(one.neighbours.runningElsewhere(key)).toBe(0);
    street.said.length = 0;
    await pass(60_000);
    expect(street.said.length).toBeLessThanOrEqual(2);
    expect(street.said.filter(isLoad)).toEqual([]);
  });

  test('finds at once whoever came while it could not hear', async () => {
    const { street, one, line, hearAgain } = await aloneFor(10_000);
    line.isDeaf = true;
    const other = await moveIn(street, 'other', 2);
    await pass(100);
    expect(one.neighbours.runningElsewhere(key)).toBe(0);
    hearAgain();
    await pass(100);
    expect(one.neighbours.runningElsewhere(key)).toBe(2);
    expect(other.neighbours.runningElsewhere(key)).toBe(3);
  });

  test('asks once in a second, not at every look, while the database is away, and knows all when it is back', async () => {
    const { street } = await aloneFor(10_000);
    street.isBlocked = true;
    const tell = vi.spyOn(street.post, 'tell');
    const other = await moveIn(street, 'other', 0);
    await pass(10_000);
    expect(tell.mock.calls.length).toBeLessThanOrEqual(12);
    street.isBlocked = false;
    await pass(1100);
    expect(other.neighbours.runningElsewhere(key)).toBe(3);
    expect(other.failures).toHaveLength(1);
  });

  test('tells all at once when it hears of another that did not ask', async () => {
    const { street } = await aloneFor(10_050);
    await street.post.tell(`other\n1 0 free ${key}`);
    await pass(100);
    expect(street.said.filter(isLoad)).toContainEqual(expect.stringMatching(/^one\n3 /));
  });

  test('keeps nothing of one that was killed, also of what nobody asks for', async () => {
    const { street, one } = await aloneFor(10_000);
    const branch = street.branch();
    const other = await moveIn(branch, 'other', 1);
    other.shared = Array.from({ length: 50 }, (_, at) => {
      return { key: `server ${at}`, running: 1, rate: undefined };
    });
    await pass(1000);
    expect(one.neighbours.subjectsElsewhere).toBe(50);
    branch.line.isCut = true;
    await pass(5000);
    expect(one.neighbours.subjectsElsewhere).toBe(0);
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
