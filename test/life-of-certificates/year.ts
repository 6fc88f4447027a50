// A number of names and what happens to their authority arrive; how a hub brought them through a year leaves.

import { generateKeyPairSync } from 'node:crypto';

import { limitsOf } from '../../hub/certificates/life/budget.ts';
import type {
  CertificateWish,
  ManagedCertificate,
} from '../../hub/certificates/life/certificate.ts';
import { LiveCertificates } from '../../hub/certificates/life/live.ts';
import { CertificateManager } from '../../hub/certificates/life/manager.ts';
import { KeyRing } from '../../hub/certificates/life/sealing.ts';
import { createLogger } from '../../shared/log.ts';
import { MemoryCertificateStore, MemoryOrderLog } from '../support/memory-certificates.ts';
import { seededRandom } from '../support/random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { ClockAuthority, type Outage, type Signed } from './clock-authority.ts';
import type { Headroom } from './published-limits.ts';

export interface Scenario {
  readonly title: string;
  readonly names: number;
  readonly days: number;
  readonly lifeDays: number;
  /** When the authority answers nobody, in days since the beginning. */
  readonly outage?: { readonly fromDay: number; readonly days: number };
  readonly hasFallback: boolean;
  /** Hubs on one database. */
  readonly hubs: number;
  readonly ariHours: number;
  /** Whether now and then an owner's domain leads elsewhere for some days. */
  readonly hasLapses: boolean;
  readonly seed: number;
}

export interface Year {
  readonly scenario: Scenario;
  readonly start: Date;
  readonly signed: readonly Signed[];
  readonly bySecond: readonly Signed[];
  /** Names that have a certificate at the end; all of them, unless a limit still holds some up. */
  readonly covered: number;
  /** Each moment at which a name that had been certified had nothing valid. */
  readonly gaps: readonly string[];
  /** What an authority had to complain about. */
  readonly faults: readonly string[];
  readonly headroom: Headroom;
  /** The least that was left of a certificate's life when its successor was stored, in days. */
  readonly shortestRestDays: number;
  readonly unanswered: number;
  /** Handshake look-ups that were answered with a loaded certificate. */
  readonly looked: number;
  readonly tookMs: number;
}

export const dayMs = 86_400_000;
const tenantDomain = 'hub.example';
const first = 'https://acme-v02.api.letsencrypt.org/directory';
const second = 'https://second.authority.example/directory';

export async function liveThrough(scenario: Scenario): Promise<Year> {
  const beganAt = performance.now();
  const start = new Date('2027-01-01T00:00:00Z');
  const clock = new VirtualClock(start);
  const world = await open(scenario, clock);
  const watcher = await Watcher.open(world.store, clock);
  for (const manager of world.managers) await manager.start();
  for (let day = 0; day < scenario.days; day += 1) {
    await arrive(world, scenario, day);
    await clock.run(dayMs);
    watcher.look(await world.store.list(), world.live, day);
  }
  const stopping = [...world.managers, world.live].map(async (part) => part.stop());
  await Promise.all(stopping);
  const [one, other] = world.authorities;
  return {
    scenario,
    start,
    signed: one.signed,
    bySecond: other.signed,
    covered: watcher.covered,
    gaps: watcher.gaps,
    faults: [...one.faults, ...other.faults],
    headroom: one.limits.headroom,
    shortestRestDays: watcher.shortestRestMs / dayMs,
    unanswered: one.unanswered,
    looked: watcher.looked,
    tookMs: performance.now() - beganAt,
  };
}

interface World {
  readonly store: MemoryCertificateStore;
  readonly authorities: readonly [ClockAuthority, ClockAuthority];
  readonly managers: readonly CertificateManager[];
  readonly live: LiveCertificates;
}

async function open(scenario: Scenario, clock: VirtualClock): Promise<World> {
  const { now, setTimer } = clock;
  const dice = seededRandom(scenario.seed);
  const random = (): number => dice.below(2 ** 32) / 2 ** 32;
  const store = new MemoryCertificateStore({ now });
  const keyRing = await KeyRing.open({ secrets: ['a secret of the test'], dataDir: '' });
  const log = createLogger({ level: 'silent', name: 'year' });
  const authorities = [
    authority(first, scenario, { clock, random }),
    authority(second, { ...scenario, outage: undefined }, { clock, random }),
  ] as const;
  const pollMs = dayMs;
  const shared = { store, keyRing, log, now, setTimer, pollMs };
  const orders = new MemoryOrderLog();
  const managers = Array.from(
    { length: scenario.hubs },
    () =>
      new CertificateManager({
        ...shared,
        orders,
        random,
        authorities: new Map(authorities.map((one) => [one.name, one])),
        fallback: scenario.hasFallback ? second : undefined,
        // The second keeps the same limits here, so that they are seen to be kept there as well.
        limitsOf: () => limitsOf(first),
        solverFor: () => idleSolver,
        createKeyAndCsr: keysFromPool(),
      }),
  );
  return { store, authorities, managers, live: await LiveCertificates.open(shared) };
}

function authority(
  name: string,
  scenario: Omit<Scenario, 'outage'> & { outage?: Scenario['outage'] },
  { clock, random }: { clock: VirtualClock; random: () => number },
): ClockAuthority {
  const start = clock.now().getTime();
  const { outage } = scenario;
  const outages: Outage[] =
    outage === undefined
      ? []
      : [
          {
            from: new Date(start + outage.fromDay * dayMs),
            to: new Date(start + (outage.fromDay + outage.days) * dayMs),
          },
        ];
  return new ClockAuthority({
    name,
    clock,
    random,
    outages,
    lifeMs: scenario.lifeDays * dayMs,
    ariRetryAfterMs: scenario.ariHours * 3_600_000,
    isProvable: (name, at) =>
      !scenario.hasLapses || isProvable(name, (at.getTime() - start) / dayMs),
  });
}

/** Six in ten names are there from the first day, as when a hub moves; the others come day by day for a third of the time. */
async function arrive({ managers }: World, { names, days }: Scenario, day: number): Promise<void> {
  const movedIn = Math.floor(names * 0.6);
  const perDay = (names - movedIn) / (days / 3);
  const count = Math.min(names, Math.floor(movedIn + day * perDay));
  const before = day === 0 ? 0 : Math.min(names, Math.floor(movedIn + (day - 1) * perDay));
  if (count === before) return;
  const wishes = Array.from({ length: count }, (_, index) => wishOf(index));
  for (const manager of managers) await manager.wishFor(wishes);
}

/** A quarter are names under the hub's own domain, which share its limit; the others are domains of owners. */
function wishOf(index: number): CertificateWish {
  const name = index % 4 === 0 ? `s${index}.${tenantDomain}` : `films.owner${index}.example`;
  return {
    names: [name],
    keyKind: 'ecdsa',
    authority: first,
    challenge: 'http-01',
    profile: undefined,
    serverId: undefined,
  };
}

/** One owner in fifty has his domain lead elsewhere by mistake, each for five days of every eighty. */
function isProvable(name: string, day: number): boolean {
  const index = Number(/^films\.owner(\d+)\./.exec(name)?.[1] ?? 0);
  return index % 50 !== 1 || (day + index) % 80 > 5;
}

/** Sees each certificate that is stored, and once a day every name. */
class Watcher {
  readonly gaps: string[] = [];
  shortestRestMs = Infinity;
  covered = 0;
  looked = 0;
  readonly #ends = new Map<string, Date>();

  static async open(store: MemoryCertificateStore, clock: VirtualClock): Promise<Watcher> {
    const watcher = new Watcher(clock);
    await store.watch((id) => {
      if (id === undefined) return;
      void store.find(id).then((row) => row && watcher.#note(row));
    });
    return watcher;
  }

  readonly #clock: VirtualClock;

  private constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** Between two certificates there is a gap if the first ended before the second was stored. */
  #note({ id, names, issued }: ManagedCertificate): void {
    const former = this.#ends.get(id);
    if (issued === undefined || issued.notAfter.getTime() === former?.getTime()) return;
    this.#ends.set(id, issued.notAfter);
    if (former === undefined) return;
    const restMs = former.getTime() - this.#clock.now().getTime();
    this.shortestRestMs = Math.min(this.shortestRestMs, restMs);
    if (restMs <= 0) this.gaps.push(`${names.join(' ')} until ${this.#clock.now().toISOString()}`);
  }

  look(rows: readonly ManagedCertificate[], live: LiveCertificates, day: number): void {
    const now = this.#clock.now();
    const issued = rows.filter((row) => row.issued !== undefined);
    this.covered = issued.length;
    for (const row of issued) {
      if ((row.issued?.notAfter ?? now) > now) continue;
      this.gaps.push(`${row.names.join(' ')} at ${now.toISOString()}`);
    }
    // A few names each day through what a handshake asks, with the key unsealed and loaded.
    for (let index = day % 300; index < issued.length; index += 300) {
      const name = issued[index]?.names[0] ?? '';
      const found = live.find(name);
      const isServed = found !== undefined && found.notAfter > now && found.names.includes(name);
      if (isServed) this.looked += 1;
      else this.gaps.push(`${name} is not served at ${now.toISOString()}`);
    }
  }
}

/** Making keys is not what is looked at here: thirty-two pairs are used in turn. The request is the public key alone. */
function keysFromPool(): () => Promise<{ key: string; csr: Uint8Array }> {
  const pool = Array.from({ length: 32 }, () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    return { key, csr: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })) };
  });
  let turn = 0;
  return async () => {
    turn += 1;
    const pair = pool[turn % pool.length];
    if (pair === undefined) throw new Error('the pool is empty');
    return pair;
  };
}

const idleSolver = {
  kind: 'http-01' as const,
  present: async () => {},
  wait: async () => {},
  cleanUp: async () => {},
};
