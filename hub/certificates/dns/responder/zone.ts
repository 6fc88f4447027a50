// Settings and TXT records arrive; a zone that knows which names exist, and what each of them has, leaves.

import { Buffer } from 'node:buffer';

import type { CaaRecord } from '../caa.ts';
import type { TxtRecord } from '../provider.ts';
import { soaTimes, ttl } from './limits.ts';

/** Names are lower case, without the root's dot. */
export interface ZoneSettings {
  readonly name: string;
  /** The first is the primary of the SOA. */
  readonly nameServers: readonly NameServer[];
  readonly caa: readonly CaaRecord[];
  /** May lie within the zone, around it or elsewhere. */
  readonly hosts: AddressedHosts;
}

/** Names that lead to this hub, or to what stands before it. */
export interface AddressedHosts {
  readonly names: readonly string[];
  /** Every host name under it, and itself: the tenant domain. */
  readonly domain: string | undefined;
  readonly addresses: readonly string[];
}

export interface NameServer {
  readonly name: string;
  /** Answered where the name lies in a zone of ours. */
  readonly addresses: readonly string[];
}

/** One record of an answer; what `data` is depends on its type, as dns-packet has it. */
export type ResourceRecord = { readonly owner: string; readonly ttl: number } & (
  | { readonly type: 'A' | 'AAAA' | 'NS'; readonly data: string }
  | { readonly type: 'TXT'; readonly data: readonly string[] }
  | { readonly type: 'CAA'; readonly data: CaaRecord }
  | { readonly type: 'HINFO'; readonly data: { readonly cpu: string; readonly os: string } }
  | { readonly type: 'SOA'; readonly data: SoaData }
);

export type AnswerableType = Exclude<ResourceRecord['type'], 'HINFO'>;

interface SoaData {
  readonly mname: string;
  readonly rname: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

/** What a host may be called: letters, digits and hyphens (RFC 1123 §2.1). `_acme-challenge` is none. */
const hostLabels = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
/** RFC 1035 §3.3: octets of one character-string; a longer text is several of them. */
const stringBytes = 255;

export class Zone {
  readonly name: string;
  readonly #settings: ZoneSettings;
  readonly #serial: number;
  readonly #texts = new Map<string, string[]>();
  /** Names that have records, and those between them and the zone: without records, yet not absent (RFC 8020 §2). */
  readonly #names = new Set<string>();

  /** `records` may be of other zones. `serial` grows with each change (RFC 1982). */
  constructor(settings: ZoneSettings, records: readonly TxtRecord[], serial: number) {
    this.name = settings.name;
    this.#settings = settings;
    this.#serial = serial;
    this.#names.add(settings.name);
    const { domain, names } = settings.hosts;
    for (const name of [...names, ...(domain === undefined ? [] : [domain])]) this.#addName(name);
    for (const { name } of settings.nameServers) this.#addName(name);
    for (const { name, value } of records) {
      this.#addName(name);
      this.#texts.set(name, [...(this.#texts.get(name) ?? []), value]);
    }
  }

  has(name: string): boolean {
    return isWithin(name, this.name);
  }

  exists(name: string): boolean {
    return this.#names.has(name) || this.#isHost(name);
  }

  /** All that this name has of a type. */
  records(name: string, type: AnswerableType): ResourceRecord[] {
    const isApex = name === this.name;
    switch (type) {
      case 'SOA':
        return isApex ? [this.soa(ttl.infrastructure)] : [];
      case 'NS':
        return isApex ? this.#nameServers() : [];
      case 'CAA':
        return isApex ? this.#caa() : [];
      case 'TXT':
        return this.#texts.get(name)?.map((value) => textRecord(name, value)) ?? [];
      case 'A':
      case 'AAAA':
        break;
    }
    return this.#addresses(name, type);
  }

  /** For an answer that something is not there, its TTL is the time to believe that (RFC 2308 §3). */
  soa(ttlSeconds: number = ttl.negative): ResourceRecord {
    const data = {
      mname: this.#settings.nameServers[0]?.name ?? this.name,
      rname: `hostmaster.${this.name}`,
      serial: this.#serial,
      ...soaTimes,
      minimum: ttl.negative,
    };
    return { owner: this.name, type: 'SOA', ttl: ttlSeconds, data };
  }

  /** Addresses of name servers within the zone, which nobody could find elsewhere (RFC 9471). */
  glue(): ResourceRecord[] {
    const inside = this.#settings.nameServers.filter(({ name }) => this.has(name));
    return inside.flatMap(({ name }) => [
      ...this.#addresses(name, 'A'),
      ...this.#addresses(name, 'AAAA'),
    ]);
  }

  #addName(name: string): void {
    if (!this.has(name)) return;
    for (let rest = name; rest !== this.name; rest = parentOf(rest)) this.#names.add(rest);
  }

  #isHost(name: string): boolean {
    const { names, domain } = this.#settings.hosts;
    if (!this.has(name)) return false;
    if (name === domain || names.includes(name)) return true;
    const isBelow = domain !== undefined && isWithin(name, domain);
    return isBelow && hostLabels.test(name.slice(0, -domain.length - 1));
  }

  #addresses(name: string, type: 'A' | 'AAAA'): ResourceRecord[] {
    const server = this.#settings.nameServers.find((server) => server.name === name);
    const addresses =
      server?.addresses ?? (this.#isHost(name) ? this.#settings.hosts.addresses : []);
    return addresses
      .filter((address) => address.includes(':') === (type === 'AAAA'))
      .map((data) => ({ owner: name, type, ttl: ttl.address, data }));
  }

  #nameServers(): ResourceRecord[] {
    return this.#settings.nameServers.map(({ name }) => ({
      owner: this.name,
      type: 'NS',
      ttl: ttl.infrastructure,
      data: name,
    }));
  }

  #caa(): ResourceRecord[] {
    return this.#settings.caa.map((data) => ({
      owner: this.name,
      type: 'CAA',
      ttl: ttl.caa,
      data,
    }));
  }
}

/** The name itself, or one below it. */
export function isWithin(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}

function parentOf(name: string): string {
  return name.slice(name.indexOf('.') + 1);
}

function textRecord(owner: string, value: string): ResourceRecord {
  const octets = Buffer.from(value);
  const data: string[] = [];
  for (let at = 0; at === 0 || at < octets.length; at += stringBytes)
    data.push(octets.toString('latin1', at, at + stringBytes));
  return { owner, type: 'TXT', ttl: ttl.txt, data };
}
