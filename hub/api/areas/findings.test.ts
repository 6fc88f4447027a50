import { expect, test } from 'vitest';

import type { Presence } from '../../tunnels/presence.ts';
import { CheckupWishes } from './findings.ts';

/** Processes of one hub: `has` is the one that has the link. */
class Processes {
  readonly #listeners: ((id: string) => void)[] = [];
  readonly presences = new Map<string, Presence>();
  has: string | undefined;
  /** Of the agent, by whom it was asked. */
  readonly asked: string[] = [];

  async start(name: string): Promise<CheckupWishes> {
    const wishes = new CheckupWishes({
      ask: (id) => {
        const isHere = this.has === name && id === 'movies';
        if (isHere) this.asked.push(name);
        return isHere;
      },
      presence: { list: async () => this.presences },
      post: {
        tell: async (id) => this.#listeners.forEach((listener) => listener(id)),
        listen: async (listener) => {
          this.#listeners.push(listener);
          return () => undefined;
        },
      },
    });
    await wishes.listen();
    return wishes;
  }
}

test('a wish reaches the agent through whichever process has its link, once', async () => {
  const processes = new Processes();
  const [one, other] = [await processes.start('one'), await processes.start('other')];
  processes.presences.set('movies', { state: 'connected', since: new Date() });
  for (const has of ['one', 'other']) {
    processes.has = has;
    expect(await one.make('movies')).toBe(true);
    expect(await other.make('movies')).toBe(true);
  }
  expect(processes.asked).toEqual(['one', 'one', 'other', 'other']);
});

test('an agent that no process has a link of is asked by none', async () => {
  const processes = new Processes();
  const one = await processes.start('one');
  expect(await one.make('movies')).toBe(false);
  processes.presences.set('movies', { state: 'lost', lastSeenAt: new Date() });
  expect(await one.make('movies')).toBe(false);
});

test('an agent is asked six times in ten minutes, however many processes people ask', async () => {
  const processes = new Processes();
  const [one, other] = [await processes.start('one'), await processes.start('other')];
  processes.presences.set('movies', { state: 'connected', since: new Date() });
  processes.has = 'other';
  for (let press = 0; press < 5; press += 1) await one.make('movies');
  expect(await other.make('movies')).toBe(true);
  await expect(other.make('movies')).rejects.toMatchObject({
    code: 'api.busy',
    retryAfterMs: expect.any(Number),
  });
  await one.make('movies');
  await expect(one.make('movies')).rejects.toMatchObject({ code: 'api.busy' });
  expect(processes.asked).toHaveLength(6);
});
