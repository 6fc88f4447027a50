// TXT records arrive for a provider that keeps each value as a record with an id; its list holds them, or holds them no more.

import type { DnsProvider, TxtRecord } from './provider.ts';
import { holdsTxt } from './zone-name.ts';

export interface ListedRecord {
  readonly id: string;
  readonly content: string;
}

/** What an API of this kind can do. */
export interface RecordList<Zone> {
  readonly name: string;
  /** @throws DnsError `dns.zone-unknown` */
  zoneOf(name: string, signal: AbortSignal): Promise<Zone>;
  /** All TXT records at exactly this name, of all pages. */
  list(zone: Zone, name: string, signal: AbortSignal): Promise<ListedRecord[]>;
  /** Its id; undefined: the provider has that very record already. */
  create(zone: Zone, record: TxtRecord, signal: AbortSignal): Promise<string | undefined>;
  /** One that is gone already is a success. */
  delete(zone: Zone, id: string, signal: AbortSignal): Promise<void>;
}

export class ListedRecords<Zone> implements DnsProvider {
  readonly name: string;
  readonly #list: RecordList<Zone>;
  /** Ids of what was made here: lists of some providers show a record only seconds after its making. */
  readonly #made = new Map<string, string>();

  constructor(list: RecordList<Zone>) {
    this.name = list.name;
    this.#list = list;
  }

  async add(record: TxtRecord, signal: AbortSignal): Promise<void> {
    const zone = await this.#list.zoneOf(record.name, signal);
    const present = await this.#list.list(zone, record.name, signal);
    if (present.some(({ content }) => holdsTxt(content, record.value))) return;
    const id = await this.#list.create(zone, record, signal);
    if (id !== undefined) this.#made.set(keyOf(record), id);
  }

  async remove(record: TxtRecord, signal: AbortSignal): Promise<void> {
    const zone = await this.#list.zoneOf(record.name, signal);
    const present = await this.#list.list(zone, record.name, signal);
    const ids = new Set(
      present.filter(({ content }) => holdsTxt(content, record.value)).map(({ id }) => id),
    );
    const made = this.#made.get(keyOf(record));
    if (made !== undefined) ids.add(made);
    for (const id of ids) await this.#list.delete(zone, id, signal);
    this.#made.delete(keyOf(record));
  }
}

function keyOf({ name, value }: TxtRecord): string {
  return `${name} ${value}`;
}
