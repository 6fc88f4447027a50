// The HUB_ settings about people arrive; how they sign in, how often they may fail and how long what they are given lasts leaves.

import type { z } from 'zod';

import { defaultFactorSettings, type FactorSettings } from '../accounts/factors/limits.ts';
import { defaultAccountLimits, type AccountLimits } from '../accounts/limits.ts';
import { stepUpPolicies, type StepUpPolicy } from '../accounts/step-up/step-up.ts';
import { choice, duration, integer, setting } from '../../shared/settings/kinds.ts';
import type { SettingProblem } from '../../shared/settings/settings.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const breachListUrl = setting(
  {
    expected: 'the https:// address of a list of breached passwords',
    remedy:
      'write https://api.pwnedpasswords.com, or the address of your mirror of it; http:// is for one on this machine only',
  },
  (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const isPlain =
      url !== undefined && url.username === '' && url.search === '' && url.hash === '';
    // security.md E-19: whoever sits in between would choose which passwords are taken for stolen.
    const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isHere(url));
    return isPlain && isSafe ? url : undefined;
  },
);

function isHere({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/** Ranges only: below the least people lock themselves out, beyond the most the limit protects nobody. */
export const accountSettings = {
  HUB_STEP_UP: choice(stepUpPolicies).default('all-config'),
  /** Beyond two steps a code that was seen over a shoulder is good for minutes. */
  HUB_TOTP_WINDOW: integer(0, 2).default(defaultFactorSettings.totpWindow),
  HUB_TRUSTED_BROWSER_DAYS: integer(1, 90).default(defaultFactorSettings.trustedBrowserDays),
  HUB_HIBP: choice(['on', 'off']).default('off'),
  HUB_HIBP_URL: breachListUrl.optional(),
  HUB_LIMIT_LOGIN_ADDRESS_FAILURES: integer(1, 100_000).optional(),
  HUB_LIMIT_LOGIN_ADDRESS_WINDOW: duration(second, day).optional(),
  HUB_LIMIT_LOGIN_ADDRESS_BLOCK: duration(second, 30 * day).optional(),
  HUB_LIMIT_LOGIN_ADDRESS_DAILY: integer(1, 1_000_000).optional(),
  HUB_LIMIT_LOGIN_ADDRESS_BAN: duration(second, 365 * day).optional(),
  HUB_LIMIT_LOGIN_ACCOUNT_FAILURES: integer(1, 1000).optional(),
  HUB_LIMIT_LOGIN_ACCOUNT_WINDOW: duration(second, day).optional(),
  HUB_LIMIT_LOGIN_SLOW: duration(second, hour).optional(),
  HUB_LIMIT_LOGIN_FACTOR_FAILURES: integer(1, 1000).optional(),
  HUB_LIMIT_LOGIN_FACTOR_WINDOW: duration(second, day).optional(),
  HUB_LIMIT_LOGIN_COUNTED: integer(1000, 10_000_000).optional(),
  HUB_LIMIT_LOGIN_HASHES: integer(1, 64).optional(),
  HUB_LIMIT_LOGIN_QUEUE: integer(1, 10_000).optional(),
  HUB_LIMIT_LOGIN_TIME: duration(second, hour).optional(),
  HUB_LIMIT_LOGIN_IDLE: duration(second, 365 * day).optional(),
  HUB_LIMIT_LOGIN_LIFE: duration(second, 365 * day).optional(),
  HUB_LIMIT_LOGIN_ADMIN_IDLE: duration(second, 30 * day).optional(),
  HUB_LIMIT_LOGIN_ADMIN_LIFE: duration(second, 30 * day).optional(),
  HUB_LIMIT_LOGINS_PER_ACCOUNT: integer(0, 10_000).optional(),
  HUB_LIMIT_STEP_UP_TIME: duration(second, hour).optional(),
  HUB_LIMIT_SETUP_TIME: duration(second, 7 * day).optional(),
  HUB_LIMIT_INVITATION_TIME: duration(second, 30 * day).optional(),
  HUB_LIMIT_ADMIN_FACTOR_GRACE: duration(0, 90 * day).optional(),
} as const;

type AccountSettings = z.output<z.ZodObject<typeof accountSettings>>;

export interface PeopleConfig {
  readonly limits: AccountLimits;
  readonly stepUp: StepUpPolicy;
  readonly factors: FactorSettings;
  /** Undefined: passwords are compared with the list that comes with the hub, and nobody is asked. */
  readonly breachList: { readonly baseUrl: URL; readonly isMirror: boolean } | undefined;
}

export function peopleConfig(settings: AccountSettings): PeopleConfig {
  const { HUB_HIBP, HUB_HIBP_URL: mirror, HUB_STEP_UP: stepUp } = settings;
  const baseUrl = mirror ?? new URL('https://api.pwnedpasswords.com');
  const breachList = HUB_HIBP === 'on' ? { baseUrl, isMirror: mirror !== undefined } : undefined;
  const factors = {
    totpWindow: settings.HUB_TOTP_WINDOW,
    trustedBrowserDays: settings.HUB_TRUSTED_BROWSER_DAYS,
  };
  return { limits: accountLimits(settings), stepUp, factors, breachList };
}

/** A setting that nothing reads would be believed. */
export function accountProblems(settings: AccountSettings): SettingProblem[] {
  if (settings.HUB_HIBP_URL === undefined || settings.HUB_HIBP === 'on') return [];
  return [
    {
      name: 'HUB_HIBP_URL',
      expected: 'a list of breached passwords is asked with HUB_HIBP=on only',
      remedy: 'set HUB_HIBP=on, or unset this',
    },
  ];
}

function accountLimits(settings: AccountSettings): AccountLimits {
  const usual = defaultAccountLimits;
  return {
    ...usual,
    addressFailures: settings.HUB_LIMIT_LOGIN_ADDRESS_FAILURES ?? usual.addressFailures,
    addressWindowMs: settings.HUB_LIMIT_LOGIN_ADDRESS_WINDOW ?? usual.addressWindowMs,
    addressBlockMs: settings.HUB_LIMIT_LOGIN_ADDRESS_BLOCK ?? usual.addressBlockMs,
    addressFailuresPerDay: settings.HUB_LIMIT_LOGIN_ADDRESS_DAILY ?? usual.addressFailuresPerDay,
    addressBanMs: settings.HUB_LIMIT_LOGIN_ADDRESS_BAN ?? usual.addressBanMs,
    accountFailures: settings.HUB_LIMIT_LOGIN_ACCOUNT_FAILURES ?? usual.accountFailures,
    accountWindowMs: settings.HUB_LIMIT_LOGIN_ACCOUNT_WINDOW ?? usual.accountWindowMs,
    slowMs: settings.HUB_LIMIT_LOGIN_SLOW ?? usual.slowMs,
    factorFailures: settings.HUB_LIMIT_LOGIN_FACTOR_FAILURES ?? usual.factorFailures,
    factorWindowMs: settings.HUB_LIMIT_LOGIN_FACTOR_WINDOW ?? usual.factorWindowMs,
    countedKeys: settings.HUB_LIMIT_LOGIN_COUNTED ?? usual.countedKeys,
    hashesAtOnce: settings.HUB_LIMIT_LOGIN_HASHES ?? usual.hashesAtOnce,
    hashesQueued: settings.HUB_LIMIT_LOGIN_QUEUE ?? usual.hashesQueued,
    signInMs: settings.HUB_LIMIT_LOGIN_TIME ?? usual.signInMs,
    loginIdleMs: settings.HUB_LIMIT_LOGIN_IDLE ?? usual.loginIdleMs,
    loginLifeMs: settings.HUB_LIMIT_LOGIN_LIFE ?? usual.loginLifeMs,
    adminIdleMs: settings.HUB_LIMIT_LOGIN_ADMIN_IDLE ?? usual.adminIdleMs,
    adminLifeMs: settings.HUB_LIMIT_LOGIN_ADMIN_LIFE ?? usual.adminLifeMs,
    loginsPerAccount: settings.HUB_LIMIT_LOGINS_PER_ACCOUNT ?? usual.loginsPerAccount,
    stepUpMs: settings.HUB_LIMIT_STEP_UP_TIME ?? usual.stepUpMs,
    setupMs: settings.HUB_LIMIT_SETUP_TIME ?? usual.setupMs,
    invitationMs: settings.HUB_LIMIT_INVITATION_TIME ?? usual.invitationMs,
    adminGraceMs: settings.HUB_LIMIT_ADMIN_FACTOR_GRACE ?? usual.adminGraceMs,
  };
}
