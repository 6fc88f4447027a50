import { randomUUID } from 'node:crypto';

import { generateSync } from 'otplib';
import { describe } from 'vitest';

import { AccountError } from '../../hub/accounts/account-error.ts';
import type { HubConfig } from '../../hub/config.ts';
import { doer, openFactorRooms } from '../support/factors.ts';
import { goodPassword, strangerAt } from '../support/people.ts';
import { missing, testBehaviours, type Behaviour } from './behaviour.ts';
import {
  codeOf,
  database,
  dayMs,
  hourMs,
  minuteMs,
  peopleOf,
  useDatabase,
} from './people-rooms.ts';

useDatabase();

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
      return codeOf(people.invitations.find(secret, strangerAt()));
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
      const rooms = await openFactorRooms(database(), { window: settings.totpWindow });
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
      const { trusted } = await openFactorRooms(database(), { lifeDays });
      const { expiresAt } = await trusted.trust(randomUUID(), {
        software: 'Firefox on Linux',
        country: undefined,
      });
      return Math.round((expiresAt.getTime() - Date.now()) / dayMs);
    },
  },
];

describe('how long what people are given lasts', () => {
  testBehaviours(lasting);
});
describe('how far people may have come', () => {
  testBehaviours(travelling);
});
describe('what people prove themselves with', () => {
  testBehaviours(factors);
});
