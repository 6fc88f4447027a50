import { randomUUID } from 'node:crypto';

import { describe } from 'vitest';

import { AccountError } from '../../hub/accounts/account-error.ts';
import { Guard } from '../../hub/accounts/login/guard.ts';
import { HashingQueue } from '../../hub/accounts/password/hashing-queue.ts';
import type { HubConfig } from '../../hub/config.ts';
import { memoryGuardStore } from '../support/memory-guard-store.ts';
import { goodPassword, strangerAt, type TestPeople } from '../support/people.ts';
import { testBehaviours, type Behaviour } from './behaviour.ts';
import { codeOf, dayMs, minuteMs, peopleOf, useDatabase } from './people-rooms.ts';

const wrong = 'seven moons eat a violet tractor';
const attacker = '192.0.2.9';

useDatabase();

/** Wrong passwords until the guard answers instead; `of` says whose and whence. */
async function triesOf(
  people: TestPeople,
  most: number,
  of: (count: number) => { name: string; address: string },
): Promise<number> {
  for (let count = 0; count < most; count++) {
    const { name, address } = of(count);
    const code = await codeOf(people.tryPassword(name, wrong, strangerAt(address)));
    if (code === 'login.locked') return count;
  }
  return most;
}

const fromOneAddress = (count: number) => ({ name: `n${count}`, address: attacker });
const toOneAccount = (count: number) => ({ name: 'robin', address: `198.51.100.${count + 1}` });

async function waitOf(tried: Promise<unknown>): Promise<number | undefined> {
  return tried.then(
    () => undefined,
    (error: unknown) => (error instanceof AccountError ? error.retryAfterMs : undefined),
  );
}

/** The second factor of Robin, guessed at: how often, and how long nobody may then. */
async function factorGuesses(people: TestPeople): Promise<{ tries: number; waitMs: number }> {
  const subject = randomUUID();
  for (let tries = 0; tries < 100; tries++) {
    const visit = strangerAt(`198.51.100.${tries + 1}`);
    try {
      (await people.guard.admit({ visit, stage: 'factor', subject })).fail();
    } catch (error) {
      return { tries, waitMs: error instanceof AccountError ? (error.retryAfterMs ?? 0) : -1 };
    }
  }
  return { tries: 100, waitMs: 0 };
}

const guessing: readonly Behaviour[] = [
  {
    name: 'HUB_LIMIT_LOGIN_ADDRESS_FAILURES',
    value: '3',
    usual: 10,
    changed: 3,
    look: async (config) => triesOf(await peopleOf(config), 12, fromOneAddress),
  },
  {
    name: 'HUB_LIMIT_LOGIN_ADDRESS_WINDOW',
    value: '5m',
    usual: 9,
    changed: 10,
    async look(config) {
      const people = await peopleOf(config);
      await triesOf(people, 1, fromOneAddress);
      people.later(6 * minuteMs);
      const more = (count: number) => ({ ...fromOneAddress(count), name: `m${count}` });
      return triesOf(people, 10, more);
    },
  },
  {
    name: 'HUB_LIMIT_LOGIN_ADDRESS_BLOCK',
    value: '1m',
    usual: 15 * minuteMs,
    changed: minuteMs,
    async look(config) {
      const people = await peopleOf(config);
      await triesOf(people, 11, fromOneAddress);
      return waitOf(people.tryPassword('robin', goodPassword, strangerAt(attacker)));
    },
  },
  {
    name: 'HUB_LIMIT_LOGIN_ADDRESS_DAILY',
    value: '10',
    usual: [false],
    changed: [true],
    async look(config) {
      const people = await peopleOf(config);
      await triesOf(people, 11, fromOneAddress);
      return people.closed.map(({ isForDays }) => isForDays);
    },
  },
  {
    name: 'HUB_LIMIT_LOGIN_ADDRESS_BAN',
    value: '2d',
    beside: { HUB_LIMIT_LOGIN_ADDRESS_DAILY: '10' },
    usual: 30 * dayMs,
    changed: 2 * dayMs,
    async look(config) {
      const people = await peopleOf(config);
      await triesOf(people, 11, fromOneAddress);
      return waitOf(people.tryPassword('robin', goodPassword, strangerAt(attacker)));
    },
  },
  {
    name: 'HUB_LIMIT_LOGIN_ACCOUNT_FAILURES',
    value: '2',
    usual: 5,
    changed: 2,
    look: async (config) => triesOf(await peopleOf(config), 7, toOneAccount),
  },
  {
    name: 'HUB_LIMIT_LOGIN_ACCOUNT_WINDOW',
    value: '5m',
    usual: 'login.locked',
    changed: 'login.failed',
    async look(config) {
      const people = await peopleOf(config);
      await triesOf(people, 4, toOneAccount);
      people.later(10 * minuteMs);
      await triesOf(people, 1, () => ({ name: 'robin', address: '203.0.113.1' }));
      return codeOf(people.tryPassword('robin', wrong, strangerAt('203.0.113.99')));
    },
  },
  {
    name: 'HUB_LIMIT_LOGIN_SLOW',
    value: '5s',
    usual: 30_000,
    changed: 5000,
    async look(config) {
      const people = await peopleOf(config);
      await triesOf(people, 6, toOneAccount);
      return waitOf(people.tryPassword('robin', wrong, strangerAt('203.0.113.99')));
    },
  },
  {
    name: 'HUB_LIMIT_LOGIN_FACTOR_FAILURES',
    value: '2',
    usual: 5,
    changed: 2,
    look: async (config) => (await factorGuesses(await peopleOf(config))).tries,
  },
  {
    name: 'HUB_LIMIT_LOGIN_FACTOR_WINDOW',
    value: '1m',
    usual: 15 * minuteMs,
    changed: minuteMs,
    look: async (config) => (await factorGuesses(await peopleOf(config))).waitMs,
  },
  {
    name: 'HUB_LIMIT_LOGIN_COUNTED',
    value: '2000',
    usual: [100_000],
    changed: [2000],
    async look({ people: { limits } }) {
      const kept: number[] = [];
      const store = {
        ...memoryGuardStore(),
        sweep: async (_now: Date, most: number) => void kept.push(most),
      };
      const guard = new Guard({ store, limits });
      for (let count = 0; count < 1000; count++) {
        const visit = strangerAt(`10.0.${count >> 8}.${count & 255}`);
        await guard.admit({ visit, stage: 'password', subject: undefined });
      }
      return kept;
    },
  },
  {
    name: 'HUB_LIMIT_LOGIN_HASHES',
    value: '2',
    usual: { begun: 4, waiting: 32 },
    changed: { begun: 2, waiting: 32 },
    look: hashing,
  },
  {
    name: 'HUB_LIMIT_LOGIN_QUEUE',
    value: '3',
    usual: { begun: 4, waiting: 32 },
    changed: { begun: 4, waiting: 3 },
    look: hashing,
  },
];

/** Fifty passwords at once, none of which is ever done. */
async function hashing({ people: { limits } }: HubConfig): Promise<object> {
  const queue = new HashingQueue({ atOnce: limits.hashesAtOnce, queued: limits.hashesQueued });
  let begun = 0;
  let refused = 0;
  for (let count = 0; count < 50; count++) {
    const work = async (): Promise<void> => {
      begun += 1;
      await new Promise(() => undefined);
    };
    queue.run(work, 'known').catch(() => (refused += 1));
  }
  await new Promise(setImmediate);
  return { begun, waiting: 50 - begun - refused };
}

describe('how often people may fail', () => {
  testBehaviours(guessing);
});
