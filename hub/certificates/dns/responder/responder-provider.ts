// TXT records of proofs arrive; every process's responder answers with them, or no longer does.

import { DnsError } from '../failure.ts';
import type { Delegation, DnsProvider, TxtRecord } from '../provider.ts';
import type { TxtRecordStore } from '../txt-records.ts';
import type { Responder } from './responder.ts';
import { isAnswered, type ResponderSettings } from './settings.ts';

/** An attempt takes minutes; what a process that died had put here is gone when the next day's attempts begin. */
const recordLifeMs = 6 * 60 * 60 * 1000;

export class ResponderProvider implements DnsProvider {
  readonly name = 'responder';
  readonly delegations: readonly Delegation[];
  readonly #settings: ResponderSettings;
  readonly #store: TxtRecordStore;
  readonly #responder: Pick<Responder, 'refresh'> | undefined;

  /** `responder`: this process's own, undefined where only others have one, as in a command beside the hub. */
  constructor(options: {
    readonly settings: ResponderSettings;
    readonly store: TxtRecordStore;
    readonly responder?: Pick<Responder, 'refresh'> | undefined;
  }) {
    this.#settings = options.settings;
    const { zones, nameServers } = options.settings;
    this.delegations = zones.map((zone) => ({ zone, nameServers }));
    this.#store = options.store;
    this.#responder = options.responder;
  }

  async add({ name, value }: TxtRecord, signal: AbortSignal): Promise<void> {
    if (!isAnswered(this.#settings, name)) throw this.#foreign(name);
    signal.throwIfAborted();
    await this.#store.put({ name, value }, new Date(Date.now() + recordLifeMs));
    await this.#responder?.refresh();
  }

  async remove({ name, value }: TxtRecord, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#store.remove({ name, value });
    await this.#responder?.refresh();
  }

  #foreign(name: string): DnsError {
    const { zones } = this.#settings;
    const target = `${name
      .replace(/^_acme-challenge\./, '')
      .replaceAll('.', '-')}.${zones[0] ?? ''}`;
    const message = `${name} is in no zone that this hub answers for (${zones.join(', ')}): at the DNS provider, add "${name}. CNAME ${target}."`;
    return new DnsError('dns.zone-unknown', message);
  }
}
