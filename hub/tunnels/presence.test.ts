import { EventEmitter, on } from 'node:events';

import { afterEach, expect, test } from 'vitest';

import { PresenceReporter, type PresenceStore } from './presence.ts';

const deadlineMs = 5000;
let reporter: PresenceReporter | undefined;

afterEach(async () => reporter?.stop());

/** A store that keeps what it was told, and fails when asked to. */
class Told {
  readonly failures: unknown[] = [];
  /** What whoever watches heard, as soon as the store had it. */
  readonly heard: string[][] = [];
  isFailing = false;
  isOver = false;
  readonly #events = new EventEmitter();
  readonly #tellings = on(this.#events, 'told', { signal: AbortSignal.timeout(deadlineMs) });
  readonly store: PresenceStore = {
    begin: async () => ({
      tell: async (connected) => {
        const ids = [...connected.keys()];
        this.#events.emit('told', ids);
        if (this.isFailing) throw new Error('away');
      },
      end: async () => void (this.isOver = true),
    }),
    list: async () => new Map(),
  };

  async start(beatMs?: number): Promise<ReturnType<PresenceReporter['noting']>> {
    const onFailure = (error: unknown) => void this.failures.push(error);
    const watcher = { onTold: (ids: Iterable<string>) => void this.heard.push([...ids]) };
    const times = beatMs && { beatMs };
    reporter = new PresenceReporter({ store: this.store, onFailure, watcher, ...times });
    await reporter.start();
    return reporter.noting({ attach: () => undefined, detach: () => undefined });
  }

  async next(): Promise<string[]> {
    const { value } = (await this.#tellings.next()) as { value: [string[]] };
    return value[0];
  }
}

test('a server is told when its first link comes and when its last one goes, twice or once', async () => {
  const told = new Told();
  const links = await told.start();
  const [first, second] = [{}, {}];
  links.attach('movies', first);
  expect(await told.next()).toEqual(['movies']);
  links.attach('movies', second);
  links.detach('movies', first);
  links.detach('movies', first);
  links.attach('music', first);
  expect(await told.next()).toEqual(['movies', 'music']);
  links.detach('movies', second);
  expect(await told.next()).toEqual(['music']);
});

test('what comes at once is told at once, and all of it', async () => {
  const told = new Told();
  const links = await told.start();
  for (const id of ['a', 'b', 'c']) links.attach(id, {});
  expect(await told.next()).toEqual(['a', 'b', 'c']);
});

test('a sign of life is given while nothing changes, also when the store fails', async () => {
  const told = new Told();
  const links = await told.start(5);
  told.isFailing = true;
  links.attach('movies', {});
  expect(await told.next()).toEqual(['movies']);
  expect(await told.next()).toEqual(['movies']);
  told.isFailing = false;
  expect(await told.next()).toEqual(['movies']);
  expect(told.failures.length).toBeGreaterThan(0);
});

test('who came or went is passed on once the store has it, and not before', async () => {
  const told = new Told();
  const links = await told.start(5);
  told.isFailing = true;
  const link = {};
  links.attach('movies', link);
  await told.next();
  expect(await told.next()).toEqual(['movies']);
  expect(told.heard).toEqual([]);
  told.isFailing = false;
  await expect.poll(() => told.heard).toEqual([['movies']]);
  links.detach('movies', link);
  await expect.poll(() => told.heard).toEqual([['movies'], ['movies']]);
});

test('the run ends when the hub stops', async () => {
  const told = new Told();
  await told.start();
  await reporter?.stop();
  expect(told.isOver).toBe(true);
});
