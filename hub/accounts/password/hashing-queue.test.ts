import { describe, expect, test } from 'vitest';

import { HashingQueue, type Comer } from './hashing-queue.ts';

/** Work that ends when it is told to, and what has begun. */
class Bench {
  readonly begun: string[] = [];
  readonly #queue: HashingQueue;
  readonly #ends = new Map<string, () => void>();

  constructor(limits: ConstructorParameters<typeof HashingQueue>[0]) {
    this.#queue = new HashingQueue(limits);
  }

  put(name: string, comer: Comer): Promise<string> {
    return this.#queue.run(() => {
      this.begun.push(name);
      return new Promise((resolve) => this.#ends.set(name, () => resolve(name)));
    }, comer);
  }

  async end(name: string): Promise<void> {
    await this.calm();
    this.#ends.get(name)?.();
    await this.calm();
  }

  /** Whoever can begin has begun. */
  async calm(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  requireRoom(comer: Comer): void {
    this.#queue.requireRoom(comer);
  }
}

describe('a queue for hashes', () => {
  test('keeps places that no stranger gets', async () => {
    const bench = new Bench({ atOnce: 3, strangersAtOnce: 1, queued: 8 });
    const all = [bench.put('s1', 'stranger'), bench.put('s2', 'stranger')];
    all.push(bench.put('k1', 'known'), bench.put('k2', 'known'), bench.put('k3', 'known'));
    await bench.calm();
    expect(bench.begun).toEqual(['s1', 'k1', 'k2']);
    await bench.end('k1');
    expect(bench.begun).toEqual(['s1', 'k1', 'k2', 'k3']);
    await bench.end('k2');
    expect(bench.begun).not.toContain('s2');
    await bench.end('s1');
    expect(bench.begun).toEqual(['s1', 'k1', 'k2', 'k3', 's2']);
    for (const name of ['k3', 's2']) await bench.end(name);
    expect(await Promise.all(all)).toEqual(['s1', 's2', 'k1', 'k2', 'k3']);
  });

  test('calls whom it knows before strangers who came earlier', async () => {
    const bench = new Bench({ atOnce: 1, queued: 8 });
    const all = [bench.put('s1', 'stranger'), bench.put('s2', 'stranger')];
    all.push(bench.put('k1', 'known'));
    for (const name of ['s1', 'k1', 's2']) await bench.end(name);
    expect(bench.begun).toEqual(['s1', 'k1', 's2']);
    await Promise.all(all);
  });

  test('that is full of strangers has room for whom it knows', async () => {
    const bench = new Bench({ atOnce: 1, queued: 2 });
    const all = ['s1', 's2', 's3'].map((name) => bench.put(name, 'stranger'));
    expect(() => bench.requireRoom('stranger')).toThrow('try again in a few seconds');
    await expect(bench.put('s4', 'stranger')).rejects.toMatchObject({ code: 'login.busy' });
    expect(() => bench.requireRoom('known')).not.toThrow();
    all.push(bench.put('k1', 'known'));
    for (const name of ['s1', 'k1', 's2', 's3']) await bench.end(name);
    expect(bench.begun).toEqual(['s1', 'k1', 's2', 's3']);
    await Promise.all(all);
  });

  test('gives a place back whose work failed', async () => {
    const queue = new HashingQueue({ atOnce: 1, queued: 1 });
    const failing = queue.run(() => Promise.reject(new Error('no memory')), 'stranger');
    await expect(failing).rejects.toThrow('no memory');
    expect(await queue.run(async () => 'done', 'stranger')).toBe('done');
  });
});
