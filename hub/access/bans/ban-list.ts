// Bans arrive; the one that covers an address leaves, however many there are: asked at every connection and request.

import { networkAround } from '../../../shared/net-address.ts';
import type { Ban, BanOrigin } from './ban.ts';

type Family = 'ipv4' | 'ipv6';

export class BanList {
  readonly #byNetwork = new Map<string, Ban>();
  /** How many there are of each length: a lookup costs one step for each, and there are few. */
  readonly #lengths: Record<Family, Map<number, number>> = { ipv4: new Map(), ipv6: new Map() };

  constructor(bans: Iterable<Ban> = []) {
    for (const ban of bans) this.put(ban);
  }

  get bans(): Iterable<Ban> {
    return this.#byNetwork.values();
  }

  /** In the place of another one of the same network. */
  put(ban: Ban): void {
    if (!this.#byNetwork.has(ban.network)) this.#count(ban.network, 1);
    this.#byNetwork.set(ban.network, ban);
  }

  remove(network: string): void {
    if (this.#byNetwork.delete(network)) this.#count(network, -1);
  }

  /** Takes canonical text. `origin`: only those. */
  covering(address: string, now: Date, origin?: BanOrigin): Ban | undefined {
    for (const length of this.#lengths[familyOf(address)].keys()) {
      const ban = this.#byNetwork.get(networkAround(address, length));
      if (ban === undefined || !holds(ban, now)) continue;
      if (origin === undefined || ban.origin === origin) return ban;
    }
    return undefined;
  }

  #count(network: string, change: number): void {
    const lengths = this.#lengths[familyOf(network)];
    const length = Number(network.slice(network.indexOf('/') + 1));
    const count = (lengths.get(length) ?? 0) + change;
    if (count === 0) lengths.delete(length);
    else lengths.set(length, count);
  }
}

export function holds({ until }: Ban, now: Date): boolean {
  return until === undefined || until > now;
}

function familyOf(text: string): Family {
  return text.includes(':') ? 'ipv6' : 'ipv4';
}
