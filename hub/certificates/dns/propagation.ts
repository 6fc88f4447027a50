// A TXT record that a provider has accepted arrives; it leaves once every authoritative server shows it, or with the name of the one that does not.

import { setTimeout as pause } from 'node:timers/promises';

import type { Authoritative, NameServer, Zone } from './authoritative.ts';
import { txtValues } from './authoritative.ts';
import { DnsError } from './failure.ts';
import type { TxtRecord } from './provider.ts';

export interface PropagationLimits {
  /** Providers publish within seconds, deSEC and Route 53 within a minute, slow secondaries within a few. */
  readonly timeoutMs: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** So long may a server be silent before the others are believed without it, as resolvers do. */
  readonly silenceMs: number;
}

const defaultLimits: PropagationLimits = {
  timeoutMs: 300_000,
  firstPauseMs: 500,
  longestPauseMs: 5000,
  silenceMs: 20_000,
};

/** What one server says of the record. `silent`: no answer, or none for this zone: resolvers pass it by. */
type Sight = 'shown' | 'missing' | 'silent';

interface Look {
  readonly server: NameServer;
  readonly sight: Sight;
}

export class Propagation {
  readonly #authoritative: Authoritative;
  readonly #limits: PropagationLimits;

  constructor(authoritative: Authoritative, limits: Partial<PropagationLimits> = {}) {
    this.#authoritative = authoritative;
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** Follows the aliases at the record's name. @throws DnsError `dns.lagging`, `dns.not-delegated`, `dns.alias` */
  async waitFor(record: TxtRecord, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    const name = await this.#authoritative.followAlias(record.name, signal);
    const zone = await this.#authoritative.zoneOf(name, signal);
    let pauseMs = this.#limits.firstPauseMs;
    for (;;) {
      const looks = await this.#lookAtAll(zone, { ...record, name }, signal);
      const elapsedMs = performance.now() - startedAt;
      if (this.#isEnough(looks, elapsedMs)) return;
      if (elapsedMs + pauseMs > this.#limits.timeoutMs) {
        throw await this.#lagging(zone, { ...record, name }, looks, elapsedMs, signal);
      }
      await pause(pauseMs, undefined, { signal });
      pauseMs = Math.min(pauseMs * 2, this.#limits.longestPauseMs);
    }
  }

  #isEnough(looks: readonly Look[], elapsedMs: number): boolean {
    if (looks.some(({ sight }) => sight === 'missing')) return false;
    const hasSilent = looks.some(({ sight }) => sight === 'silent');
    const isShown = looks.some(({ sight }) => sight === 'shown');
    return isShown && (!hasSilent || elapsedMs >= this.#limits.silenceMs);
  }

  async #lookAtAll(zone: Zone, record: TxtRecord, signal: AbortSignal): Promise<Look[]> {
    return Promise.all(
      zone.servers.map(async (server) => ({
        server,
        sight: await this.#lookAt(server, record, signal),
      })),
    );
  }

  /** Every address that answers has to show it; one that does not answer may be of a family that this machine lacks. */
  async #lookAt(server: NameServer, record: TxtRecord, signal: AbortSignal): Promise<Sight> {
    const sights = await Promise.all(
      server.addresses.map(async (address): Promise<Sight> => {
        try {
          const reply = await this.#authoritative.askServer(address, record.name, 'TXT', signal);
          if (reply === undefined) return 'silent';
          const values = txtValues(reply.answers, record.name);
          return values.includes(record.value) ? 'shown' : 'missing';
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof DnsError) return 'silent';
          throw error;
        }
      }),
    );
    if (sights.includes('missing')) return 'missing';
    return sights.includes('shown') ? 'shown' : 'silent';
  }

  async #lagging(
    zone: Zone,
    record: TxtRecord,
    looks: readonly Look[],
    elapsedMs: number,
    signal: AbortSignal,
  ): Promise<DnsError> {
    const late = looks.filter(({ sight }) => sight !== 'shown');
    const serials = new Map<string, number | undefined>();
    for (const { server } of looks)
      serials.set(server.name, await this.#serialOf(server, zone, signal));
    const said = late.map(({ server, sight }) => {
      if (sight === 'silent') return `${server.name} does not answer for ${zone.apex}`;
      const serial = serials.get(server.name);
      return `${server.name} does not show it${serial === undefined ? '' : ` (serial ${serial})`}`;
    });
    const newest = looks.find(({ sight }) => sight === 'shown')?.server.name;
    const others =
      newest === undefined
        ? 'no server shows it'
        : `${newest} shows it (serial ${serials.get(newest) ?? 'unknown'})`;
    const remedy =
      newest === undefined
        ? 'check that the provider in the settings is the one whose name servers the domain leads to'
        : 'check how the zone gets to that server (NOTIFY and zone transfer), or take it out of the NS records';
    const message = `The TXT record ${record.name} was accepted, but after ${Math.round(elapsedMs / 1000)} s ${said.join(', ')}; ${others}: ${remedy}.`;
    return new DnsError('dns.lagging', message);
  }

  async #serialOf(
    server: NameServer,
    zone: Zone,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const [address] = server.addresses;
    if (address === undefined) return undefined;
    try {
      const reply = await this.#authoritative.askServer(address, zone.apex, 'SOA', signal);
      const soa = reply?.answers.find((answer) => answer.type === 'SOA');
      return soa?.data.serial;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof DnsError) return undefined;
      throw error;
    }
  }
}
