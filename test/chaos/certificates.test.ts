import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';

import type { ManagedCertificate } from '../../hub/certificates/life/certificate.ts';
import { authorityAccounts, challenges, probes } from '../../hub/db/schema.ts';
import { chosenCases } from '../support/long-form.ts';
import { hasParts } from '../support/parts.ts';
import { Crowd, type CrowdOptions, Town } from './renewals/crowd.ts';
import { type Held, holdPassage, lockTable } from './renewals/holds.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

/** Where the holder is when it is killed. What comes first is reached before the second is laid. */
type Step = (crowd: Crowd) => Promise<() => Promise<Held>>;

const asks =
  (path: RegExp): Step =>
  (crowd) =>
    holdPassage(crowd, path, 'request');
const isAnswered =
  (path: RegExp): Step =>
  (crowd) =>
    holdPassage(crowd, path, 'answer');
const writes =
  (table: string): Step =>
  (crowd) =>
    lockTable(crowd, table);

/** When the first step is reached, the second is laid and the first let go. */
const then =
  (first: Step, second: Step): Step =>
  async (crowd) => {
    const reached = await first(crowd);
    return async () => {
      const held = await reached();
      const next = await second(crowd);
      await held.letGo();
      return next();
    };
  };

const steps: Record<string, Step> = {
  'has the lease and tries the store': writes('probes'),
  'writes down that it orders': writes('authority_orders'),
  'asks for a nonce': asks(/^\/nonce-plz/),
  'asks for an order': asks(/^\/order-plz/),
  'has an order, and does not know it': isAnswered(/^\/order-plz/),
  'asks what to prove': asks(/^\/authZ/),
  'stores its proof': writes('challenges'),
  'says that the proof is there': asks(/^\/chalZ/),
  'has been looked at, and does not know it': isAnswered(/^\/chalZ/),
  'takes its proof away': then(isAnswered(/^\/chalZ/), writes('challenges')),
  'sends what is to be signed': asks(/^\/finalize-order/),
  'has a certificate, and does not know it': isAnswered(/^\/finalize-order/),
  'asks for its certificate': asks(/^\/certZ/),
  'stores its certificate': then(isAnswered(/^\/certZ/), writes('certificates')),
  'has stored it, and writes down that it is done': then(
    isAnswered(/^\/certZ/),
    writes('authority_orders'),
  ),
};

const firstSteps: Record<string, Step> = {
  'asks for the directory': asks(/^\/dir/),
  'stores the key of its account': writes('authority_accounts'),
  'asks for an account': asks(/^\/sign-me-up/),
  'has an account, and does not know it': isAnswered(/^\/sign-me-up/),
  'stores the address of its account': then(
    isAnswered(/^\/sign-me-up/),
    writes('authority_accounts'),
  ),
};

/** One of each kind: before an order, in it, behind it. A step takes ten seconds, and all of them are for the long form. */
const usualSteps = [
  'writes down that it orders',
  'has an order, and does not know it',
  'has a certificate, and does not know it',
];
const usualFirstSteps = ['has an account, and does not know it'];

const deadline = { interval: 50, timeout: 90_000 };

describe.skipIf(!hasParts('postgresql', 'pebble'))('several hubs on one database', () => {
  let town: Town;
  beforeAll(async () => {
    town = await Town.start();
  });
  afterAll(() => town?.stop());

  test.each(chosenCases(['2', '4'], ['4']).map(Number))(
    '%i of them: each name is ordered once, and once when it is due',
    async (hubs) => {
      const labels = ['movies', 'music', 'books'];
      const accountsBefore = town.accounts();
      const crowd = await startCrowd({ town, hubs, labels });
      const all = ['hub', ...labels];
      await Promise.all(all.map((label) => issuedAfter(crowd, label)));
      expect(ordered(crowd)).toEqual(['books', 'hub', 'movies', 'music']);
      for (let round = 1; round <= 3; round++) {
        crowd.front.orders.length = 0;
        await Promise.all(all.map((label) => renew(crowd, label)));
        await untilQuiet(crowd);
        expect(ordered(crowd)).toEqual(['books', 'hub', 'movies', 'music']);
      }
      expect(town.accounts() - accountsBefore).toBe(1);
      const { queries } = crowd.database;
      expect(await queries.select().from(challenges)).toEqual([]);
      expect(await queries.select().from(probes)).toEqual([]);
    },
  );

  test('two of them: a name that was given up lets its certificate go, and the next is ordered once', async () => {
    const crowd = await startCrowd({ town, hubs: 2, labels: ['music', 'books'] });
    await Promise.all(['music', 'books'].map((label) => issuedAfter(crowd, label)));
    await untilQuiet(crowd);
    crowd.front.orders.length = 0;
    const { servers } = crowd.stores;
    const serverOf = async (label: string) => (await servers.findByLabel(label))?.id ?? '';
    await servers.rename(await serverOf('books'), 'papers');
    await servers.revoke(await serverOf('music'));
    await issuedAfter(crowd, 'papers');
    for (const label of ['books', 'music']) {
      await vi.waitUntil(async () => (await crowd.certificate(label))?.releasedAt, deadline);
    }
    await untilQuiet(crowd);
    expect(ordered(crowd)).toEqual(['papers']);
  });

  describe('of which one is killed', () => {
    let crowd: Crowd;
    let accountsBefore: number;
    beforeAll(async () => {
      accountsBefore = town.accounts();
      crowd = await Crowd.start({ town, hubs: 2 });
      await issuedAfter(crowd, 'hub');
      await untilQuiet(crowd);
    });
    afterAll(() => crowd?.stop());

    test.each(chosenCases(Object.keys(steps), usualSteps))(
      'when it %s: another one finishes',
      async (name) => {
        const before = await crowd.certificate();
        const id = before?.id ?? '';
        crowd.front.orders.length = 0;
        const reached = await steps[name]?.(crowd);
        await crowd.store.hasten(id);
        const held = await reached?.();
        held?.holder.program.kill('SIGKILL');
        await held?.holder.program.ended;
        await held?.letGo();
        await crowd.passLease(id);
        await issuedAfter(crowd, 'hub', before);
        // The one that was lost with its holder, and the one that took its place.
        expect(crowd.front.orders.length).toBeLessThanOrEqual(2);
        await held?.holder.startAgain();

        crowd.front.orders.length = 0;
        await crowd.passLease(id);
        await renew(crowd, 'hub');
        await untilQuiet(crowd);
        expect(crowd.front.orders).toHaveLength(1);
        expect(town.accounts() - accountsBefore).toBe(1);
        expect((await crowd.certificate())?.attempts.failures).toBe(0);
        expect(await crowd.database.queries.select().from(challenges)).toEqual([]);
      },
    );

    test('when it is frozen, and wakes up when another has finished: its certificate is thrown away', async () => {
      const before = await crowd.certificate();
      const reached = await isAnswered(/^\/finalize-order/)(crowd);
      await crowd.store.hasten(before?.id ?? '');
      const held = await reached();
      crowd.freeze(held.holder);
      await held.letGo();
      await crowd.passLease(before?.id ?? '');
      const { issued } = await issuedAfter(crowd, 'hub', before);
      crowd.thaw(held.holder);
      await held.holder.program.waitForLine(/certificate thrown away/);
      expect((await crowd.certificate())?.issued).toEqual(issued);
      await untilQuiet(crowd);
    });

    test('when instead the database is, in the middle of an order: the order is finished', async () => {
      const before = await crowd.certificate();
      crowd.front.orders.length = 0;
      const reached = await isAnswered(/^\/finalize-order/)(crowd);
      await crowd.store.hasten(before?.id ?? '');
      const held = await reached();
      await town.postgres.pause();
      await held.letGo();
      await town.postgres.resume();
      await issuedAfter(crowd, 'hub', before);
      await untilQuiet(crowd);
      expect(crowd.front.orders).toHaveLength(1);
      expect(await crowd.database.queries.select().from(challenges)).toEqual([]);
    });

    // A minute of waiting for the lease.
    test.each(chosenCases(['has an order, and does not know it'], []))(
      'when it %s, and nobody helps: another one finishes when the lease is over',
      async (name) => {
        const before = await crowd.certificate();
        const reached = await steps[name]?.(crowd);
        await crowd.store.hasten(before?.id ?? '');
        const held = await reached?.();
        held?.holder.program.kill('SIGKILL');
        await held?.holder.program.ended;
        await held?.letGo();
        await expect
          .poll(async () => (await crowd.certificate())?.issued?.chain, { timeout: 150_000 })
          .not.toBe(before?.issued?.chain);
        await held?.holder.startAgain();
        await untilQuiet(crowd);
      },
    );
  });

  test.each(chosenCases(Object.keys(firstSteps), usualFirstSteps))(
    'of which one is killed when it %s: there is one account',
    async (name) => {
      const accountsBefore = town.accounts();
      const laid = Promise.withResolvers<(() => Promise<Held>) | undefined>();
      const prepare = async (made: Crowd): Promise<void> => laid.resolve(firstSteps[name]?.(made));
      const crowd = await startCrowd({ town, hubs: 2, prepare });
      const held = await (await laid.promise)?.();
      held?.holder.program.kill('SIGKILL');
      await held?.holder.program.ended;
      await held?.letGo();
      await crowd.passLease((await crowd.certificate())?.id ?? '');
      await issuedAfter(crowd, 'hub');
      expect(town.accounts() - accountsBefore).toBe(1);
      const accounts = await crowd.database.queries.select().from(authorityAccounts);
      expect(accounts).toMatchObject([{ url: expect.stringMatching(/^https:/) }]);
    },
  );
});

/** For one test, whatever comes of it. */
async function startCrowd(options: CrowdOptions): Promise<Crowd> {
  const crowd = await Crowd.start(options);
  onTestFinished(() => crowd.stop());
  return crowd;
}

/** The labels that were asked for, in alphabetical order. */
function ordered({ front }: Crowd): string[] {
  const labels = front.orders.map(({ names }) => names.join(' ').replaceAll('.tv.test', ''));
  return labels.toSorted((a, b) => a.localeCompare(b));
}

/** The certificate that takes the place of `before`. */
async function issuedAfter(
  crowd: Crowd,
  label: string,
  before?: ManagedCertificate,
): Promise<ManagedCertificate> {
  const look = async (): Promise<ManagedCertificate | undefined> => {
    const now = await crowd.certificate(label);
    return now?.issued === undefined || now.issued.chain === before?.issued?.chain
      ? undefined
      : now;
  };
  return vi.waitUntil(look, deadline);
}

async function renew(crowd: Crowd, label: string): Promise<ManagedCertificate> {
  const before = await crowd.certificate(label);
  await crowd.store.hasten(before?.id ?? '');
  return issuedAfter(crowd, label, before);
}

/** Nothing under way: no lease, no open order. */
async function untilQuiet(crowd: Crowd): Promise<void> {
  await vi.waitUntil(async () => {
    const orders = await crowd.orders.since(crowd.front.directoryUrl, new Date(0));
    return orders.every(({ outcome }) => outcome !== 'open') && (await crowd.leases()) === 0;
  }, deadline);
}
