import { randomUUID } from 'node:crypto';

import { generateSync } from 'otplib';
import { afterAll, beforeAll, describe } from 'vitest';

import { AccountError } from '../../hub/accounts/account-error.ts';
import { Guard } from '../../hub/accounts/login/guard.ts';
import { HashingQueue } from '../../hub/accounts/password/hashing-queue.ts';
import type { HubConfig } from '../../hub/config.ts';
import { databaseKinds, type TestDatabase } from '../support/databases.ts';
import { doer, openFactorRooms } from '../support/factors.ts';
import { memoryGuardStore } from '../support/memory-guard-store.ts';
import { goodPassword, strangerAt, TestPeople } from '../support/people.ts';
import { testBehaviours, type Behaviour, missing } from './behaviour.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const wrong = 'seven moons eat a violet tractor';
const attacker = '192.0.2.9';

let opened: TestDatabase;
beforeAll(async () => {
  opened = await (databaseKinds['the embedded PostgreSQL'] ?? missing)();
}, 120_000);
afterAll(() => opened.close());

/** The rooms of people with these settings, nobody in them but the owner Robin and the admin Ada. */
async function peopleOf({ people, travel }: HubConfig): Promise<TestPeople> {
  const { limits, stepUp: policy } = people;
  const { action: travelAction, limits: travelLimits } = travel;
  const made = new TestPeople(opened.database, { limits, policy, travelAction, travelLimits });
  await made.clear();
  await made.add('robin');
  await made.add('ada', { role: 'admin' });
  return made;
}

/** `code`, or what came of it. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: unknown) => (error instanceof AccountError ? error.code : 'another failure'),
  );
}

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

/** Whether a login of theirs is still one after a while without use. */
async function lives(config: HubConfig, name: string, restMs: number): Promise<boolean> {
  const people = await peopleOf(config);
  const { secret } = await people.enter(name);
  people.later(restMs);
  return (await people.logins.find(secret, strangerAt())) !== undefined;
}

async function lifeMs(config: HubConfig, name: string): Promise<number> {
  const { login } = await (await peopleOf(config)).enter(name);
  return login.endsAt.getTime() - login.createdAt.getTime();
}

const demands = (['small', 'config', 'destructive'] as const).map((level) => ({
  level,
  action: 'servers.rename',
  target: 'a',
}));

const lasting: readonly Behaviour[] = [
  {
    name: 'HUB_LIMIT_LOGIN_TIME',
    value: '1m',
    usual: true,
    changed: false,
    async look(config) {
      const people = await peopleOf(config);
      const { secret } = await people.transactions.open(undefined);
      people.later(5 * minuteMs);
      return (await people.transactions.find(secret)) !== undefined;
    },
  },
  {
    name: 'HUB_LIMIT_LOGIN_IDLE',
    value: '1d',
    usual: true,
    changed: false,
    look: async (config) => lives(config, 'robin', 2 * dayMs),
  },
  {
    name: 'HUB_LIMIT_LOGIN_LIFE',
    value: '2d',
    usual: 30 * dayMs,
    changed: 2 * dayMs,
    look: async (config) => lifeMs(config, 'robin'),
  },
  {
    name: 'HUB_LIMIT_LOGIN_ADMIN_IDLE',
    value: '10m',
    usual: true,
    changed: false,
    look: async (config) => lives(config, 'ada', 30 * minuteMs),
  },
  {
    name: 'HUB_LIMIT_LOGIN_ADMIN_LIFE',
    value: '1h',
    usual: 12 * hourMs,
    changed: hourMs,
    look: async (config) => lifeMs(config, 'ada'),
  },
  {
    name: 'HUB_LIMIT_LOGINS_PER_ACCOUNT',
    value: '2',
    usual: 3,
    changed: 2,
    async look(config) {
      const people = await peopleOf(config);
      for (let count = 0; count < 3; count++) await people.enter('robin');
      const robin = await people.accounts.findByName('robin');
      return robin && (await people.logins.list(robin)).length;
    },
  },
  {
    name: 'HUB_LIMIT_STEP_UP_TIME',
    value: '1m',
    usual: 'ok',
    changed: 'login.expired',
    async look(config) {
      const people = await peopleOf(config);
      const robin = await people.enter('robin');
      people.factors.set(robin.account.id, ['totp']);
      const [, change = demands[0]] = demands;
      const error: unknown = await people.stepUp
        .require(robin.login, change ?? missing())
        .catch((reason: unknown) => reason);
      const id = error instanceof AccountError ? error.challenge?.id : undefined;
      people.later(5 * minuteMs);
      const proof = { method: 'totp', code: 'right' } as const;
      return codeOf(people.stepUp.prove(robin, id ?? '', { proof, visit: strangerAt() }));
    },
  },
  {
    name: 'HUB_LIMIT_SETUP_TIME',
    value: '1h',
    usual: 'ok',
    changed: 'setup.token',
    async look(config) {
      const people = await peopleOf(config);
      await people.clear();
      const token = (await people.setup.token(undefined)) ?? '';
      people.later(2 * hourMs);
      const wish = { username: 'first', password: goodPassword };
      return codeOf(people.setup.redeem(token, wish, strangerAt()));
    },
  },
  {
    name: 'HUB_LIMIT_INVITATION_TIME',
    value: '1d',
    usual: 'ok',
    changed: 'invite.invalid',
    async look(config) {
      const people = await peopleOf(config);
      const { secret } = await people.invitations.invite({ role: 'member' }, 'host');
      people.later(2 * dayMs);
      return codeOf(people.invitations.find(secret));
    },
  },
  {
    name: 'HUB_LIMIT_ADMIN_FACTOR_GRACE',
    value: '1d',
    usual: undefined,
    changed: 'enrol',
    async look(config) {
      const people = await peopleOf(config);
      people.later(2 * dayMs);
      return (await people.enter('ada')).login.restriction;
    },
  },
  ...(['off', 'everything'] as const).map((value) => ({
    name: 'HUB_STEP_UP',
    value,
    usual: ['ok', 'login.step-up', 'login.step-up'],
    changed: Array.from({ length: 3 }, () => (value === 'off' ? 'ok' : 'login.step-up')),
    async look(config: HubConfig) {
      const people = await peopleOf(config);
      const { login } = await people.enter('robin');
      const answers: string[] = [];
      for (const demand of demands)
        answers.push(await codeOf(people.stepUp.require(login, demand)));
      return answers;
    },
  })),
];

const map = { HUB_GEOIP_DB: '/nonexistent/city.mmdb' };
const at = (longitude: number) => ({
  spot: { latitude: 0, longitude, accuracyKm: 0 },
  country: 'XX',
});
/** A degree of the equator. */
const degreeKm = 111.2;

/** Robin signs in at home, and an hour later so far away, with a browser that he trusts. */
async function journey(config: HubConfig, km: number): Promise<{ came: string; told: boolean }> {
  const people = await peopleOf(config);
  people.places.set('192.0.2.1', at(0)).set('192.0.2.2', at(km / degreeKm));
  await people.enter('robin', strangerAt('192.0.2.1'));
  const robin = await people.accounts.findByName('robin');
  people.factors.set(robin?.id ?? '', ['totp']);
  people.later(hourMs);
  const visit = strangerAt('192.0.2.2', { trust: 'trusted' });
  const came = await people.tryPassword('robin', goodPassword, visit).then(
    ({ kind }) => kind,
    (error: unknown) => (error instanceof AccountError ? error.code : 'another failure'),
  );
  return { came, told: people.notices.some(({ kind }) => kind === 'login.travel') };
}

const travelling: readonly Behaviour[] = [
  ...(['notify', 'block'] as const).map((value) => ({
    name: 'HUB_TRAVEL',
    value,
    beside: map,
    usual: { came: 'factor', told: true },
    changed: { came: value === 'notify' ? 'done' : 'login.failed', told: true },
    look: async (config: HubConfig) => journey(config, 5000),
  })),
  {
    name: 'HUB_TRAVEL_SPEED',
    value: '2000',
    beside: map,
    usual: { came: 'factor', told: true },
    changed: { came: 'done', told: false },
    look: async (config) => journey(config, 800),
  },
  {
    name: 'HUB_TRAVEL_DISTANCE',
    value: '5000',
    beside: map,
    usual: { came: 'factor', told: true },
    changed: { came: 'done', told: false },
    look: async (config) => journey(config, 800),
  },
];

const factors: readonly Behaviour[] = [
  {
    name: 'HUB_TOTP_WINDOW',
    value: '2',
    usual: false,
    changed: true,
    async look({ people: { factors: settings } }) {
      const rooms = await openFactorRooms(opened.database, { window: settings.totpWindow });
      const id = randomUUID();
      const { secret } = await rooms.totp.start({ id, username: 'robin' });
      const seconds = Math.floor(Date.now() / 1000);
      const codeAt = (epoch: number) => generateSync({ secret, epoch });
      await rooms.totp.confirm(id, codeAt(seconds - 30), doer).catch(() => undefined);
      // A clock that is two steps ahead.
      return rooms.totp.check(id, codeAt(seconds + 60));
    },
  },
  {
    name: 'HUB_TRUSTED_BROWSER_DAYS',
    value: '5',
    usual: 30,
    changed: 5,
    async look({ people: { factors: settings } }) {
      const lifeDays = settings.trustedBrowserDays;
      const { trusted } = await openFactorRooms(opened.database, { lifeDays });
      const { expiresAt } = await trusted.trust(randomUUID(), {
        software: 'Firefox on Linux',
        country: undefined,
      });
      return Math.round((expiresAt.getTime() - Date.now()) / dayMs);
    },
  },
];

describe('how often people may fail', () => {
  testBehaviours(guessing);
});
describe('how long what people are given lasts', () => {
  testBehaviours(lasting);
});
describe('how far people may have come', () => {
  testBehaviours(travelling);
});
describe('what people prove themselves with', () => {
  testBehaviours(factors);
});
