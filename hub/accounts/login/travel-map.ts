// The operator's MMDB file and an address arrive; where that address is leaves. The file may be replaced at any time; one that cannot be read is as good as none, and says so (row A-13).

import { readFile, stat } from 'node:fs/promises';

import ipaddr from 'ipaddr.js';
import type { CityResponse, Reader } from 'maxmind';

import type { Logger } from '../../../shared/log.ts';
import type { Place, Spot, TravelMap } from './travel.ts';

/** For diagnostics. */
export type MapState =
  | { readonly kind: 'read'; readonly type: string; readonly builtAt: Date }
  | { readonly kind: 'broken'; readonly reason: string };

/** City files have 70 MB; what is ten times that is not one. */
const maxFileBytes = 1024 * 1024 * 1024;

const separatorBytes = 16;

/** Of one file as it was: another size, time or inode is another file. */
interface Edition {
  readonly mark: string;
  readonly reader: Reader<CityResponse> | undefined;
}

export class TravelMapFile implements TravelMap {
  readonly #path: string;
  readonly #log: Logger;
  #edition: Edition | undefined;
  #state: MapState = { kind: 'broken', reason: 'it has not been read yet' };
  #looking: Promise<Reader<CityResponse> | undefined> | undefined;

  constructor(options: { path: string; log: Logger }) {
    this.#path = options.path;
    this.#log = options.log;
  }

  /** After a look at the file. */
  async look(): Promise<MapState> {
    await this.#reader();
    return this.#state;
  }

  async find(address: string): Promise<Place | undefined> {
    if (isOfNoPlace(address)) return undefined;
    const reader = await this.#reader();
    try {
      const found = reader?.get(address);
      if (!found) return undefined;
      return { spot: spotOf(found), country: countryOf(found), city: cityOf(found) };
    } catch (error) {
      // Its tree or its data lead nowhere: the next address would fail there too.
      this.#breakOff('what is in it leads nowhere', error);
      return undefined;
    }
  }

  /** Several sign-ins at once look once. */
  async #reader(): Promise<Reader<CityResponse> | undefined> {
    this.#looking ??= this.#current().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #current(): Promise<Reader<CityResponse> | undefined> {
    const mark = await this.#mark();
    if (mark === undefined) return undefined;
    if (mark !== this.#edition?.mark) {
      this.#edition = { mark, reader: undefined };
      this.#edition = { mark, reader: await this.#read() };
    }
    return this.#edition.reader;
  }

  async #mark(): Promise<string | undefined> {
    try {
      const { ino, size, mtimeMs } = await stat(this.#path);
      if (size <= maxFileBytes) return `${ino} ${size} ${mtimeMs}`;
      this.#breakOff('it is larger than any map of addresses');
    } catch (error) {
      this.#breakOff('it is not there, or closed to this user', error);
    }
    this.#edition = undefined;
    return undefined;
  }

  async #read(): Promise<Reader<CityResponse> | undefined> {
    try {
      const bytes = await readFile(this.#path);
      const maxmind = await import('maxmind');
      const reader = new maxmind.Reader<CityResponse>(bytes);
      const { databaseType: type, buildEpoch: builtAt, searchTreeSize } = reader.metadata;
      // Metadata stand at the end. Behind the tree are sixteen zeros: not so where the beginning is missing.
      const separator = bytes.subarray(searchTreeSize, searchTreeSize + separatorBytes);
      if (separator.length < separatorBytes || separator.some((byte) => byte !== 0))
        throw new RangeError('the tree does not end where the metadata say');
      this.#state = { kind: 'read', type, builtAt };
      this.#log.info({ type, builtAt }, 'map of addresses read');
      return reader;
    } catch (error) {
      this.#breakOff('it is no MMDB file, or not whole', error);
      return undefined;
    }
  }

  /** Told once, until it is otherwise. */
  #breakOff(reason: string, error?: unknown): void {
    if (this.#edition !== undefined) this.#edition = { ...this.#edition, reader: undefined };
    const isNews = this.#state.kind === 'read' || this.#state.reason !== reason;
    this.#state = { kind: 'broken', reason };
    if (!isNews) return;
    const remedy =
      'put a City file in MMDB format there; until then nobody’s travels are looked at';
    this.#log.warn(
      { path: this.#path, reason, remedy, err: error, code: 'login.travel-map' },
      'HUB_GEOIP_DB cannot be used',
    );
  }
}

/** A map that says where 192.168.1.7 is speaks of somebody else's. */
const homeRanges: ReadonlySet<string> = new Set([
  'private',
  'uniqueLocal',
  'loopback',
  'linkLocal',
  'carrierGradeNat',
  'unspecified',
]);

function isOfNoPlace(address: string): boolean {
  return !ipaddr.isValid(address) || homeRanges.has(ipaddr.process(address).range());
}

/** Of a file that anybody may have written. */
function spotOf({ location }: CityResponse): Spot | undefined {
  const latitude = numberIn(location?.latitude, -90, 90);
  const longitude = numberIn(location?.longitude, -180, 180);
  if (latitude === undefined || longitude === undefined) return undefined;
  // Files without it are exact to a city.
  return { latitude, longitude, accuracyKm: numberIn(location?.accuracy_radius, 0, 20_000) ?? 50 };
}

function countryOf({ country }: CityResponse): string | undefined {
  const code: unknown = country?.iso_code;
  return typeof code === 'string' && /^[A-Z]{2}$/.test(code) ? code : undefined;
}

/** The longest name of a place has 85 letters. */
const maxCityLength = 100;

/** On a page and in a file it is text like any other; nothing in it may steer a terminal or turn a line around. */
function cityOf({ city }: CityResponse): string | undefined {
  const name: unknown = city?.names?.en;
  const isName = typeof name === 'string' && name !== '' && name.length <= maxCityLength;
  return isName && !/\p{C}/u.test(name) ? name : undefined;
}

function numberIn(value: unknown, least: number, most: number): number | undefined {
  return typeof value === 'number' && value >= least && value <= most ? value : undefined;
}
