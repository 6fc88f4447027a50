// Settings and stores arrive; the rooms of people leave, put together: accounts, the doors by which they sign in, and what guards those.

import type { Logger } from '../../shared/log.ts';
import type { Account } from '../accounts/account.ts';
import { Accounts, type Possessions } from '../accounts/accounts.ts';
import { Creation } from '../accounts/creation.ts';
import { EmailCodes } from '../accounts/email/codes.ts';
import { ForgottenPasswords } from '../accounts/email/forgotten.ts';
import { InvitationLetters } from '../accounts/email/invitation-letters.ts';
import { Postbox } from '../accounts/email/postbox.ts';
import { Sends } from '../accounts/email/sends.ts';
import { EmailVerification } from '../accounts/email/verification.ts';
import { FactorNews } from '../accounts/factors/factor-news.ts';
import { Factors } from '../accounts/factors/factors.ts';
import { Passkeys } from '../accounts/factors/passkeys.ts';
import { Pepper } from '../accounts/factors/pepper.ts';
import { RecoveryCodes } from '../accounts/factors/recovery.ts';
import { Resets } from '../accounts/factors/resets.ts';
import { Totp } from '../accounts/factors/totp.ts';
import { TrustedBrowsers } from '../accounts/factors/trusted-browsers.ts';
import { Invitations } from '../accounts/invitations.ts';
import { Arrivals } from '../accounts/login/arrivals.ts';
import { Guard, type Closed } from '../accounts/login/guard.ts';
import { KnownBrowsers } from '../accounts/login/known-browsers.ts';
import { Logins } from '../accounts/login/logins.ts';
import { SecretDoor } from '../accounts/login/secret-door.ts';
import { SignIn } from '../accounts/login/sign-in.ts';
import { Transactions } from '../accounts/login/transactions.ts';
import { Travel } from '../accounts/login/travel.ts';
import { TravelMapFile } from '../accounts/login/travel-map.ts';
import { BreachList, noBreaches } from '../accounts/password/breaches.ts';
import { CommonPasswords } from '../accounts/password/common-passwords.ts';
import { Passwords } from '../accounts/password/passwords.ts';
import type { ProfileChecks } from '../accounts/profile.ts';
import { Setup } from '../accounts/setup.ts';
import type { LocalLogin } from '../accounts/sso/identity.ts';
import type { ProviderLogins } from '../accounts/sso/provider-logins.ts';
import { StepUp } from '../accounts/step-up/step-up.ts';
import { DeadBearers } from '../accounts/tokens/dead-bearers.ts';
import { DeviceGrant } from '../accounts/tokens/device-grant.ts';
import { Tokens } from '../accounts/tokens/tokens.ts';
import type { Audit } from '../audit/audit.ts';
import type { KeyRing } from '../certificates/life/sealing.ts';
import type { HubConfig } from '../config.ts';
import type { Mailer } from '../notices/mailer.ts';
import type { Notices } from '../notices/notice.ts';
import type { SafeFetch } from '../notices/safe-fetch.ts';
import type { Opened } from './opened.ts';
import type { Stores } from './stores.ts';
import { AccountMetrics } from '../telemetry/account-metrics.ts';
import { FactorMetrics } from '../telemetry/factor-metrics.ts';
import { TravelMetrics } from '../telemetry/travel-metrics.ts';

export interface PeopleParts {
  readonly stores: Stores;
  readonly keyRing: KeyRing;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly mailer: Mailer;
  readonly fetch: SafeFetch;
  readonly localLogin: LocalLogin;
  readonly providerLogins: ProviderLogins;
  /** Links to identity providers. */
  readonly links: {
    isLinked(accountId: string): Promise<boolean>;
    removeAll(accountId: string): Promise<void>;
  };
  /** `https://hub.example.org`; of a trial hub known only when it listens. */
  readonly origin: () => string;
  /** Of HUB_ADMIN_LISTEN, once it listens. */
  readonly adminOrigin?: () => string | undefined;
  /** There is a first admin. */
  readonly onSetUp: () => void;
  /** An address has failed too often. */
  readonly onClosed: (closed: Closed) => void;
  readonly log: Logger;
  readonly opened: Opened;
}

export type People = Awaited<ReturnType<typeof openPeople>>;

export async function openPeople(config: HubConfig, parts: PeopleParts) {
  const rooms = openRooms(config, parts);
  await rooms.pepper.verify();
  const { logins, tokens, postbox } = rooms;
  parts.opened.add(async () => postbox.stop());
  parts.opened.add(async () => logins.stop());
  await logins.start();
  parts.opened.add(() => tokens.stop());
  await tokens.start();
  return rooms;
}

function openRooms(config: HubConfig, parts: PeopleParts) {
  const { stores, audit, notices } = parts;
  const { limits, stepUp: policy } = config.people;
  const counts = new AccountMetrics();
  const factors = openFactors(config, parts);
  const checks = profileChecks(config, parts, counts);
  const logins = new Logins({ store: stores.people.logins, limits, audit, counts });
  const transactions = new Transactions({ store: stores.people.transactions, limits });
  const guard = openGuard(config, parts, counts);
  const browsers = new KnownBrowsers({ store: stores.people.browsers, limits });
  const accounts = new Accounts({
    store: stores.people.accounts,
    checks,
    factors: factors.factors,
    trustedBrowsers: factors.trustedBrowsers,
    logins,
    transactions,
    possessions: possessionsOf(stores),
    audit,
    notices,
  });
  const doors = {
    ...factors,
    accounts: stores.people.accounts,
    passwords: checks.passwords,
    guard,
    browsers,
    logins,
    limits,
    audit,
    counts,
  };
  const travels = openTravel(config, parts);
  const signIn = new SignIn({
    ...doors,
    travel: travels.travel,
    trustedNetworks: config.trustedNetworks,
    transactions,
    localLogin: parts.localLogin,
    providerLogins: parts.providerLogins,
    arrivals: new Arrivals({ store: stores.people.arrivals, notices, audit }),
    notices,
    onPassword: lookUpBreaches(config, accounts, parts.log),
  });
  const stepUp = new StepUp({ ...doors, store: stores.people.stepUps, policy, sso: parts.links });
  const noted = { audit, notices, counts };
  const tokens = new Tokens({
    ...noted,
    store: stores.tokens,
    holders: stores.people.accounts,
    dead: new DeadBearers({ guard, limits, audit }),
  });
  const devices = new DeviceGrant({ ...noted, store: stores.deviceRequests, guard });
  const resets = new Resets({
    store: stores.factors.standings,
    news: factors.news,
    elsewhere: {
      endLogins: async (accountId) => {
        await transactions.endAll(accountId);
        await logins.endAll(accountId);
        await browsers.forget(accountId);
      },
      revokeTokens: async (accountId) => void (await tokens.revokeAll(accountId)),
      unlinkSso: async (accountId) => parts.links.removeAll(accountId),
    },
  });
  const door = new SecretDoor({ guard, browsers, audit, counts });
  const entering = { checks, signIn, door, limits, audit };
  const { origin } = parts;
  const mailed = { ...factors, store: stores.email.links, accounts, door, origin };
  const setup = new Setup({ ...entering, store: stores.people.setup, onSetUp: parts.onSetUp });
  return {
    ...factors,
    ...travels,
    accounts,
    creation: new Creation({ ...entering, store: stores.people.accounts, setup }),
    signIn,
    logins,
    transactions,
    guard,
    browsers,
    stepUp,
    tokens,
    devices,
    resets,
    emailVerification: new EmailVerification(mailed),
    forgottenPasswords: new ForgottenPasswords({ ...mailed, localLogin: parts.localLogin }),
    setup,
    invitations: new Invitations({
      ...entering,
      store: stores.people.invitations,
      letters: new InvitationLetters({ ...factors, origin: parts.origin }),
    }),
    metrics: [
      ...counts.metrics,
      ...travels.travelMetrics.metrics,
      ...factors.factorMetrics.metrics,
    ],
  };
}

function openTravel({ travel: { mapFile, ...rules } }: HubConfig, { stores, log }: PeopleParts) {
  const travelMap = mapFile === undefined ? undefined : new TravelMapFile({ path: mapFile, log });
  const travelMetrics = new TravelMetrics();
  const travel = new Travel({
    ...rules,
    map: travelMap,
    store: stores.people.whereabouts,
    onChecked: (result) => travelMetrics.checked(result),
  });
  return { travel, travelMap, travelMetrics };
}

function profileChecks(
  { people: { limits, breachList } }: HubConfig,
  { fetch, localLogin }: PeopleParts,
  counts: AccountMetrics,
): ProfileChecks {
  const { hashesAtOnce: atOnce, strangersHashesAtOnce: strangersAtOnce } = limits;
  const { hashesQueued: queued } = limits;
  return {
    passwords: new Passwords({ limits: { atOnce, strangersAtOnce, queued } }),
    breaches: breachList === undefined ? noBreaches : new BreachList({ ...breachList, fetch }),
    common: new CommonPasswords(),
    counts,
    localLogin,
  };
}

function openGuard(
  { people: { limits } }: HubConfig,
  { stores, onClosed }: PeopleParts,
  counts: AccountMetrics,
): Guard {
  return new Guard({
    store: stores.people.guard,
    limits,
    onClosed: (closed) => {
      counts.blocked();
      onClosed(closed);
    },
  });
}

/** Nobody waits for it, and a sign-in does not fail with it. */
function lookUpBreaches(
  { people: { breachList } }: HubConfig,
  accounts: Accounts,
  log: Logger,
): (account: Account, password: string) => void {
  if (breachList === undefined) return () => undefined;
  return (account, password) => {
    accounts.lookUpBreach(account, password).catch((error: unknown) => {
      log.warn({ err: error }, 'whether a password is known from a breach could not be noted');
    });
  };
}

function openFactors(
  { hubHost, sendsEmailCodes, people: { factors: settings } }: HubConfig,
  { stores, keyRing, audit, notices, origin, adminOrigin, mailer, log }: PeopleParts,
) {
  const factorMetrics = new FactorMetrics();
  const news = new FactorNews({ audit, notices, counts: factorMetrics });
  const pepper = new Pepper({ store: stores.factors.secrets, sealing: keyRing });
  const name = 'Phlix Hub';
  const totp = new Totp({
    store: stores.factors.totp,
    sealing: keyRing,
    news,
    // Of several hubs each has its own line in the app.
    issuer: `${name} ${hubHost}`,
    window: settings.totpWindow,
  });
  const passkeys = new Passkeys({
    store: stores.factors.passkeys,
    news,
    relyingParty: () => ({
      id: new URL(origin()).hostname,
      origin: origin(),
      adminOrigin: adminOrigin?.(),
      name,
    }),
  });
  const recovery = new RecoveryCodes({ store: stores.factors.recovery, pepper, news });
  const trustedBrowsers = new TrustedBrowsers({
    store: stores.factors.trustedBrowsers,
    news,
    lifeDays: settings.trustedBrowserDays,
  });
  const postbox = new Postbox({ mailer, log, onFailed: () => news.letterFailed() });
  const sends = new Sends({ store: stores.email.sends, onRefused: () => news.letterRefused() });
  const { accounts } = stores.people;
  const mailed = { accounts, pepper, sends, postbox, news };
  const email = sendsEmailCodes
    ? new EmailCodes({ ...mailed, store: stores.email.codes })
    : undefined;
  const holdings = stores.factors.standings;
  const factors = new Factors({ holdings, totp, passkeys, recovery, email });
  const proofs = { totp, passkeys, recovery, trustedBrowsers, factors };
  return { news, factorMetrics, pepper, postbox, sends, ...proofs };
}

function possessionsOf({ servers }: Stores): Possessions {
  return {
    giveUp: async (ownerId) => {
      const own = (await servers.list()).filter((server) => server.ownerId === ownerId);
      for (const { id } of own) await servers.revoke(id);
      return own.length;
    },
  };
}
