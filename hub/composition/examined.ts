// The rooms of a running hub arrive; its doctor leaves, who knows them all, and the book of limits that somebody ran into.

import type { Finding } from '../../shared/doctor/finding.ts';
import { version } from '../../shared/version.ts';
import type { Audited } from './audited.ts';
import { verify } from '../audit/verify.ts';
import type { HubConfig } from '../config.ts';
import type { AdvisoryFeed } from '../doctor/advisory-feed.ts';
import type { AdminHoldings, OpenDoors, Premises, RunningHub } from '../doctor/premises.ts';
import type { Overload } from './overload.ts';
import type { People } from './people.ts';
import type { Place } from './place.ts';
import type { Stores } from './stores.ts';
import type { HeldCertificate } from '../telemetry/certificate-metrics.ts';
import { Trips } from '../telemetry/trips.ts';
import { memoryBytes } from '../process/machine.ts';

export interface ExaminedParts {
  readonly stores: Stores;
  readonly people: People;
  readonly audited: Audited;
  readonly held: () => readonly HeldCertificate[];
  readonly place: Place;
  readonly unnamed: { readonly at: Date | undefined };
  readonly overload: Pick<Overload, 'sheds'>;
}

export class Examined {
  readonly trips = new Trips();
  readonly #config: HubConfig;
  readonly #parts: ExaminedParts;
  #doors: OpenDoors | undefined;
  #advisories: AdvisoryFeed | undefined;

  constructor(config: HubConfig, parts: ExaminedParts) {
    this.#config = config;
    this.#parts = parts;
  }

  /** From now on there are doors to look at. */
  opens(doors: OpenDoors): void {
    this.#doors = doors;
  }

  async look(): Promise<readonly Finding[]> {
    // Only now: a hub that nobody examines starts sooner without what its doctor looks with.
    const { examineRunning, premisesOf } = await import('../doctor/doctor.ts');
    const certificates = async (): Promise<readonly HeldCertificate[]> => this.#parts.held();
    const own = { certificates, advisories: await this.#feed(), memoryBytes: memoryBytes() };
    return examineRunning(this.#hub(premisesOf(this.#config, own)));
  }

  /** One for the life of the process: it remembers when it last asked, and what it has seen. */
  async #feed(): Promise<Premises['advisories']> {
    const { advisoryFeed, dataDir } = this.#config;
    if (advisoryFeed === undefined) return undefined;
    const { openFeed } = await import('../doctor/advisory-feed.ts');
    const feed = (this.#advisories ??= openFeed(advisoryFeed, dataDir));
    return () => feed.look();
  }

  #hub(premises: Premises): RunningHub {
    const { stores, people, audited, place, unnamed, overload } = this.#parts;
    const { audit, bans } = audited;
    return {
      ...premises,
      version,
      doors: () => this.#doors,
      publicUrl: place.publicUrl,
      databaseTime: async () => stores.now(),
      verifyAudit: async () => verify(premises.config.audit.folder, stores.auditIndex),
      audit,
      findsNoted: async (target) =>
        (await stores.auditIndex.find({ target, limit: 1 })).items.length > 0,
      bans: async () => ({
        held: bans.list().map(({ network }) => network),
        stored: await bansThatHold(stores),
      }),
      admins: async () => adminsOf(stores),
      unnamedAt: () => unnamed.at,
      travels: () => travelsOf(people),
      trips: this.trips,
      memory: () => ({ residentBytes: process.memoryUsage.rss(), sheds: overload.sheds }),
    };
  }
}

async function bansThatHold({ bans }: Stores): Promise<string[]> {
  const now = new Date();
  const all = await bans.list();
  return all
    .filter(({ until }) => until === undefined || until > now)
    .map(({ network }) => network);
}

/** A page of the store. A hub whose first accounts of thousands have no admin among them is asked on. */
const page = 500;

async function adminsOf({ people, factors }: Stores): Promise<AdminHoldings[]> {
  const admins: AdminHoldings[] = [];
  let after: string | undefined;
  for (;;) {
    const accounts = await people.accounts.list({ after, limit: page });
    for (const { id, role, state, username } of accounts) {
      if (role !== 'admin' || state !== 'active') continue;
      const { passkeys, hasTotp } = await factors.standings.holdingsOf(id);
      admins.push({ username, passkeys, hasTotp });
    }
    after = accounts.at(-1)?.key;
    if (accounts.length < page) return admins;
  }
}

function travelsOf({ travelMap, travelMetrics }: People) {
  return travelMap?.look().then((map) => ({ map, checks: travelMetrics.total }));
}
