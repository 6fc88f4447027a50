// Bans by operators and by the guard arrive, and addresses that want to come in; whether they may leaves, in every process of the hub.

import { randomUUIDv7 } from 'node:crypto';

import type { Logger } from '../../../shared/log.ts';
import { addressBucket, CidrSet, parseNetwork, type Network } from '../../../shared/net-address.ts';
import type { Audit, AuditActor } from '../../audit/audit.ts';
import { AccessError } from '../access-error.ts';
import type { Ban, BanOrigin, BanStore, BanWish } from './ban.ts';
import { BanList, holds } from './ban-list.ts';
import {
  maxGuardBans,
  maxOperatorBans,
  maxReasonLength,
  reloadDelayMs,
  sweepIntervalMs,
  widePrefix,
} from './limits.ts';

export interface BansOptions {
  readonly store: BanStore;
  readonly audit: Audit;
  readonly trustedProxies: CidrSet;
  readonly log: Logger;
  readonly now?: () => Date;
}

export class Bans {
  readonly #options: BansOptions;
  readonly #now: () => Date;
  #list = new BanList();
  readonly #made: Record<BanOrigin, number> = { guard: 0, operator: 0 };
  #refused = 0;
  readonly #listeners = new Set<(ban: Ban) => void>();
  #sweeping: NodeJS.Timeout | undefined;
  #reloading: NodeJS.Timeout | undefined;
  #stopListening: () => void = () => undefined;
  #complainedAt = -Infinity;

  /** Knows all there are, and hears of each change until `close`. */
  static async open(options: BansOptions): Promise<Bans> {
    const bans = new Bans(options);
    bans.#stopListening = await options.store.onChange(() => bans.#reloadSoon());
    await bans.#reload();
    bans.#sweeping = setInterval(() => void bans.#sweep(), sweepIntervalMs).unref();
    return bans;
  }

  private constructor(options: BansOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  close(): void {
    this.#stopListening();
    clearInterval(this.#sweeping);
    clearTimeout(this.#reloading);
  }

  /** Made by this process. */
  get made(): Readonly<Record<BanOrigin, number>> {
    return this.#made;
  }

  /** Those whom a door sent away. */
  get refused(): number {
    return this.#refused;
  }

  /** A door has sent somebody away. */
  countRefusal(): void {
    this.#refused += 1;
  }

  /** Called with each new one, also of other processes: whoever it covers and is in may have to leave. */
  onBanned(listener: (ban: Ban) => void): void {
    this.#listeners.add(listener);
  }

  /** The ban that covers a canonical address now. From memory: it can be asked at every connection. */
  covering(address: string): Ban | undefined {
    return this.#covering(address);
  }

  /** The same if it holds at every door: an operator's. The guard's keeps people from the hub's own pages and API only. */
  everywhere(address: string): Ban | undefined {
    return this.#covering(address, 'operator');
  }

  /** Those that hold, youngest first. */
  list(): readonly Ban[] {
    const now = this.#now();
    return [...this.#list.bans]
      .filter((ban) => holds(ban, now))
      .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1));
  }

  /**
   * An operator's, in the place of another one of the same network. An IPv6 address without a prefix is its /64, as the guard
   * counts: whoever has it has all of them. @throws NetAddressError net.*, AccessError ban.*
   */
  async add(wish: BanWish): Promise<Ban> {
    const written = parseNetwork(wish.network.trim());
    this.#refuseExempt(written);
    const network = isBare(wish.network) ? this.#widened(written) : written;
    this.#refuse(network, wish);
    const createdAt = this.#now();
    const { actor, forMs } = wish;
    const ban: Ban = {
      id: randomUUIDv7(),
      network: textOf(network),
      origin: 'operator',
      reason: wish.reason.slice(0, maxReasonLength),
      by: typeof actor === 'string' ? actor : actor.name,
      createdAt,
      until: forMs === undefined ? undefined : new Date(createdAt.getTime() + forMs),
    };
    await this.#options.store.put(ban);
    this.#added(ban, wish);
    return ban;
  }

  /**
   * The guard's: bans the bucket of an address (IPv4 /32, IPv6 /64) from the hub's own pages and API. Never loopback and never
   * a trusted proxy: one of these among those who guess means that clients' addresses do not reach the hub, and is reported
   * (row C-05). Never rejects.
   */
  async banAddress(
    address: string,
    { forMs, reason }: { forMs: number; reason: string },
  ): Promise<Ban | undefined> {
    const exemption = this.#exemption(address);
    if (exemption !== undefined) return this.#complain(address, exemption);
    const createdAt = this.#now();
    const ban: Ban = {
      id: randomUUIDv7(),
      network: textOf(parseNetwork(addressBucket(address))),
      origin: 'guard',
      reason,
      by: 'system',
      createdAt,
      until: new Date(createdAt.getTime() + forMs),
    };
    try {
      if (!(await this.#options.store.putUnlessOperators(ban))) return this.covering(address);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'a ban could not be stored: it holds in this process');
    }
    this.#added(ban, { actor: 'system', address });
    return ban;
  }

  /** By id, or by address or network as it was banned. Undefined: there is none. @throws NetAddressError net.* */
  async remove(
    which: string,
    by: { actor: AuditActor; address?: string | undefined; requestId?: string | undefined },
  ): Promise<Ban | undefined> {
    const wanted = which.trim();
    const lifted: Ban[] = [];
    for (const key of uuid.test(wanted) ? [{ id: wanted }] : keysOf(wanted)) {
      const ban = await this.#options.store.remove(key);
      if (ban === undefined) continue;
      this.#list.remove(ban.network);
      this.#note('ban.removed', ban, by);
      lifted.push(ban);
    }
    return lifted[0];
  }

  #covering(address: string, origin?: BanOrigin): Ban | undefined {
    const ban = this.#list.covering(address, this.#now(), origin);
    return ban === undefined || this.#exemption(address) !== undefined ? undefined : ban;
  }

  /** @throws AccessError ban.* */
  /** A proxy may have a neighbour that is banned: then of that one alone, since firewalls take this list as it is. */
  #widened(written: Network): Network {
    const network = bucketOf(written);
    return this.#options.trustedProxies.overlaps(network) ? written : network;
  }

  #refuseExempt(network: Network): void {
    const text = textOf(network);
    const exemption = this.#exemption(network.address);
    const isNarrow = network.prefix >= 8;
    if (exemption === 'loopback' && isNarrow)
      throw new AccessError(
        'ban.loopback',
        `${text} is this machine itself, and is never banned. If visitors seem to come from there, a proxy hides them: set HUB_TRUSTED_PROXIES.`,
      );
    if (exemption === 'proxy' && isNarrow)
      throw new AccessError(
        'ban.proxy',
        `${text} is a trusted proxy (HUB_TRUSTED_PROXIES): all its visitors would be banned. Ban the address that it names.`,
      );
  }

  /** @throws AccessError ban.* */
  #refuse(network: Network, { isConfirmed, address }: BanWish): void {
    this.#refuseUnconfirmed(network, { isConfirmed, address });
    const count = this.list().filter(({ origin }) => origin === 'operator').length;
    if (count >= maxOperatorBans)
      throw new AccessError(
        'ban.limit',
        `There are ${maxOperatorBans} bans already. Ban wider networks, or let the firewall do it: phlix-hub ban list --nftables prints what it needs.`,
      );
  }

  #refuseUnconfirmed(
    network: Network,
    { isConfirmed, address }: Pick<BanWish, 'isConfirmed' | 'address'>,
  ): void {
    if (isConfirmed === true) return;
    if (address !== undefined && new CidrSet([network]).has(address))
      throw new AccessError(
        'ban.own',
        `${textOf(network)} covers ${address}, from where you ask: you would lock yourself out. Confirm it if you mean it; phlix-hub ban remove on the host lifts it.`,
      );
    if (network.prefix < widePrefix[network.family])
      throw new AccessError(
        'ban.wide',
        `${textOf(network)} is wider than a /${widePrefix[network.family]}: many people share it. Confirm it if you mean it; on the command line with --yes.`,
      );
  }

  #exemption(address: string): 'loopback' | 'proxy' | undefined {
    if (address === '::1' || address.startsWith('127.')) return 'loopback';
    return this.#options.trustedProxies.has(address) ? 'proxy' : undefined;
  }

  /** Once in a while: somebody may be guessing thousands of times. */
  #complain(address: string, exemption: 'loopback' | 'proxy'): undefined {
    const now = performance.now();
    if (now - this.#complainedAt < complaintIntervalMs) return;
    this.#complainedAt = now;
    this.#options.log.warn(
      {
        code: 'net.proxy-banned',
        address,
        remedy:
          exemption === 'proxy'
            ? 'let the proxy send X-Forwarded-For, or a PROXY header with HUB_PROXY_PROTOCOL=1'
            : 'a proxy on this machine hides its visitors: name it in HUB_TRUSTED_PROXIES',
      },
      'your proxy would be banned: it does not say whom it brings',
    );
  }

  #added(ban: Ban, by: Pick<BanWish, 'actor' | 'requestId' | 'address'>): void {
    this.#list.put(ban);
    this.#made[ban.origin] += 1;
    this.#note('ban.added', ban, by);
    for (const listener of this.#listeners) listener(ban);
  }

  #note(
    event: 'ban.added' | 'ban.removed' | 'ban.expired',
    { network, reason, until }: Ban,
    { actor, address, requestId }: Pick<BanWish, 'actor' | 'requestId' | 'address'>,
  ): void {
    const term = until === undefined ? 'for good' : `until ${until.toISOString()}`;
    this.#options.audit.note({
      event,
      actor,
      address,
      target: network,
      result: 'ok',
      reason: `${term}: ${reason}`,
      requestId,
    });
  }

  #reloadSoon(): void {
    this.#reloading ??= setTimeout(() => {
      this.#reloading = undefined;
      this.#reload().catch((error: unknown) => {
        this.#options.log.warn({ err: error }, 'bans could not be read: the former ones hold');
      });
    }, reloadDelayMs).unref();
  }

  async #reload(): Promise<void> {
    const known = new Set([...this.#list.bans].map(({ id }) => id));
    const bans = await this.#options.store.list();
    this.#list = new BanList(bans);
    for (const ban of bans)
      if (!known.has(ban.id)) for (const listener of this.#listeners) listener(ban);
  }

  /** Cannot reject. */
  async #sweep(): Promise<void> {
    try {
      const over = await this.#options.store.sweep(this.#now(), maxGuardBans);
      for (const ban of over) this.#note('ban.expired', ban, { actor: 'system' });
    } catch (error) {
      this.#options.log.warn({ err: error }, 'bans that are over could not be forgotten yet');
    }
  }
}

const complaintIntervalMs = 60_000;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function isBare(text: string): boolean {
  return !text.includes('/');
}

function bucketOf({ address }: Network): Network {
  return parseNetwork(addressBucket(address));
}

/** Of one address also the ban of it alone, which somebody may have written with its prefix. */
function keysOf(text: string): readonly { readonly network: string }[] {
  const written = parseNetwork(text);
  const networks = isBare(text) ? [bucketOf(written), written] : [written];
  return [...new Set(networks.map(textOf))].map((network) => ({ network }));
}

function textOf({ address, prefix }: Network): string {
  return `${address}/${prefix}`;
}
