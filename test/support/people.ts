// A database arrives; the rooms of people leave on it, as the hub composes them, with a clock to turn, factors that a test hands out, and what was told to whom.

import type { Account } from '../../hub/accounts/account.ts';
import { Accounts } from '../../hub/accounts/accounts.ts';
import type { FactorMethod, Proof, Standing } from '../../hub/accounts/factors/factors.ts';
import { Invitations } from '../../hub/accounts/invitations.ts';
import { defaultAccountLimits, type AccountLimits } from '../../hub/accounts/limits.ts';
import { Arrivals } from '../../hub/accounts/login/arrivals.ts';
import type { Entered, SignInVisit } from '../../hub/accounts/login/entry.ts';
import { Guard, type Closed } from '../../hub/accounts/login/guard.ts';
import { KnownBrowsers } from '../../hub/accounts/login/known-browsers.ts';
import { Logins } from '../../hub/accounts/login/logins.ts';
import { SecretDoor } from '../../hub/accounts/login/secret-door.ts';
import { SignIn, type SignInOutcome } from '../../hub/accounts/login/sign-in.ts';
import { Transactions } from '../../hub/accounts/login/transactions.ts';
import {
  defaultTravelLimits,
  Travel,
  type Place,
  type TravelAction,
  type TravelLimits,
  type TravelResult,
} from '../../hub/accounts/login/travel.ts';
import type { Breach } from '../../hub/accounts/password/breaches.ts';
import { CommonPasswords } from '../../hub/accounts/password/common-passwords.ts';
import { Passwords } from '../../hub/accounts/password/passwords.ts';
import { newAccount, Setup } from '../../hub/accounts/setup.ts';
import { StepUp, type StepUpPolicy } from '../../hub/accounts/step-up/step-up.ts';
import { CidrSet, parseNetwork } from '../../shared/net-address.ts';
import type { AuditEntry } from '../../hub/audit/audit.ts';
import { peopleStores, type PeopleStores } from '../../hub/db/accounts/people-stores.ts';
import { accounts, invitations, loginFailures, setupTokens } from '../../hub/db/account-tables.ts';
import type { Database } from '../../hub/db/connect.ts';
import type { Notice } from '../../hub/notices/notice.ts';
import { AccountMetrics } from '../../hub/telemetry/account-metrics.ts';
import { registryOf } from '../../shared/telemetry/metric.ts';

const start = new Date('2026-03-01T12:00:00.000Z');
export const goodPassword = 'violet tractor eats seven moons';

/** So that a test takes no second for each sign-in. */
const cheap = { memoryKib: 64, passes: 1, parallelism: 1 };

export interface PeopleOptions {
  readonly limits?: Partial<AccountLimits>;
  readonly policy?: StepUpPolicy;
  readonly travelAction?: TravelAction;
  readonly travelLimits?: TravelLimits;
  /** HUB_TRUSTED_NETWORKS. */
  readonly trusted?: readonly string[];
}

/** One process of a hub: two on one database share what is stored. */
export class TestPeople {
  now = start;
  /** What an account can prove itself with; the right code is always `right`. */
  readonly factors = new Map<string, FactorMethod[]>();
  readonly standings = new Map<string, Partial<Standing>>();
  /** What the list of breached passwords says. */
  breach: Breach = 'unknown';
  readonly noted: AuditEntry[] = [];
  readonly notices: Notice[] = [];
  readonly closed: Closed[] = [];
  /** Where addresses are, by HUB_GEOIP_DB. */
  readonly places = new Map<string, Place>();
  readonly travelled: TravelResult[] = [];
  readonly revokedOwners: string[] = [];
  /** Accounts whose browsers are trusted no more. */
  readonly distrusted: string[] = [];
  readonly metrics = new AccountMetrics();
  readonly limits: AccountLimits;
  readonly stores: PeopleStores;
  readonly passwords: Passwords;
  readonly accounts: Accounts;
  readonly browsers: KnownBrowsers;
  readonly guard: Guard;
  readonly invitations: Invitations;
  readonly logins: Logins;
  readonly secretDoor: SecretDoor;
  readonly setup: Setup;
  readonly signIn: SignIn;
  readonly stepUp: StepUp;
  readonly transactions: Transactions;
  readonly #database: Database;

  constructor(
    database: Database,
    {
      limits,
      policy = 'all-config',
      travelAction = 'challenge',
      travelLimits = defaultTravelLimits,
      trusted = [],
    }: PeopleOptions = {},
  ) {
    this.#database = database;
    this.limits = { ...defaultAccountLimits, ...limits };
    this.stores = peopleStores(database);
    this.passwords = new Passwords({ limits: { atOnce: 4, queued: 1000 }, cost: cheap });
    const told = this.#told();
    const checks = {
      passwords: this.passwords,
      common: new CommonPasswords(),
      localLogin: { requireOpen: async () => undefined },
      breaches: { look: async () => this.breach },
      counts: this.metrics,
    };
    this.logins = new Logins({ ...told, store: this.stores.logins });
    this.transactions = new Transactions({ ...told, store: this.stores.transactions });
    this.browsers = new KnownBrowsers({ ...told, store: this.stores.browsers });
    this.guard = new Guard({
      ...told,
      store: this.stores.guard,
      onClosed: (closed) => void this.closed.push(closed),
    });
    this.accounts = new Accounts({
      ...told,
      store: this.stores.accounts,
      checks,
      factors: this.#factors(),
      trustedBrowsers: { revokeAll: async (id) => void this.distrusted.push(id) },
      logins: this.logins,
      transactions: this.transactions,
      possessions: {
        giveUp: async (ownerId) => this.revokedOwners.push(ownerId),
      },
    });
    const doors = {
      ...told,
      accounts: this.stores.accounts,
      passwords: this.passwords,
      factors: this.#factors(),
      guard: this.guard,
      browsers: this.browsers,
      logins: this.logins,
    };
    this.signIn = new SignIn({
      ...doors,
      transactions: this.transactions,
      // The cookie of a browser that its holder trusts is `trusted`.
      trustedBrowsers: {
        recognise: async (_id, cookie) =>
          cookie === 'trusted' ? { value: cookie, expiresAt: this.now } : undefined,
      },
      travel: new Travel({
        ...told,
        map: { find: async (address) => this.places.get(address) },
        store: this.stores.whereabouts,
        action: travelAction,
        limits: travelLimits,
        onChecked: (result) => void this.travelled.push(result),
      }),
      trustedNetworks: new CidrSet(trusted.map(parseNetwork)),
      localLogin: { requireOpen: async () => undefined },
      providerLogins: { claim: async () => undefined },
      arrivals: new Arrivals({ ...told, store: this.stores.arrivals }),
      onPassword: () => undefined,
    });
    this.stepUp = new StepUp({
      ...doors,
      store: this.stores.stepUps,
      policy,
      sso: { isLinked: async () => false },
    });
    this.secretDoor = new SecretDoor({ ...told, guard: this.guard, browsers: this.browsers });
    const entering = { ...told, checks, signIn: this.signIn, door: this.secretDoor };
    this.setup = new Setup({ ...entering, store: this.stores.setup });
    this.invitations = new Invitations({
      ...entering,
      store: this.stores.invitations,
      letters: { send: async () => false },
    });
  }

  /** Nobody is left, and nothing is counted. */
  async clear(): Promise<void> {
    const { queries } = this.#database;
    await queries.delete(accounts);
    await queries.delete(invitations);
    await queries.delete(setupTokens);
    await queries.delete(loginFailures);
    this.now = start;
    const { noted, notices, closed, revokedOwners, distrusted, travelled } = this;
    for (const list of [noted, notices, closed, revokedOwners, distrusted, travelled])
      list.length = 0;
    this.factors.clear();
    this.places.clear();
    this.standings.clear();
  }

  /** An account with `goodPassword`, made past every door. */
  async add(
    username: string,
    as: { role?: Account['role']; email?: string; password?: string } = {},
  ): Promise<Account> {
    const { role = 'owner', email, password = goodPassword } = as;
    const account = newAccount({ username, email: undefined }, { role, at: this.now });
    const secret = await this.invitations.invite({ role }, 'host');
    const passwordHash = await this.passwords.hash(password);
    const { id } = secret.invitation;
    await this.stores.invitations.redeem(id, { account, passwordHash }, this.now);
    return email === undefined
      ? account
      : this.stores.accounts.change(account.id, { email, emailVerifiedAt: this.now });
  }

  async tryPassword(
    name: string,
    password: string,
    visit: SignInVisit = strangerAt(),
  ): Promise<SignInOutcome> {
    return this.signIn.withPassword({ name, password }, visit);
  }

  async enter(name: string, visit: SignInVisit = strangerAt()): Promise<Entered> {
    const outcome = await this.tryPassword(name, goodPassword, visit);
    if (outcome.kind !== 'done') throw new Error('a second factor is asked for');
    return outcome;
  }

  later(ms: number): void {
    this.now = new Date(this.now.getTime() + ms);
  }

  get events(): string[] {
    return this.noted.map(({ event }) => event);
  }

  /** Of one counter, as monitoring reads it. */
  async counted(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const metric = registryOf(this.metrics.metrics).getSingleMetric(`phlix_hub_${name}_total`);
    const { values = [] } = (await metric?.get()) ?? {};
    const isMeant = (held: Partial<Record<string, string | number>>) =>
      Object.entries(labels).every(([label, value]) => held[label] === value);
    return values.filter((one) => isMeant(one.labels)).reduce((sum, { value }) => sum + value, 0);
  }

  #told() {
    return {
      limits: this.limits,
      counts: this.metrics,
      audit: { note: (entry: AuditEntry) => void this.noted.push(entry) },
      notices: { tell: (notice: Notice) => void this.notices.push(notice) },
      now: () => this.now,
    };
  }

  #factors() {
    const standingOf = async (id: string): Promise<Standing> => ({
      methods: this.factors.get(id) ?? [],
      isLocked: false,
      mustEnrol: false,
      ...this.standings.get(id),
    });
    return {
      standingOf,
      methodsOf: async (id: string) => (await standingOf(id)).methods,
      check: async (_id: string, proof: Proof) => 'code' in proof && proof.code === 'right',
      identify: async ({ account }: Readonly<Record<string, unknown>>) =>
        typeof account === 'string' ? account : undefined,
    };
  }
}

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

export function strangerAt(
  address: string | undefined = '192.0.2.7',
  cookies: Pick<SignInVisit, 'browser' | 'trust' | 'peer'> = {},
): SignInVisit {
  return { address, userAgent: firefox, ...cookies };
}
