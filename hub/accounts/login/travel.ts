// A sign-in arrives with its address; whether its person can have come there since the last one leaves, and where it was is kept once it went well (row A-13).

import type { Visit } from './login.ts';

/** What follows when somebody cannot have come so far. None of them shuts the address out: it may be a VPN's. */
export const travelActions = ['challenge', 'notify', 'block'] as const;
/** challenge: a second factor, on a trusted browser too. notify: a message and no more. block: no sign-in. */
export type TravelAction = (typeof travelActions)[number];

export interface Spot {
  /** Degrees, north and east. */
  readonly latitude: number;
  readonly longitude: number;
  /** How far off it may be. */
  readonly accuracyKm: number;
}

/** Where a network is, as far as anybody knows. */
export interface Place {
  readonly spot: Spot | undefined;
  /** Two letters (ISO 3166-1). */
  readonly country: string | undefined;
  /** In English, where the map knows it. */
  readonly city?: string | undefined;
}

/** Implemented by travel-map.ts. */
export interface TravelMap {
  /** Undefined: private, or not on the map. Never throws: without a map nothing is known. */
  find(address: string): Promise<Place | undefined>;
}

export interface Whereabouts extends Spot {
  readonly at: Date;
}

export interface WhereaboutsStore {
  /** Of the last sign-in that went well, and whose place was known. */
  find(accountId: string): Promise<Whereabouts | undefined>;
  /** Takes the former's place, whatever the clock said then. */
  put(accountId: string, whereabouts: Whereabouts): Promise<void>;
}

export interface TravelLimits {
  readonly speedKmh: number;
  readonly distanceKm: number;
}

/** An airliner does 900 km/h, from door to door hardly 500; below 100 km a map of addresses knows too little to accuse anybody. */
export const defaultTravelLimits: TravelLimits = { speedKmh: 500, distanceKm: 100 };

/** first: no sign-in to compare with. unknown: private, not on the map, or there is no map to be read. */
export type TravelResult = 'first' | 'near' | 'far' | 'unknown';

export interface Journey {
  readonly distanceKm: number;
  readonly speedKmh: number;
}

export interface TravelOptions {
  /** Undefined: HUB_GEOIP_DB is not set, and nothing is looked up. */
  readonly map: TravelMap | undefined;
  readonly store: WhereaboutsStore;
  readonly action: TravelAction;
  readonly limits: TravelLimits;
  readonly onChecked: (result: TravelResult) => void;
  readonly now?: () => Date;
}

export class Travel {
  readonly action: TravelAction;
  readonly #options: TravelOptions;
  readonly #now: () => Date;

  constructor(options: TravelOptions) {
    this.#options = options;
    this.action = options.action;
    this.#now = options.now ?? (() => new Date());
  }

  /** Before a sign-in goes on. A journey: nobody travels so fast. */
  async look(accountId: string, { address }: Pick<Visit, 'address'>): Promise<Journey | undefined> {
    const { map, store, limits, onChecked } = this.#options;
    if (map === undefined) return undefined;
    const here = await this.#spotOf(address);
    const last = here && (await store.find(accountId));
    if (here === undefined || last === undefined) {
      onChecked(here === undefined ? 'unknown' : 'first');
      return undefined;
    }
    const journey = journeyBetween(last, here, this.#now());
    const isFar = journey.distanceKm > limits.distanceKm && journey.speedKmh > limits.speedKmh;
    onChecked(isFar ? 'far' : 'near');
    return isFar ? journey : undefined;
  }

  /** After a sign-in that went well: a failed one says nothing of where the account's person is. */
  async arrived(accountId: string, { address }: Pick<Visit, 'address'>): Promise<void> {
    const spot = await this.#spotOf(address);
    if (spot !== undefined) await this.#options.store.put(accountId, { ...spot, at: this.#now() });
  }

  /** Where the hub knows. */
  async countryOf(address: string | undefined): Promise<string | undefined> {
    return (await this.placeOf(address))?.country;
  }

  /** There is a map: what has no place is not on it. */
  get knowsPlaces(): boolean {
    return this.#options.map !== undefined;
  }

  /** As the map has it now; none of it is kept. */
  async placeOf(address: string | undefined): Promise<Place | undefined> {
    return address === undefined ? undefined : this.#options.map?.find(address);
  }

  async #spotOf(address: string | undefined): Promise<Spot | undefined> {
    return (await this.placeOf(address))?.spot;
  }
}

/** Two sign-ins at once are a minute apart; so is a clock that was set back: far is then far, and costs a second factor. */
const leastMs = 60_000;
const hourMs = 3_600_000;

/** The least way that the accuracy of both ends allows. */
export function journeyBetween(from: Whereabouts, to: Spot, at: Date): Journey {
  const distanceKm = Math.max(0, greatCircleKm(from, to) - from.accuracyKm - to.accuracyKm);
  const elapsedMs = Math.max(leastMs, at.getTime() - from.at.getTime());
  return { distanceKm, speedKmh: distanceKm / (elapsedMs / hourMs) };
}

const earthRadiusKm = 6371;

/** By haversines, which stay exact for neighbours; rounding never takes the root's argument beyond 1, as between antipodes. */
function greatCircleKm(from: Spot, to: Spot): number {
  const share =
    haversine(radians(to.latitude - from.latitude)) +
    Math.cos(radians(from.latitude)) *
      Math.cos(radians(to.latitude)) *
      haversine(radians(to.longitude - from.longitude));
  return 2 * earthRadiusKm * Math.asin(Math.sqrt(Math.min(1, share)));
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

function haversine(angle: number): number {
  return Math.sin(angle / 2) ** 2;
}
