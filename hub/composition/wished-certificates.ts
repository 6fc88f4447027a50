// Servers and domains change; what the hub wishes to hold certificates for leaves, as a whole, soon after each change.

import type { Logger } from '../../shared/log.ts';
import type { AuthorityName } from '../certificates/acme/authority.ts';
import type { CertificateWish } from '../certificates/life/certificate.ts';
import type { Labels } from '../certificates/life/releases.ts';
import { wishesOf, type NamedServer, type WishSettings } from '../certificates/life/wishes.ts';
import type { DomainStore } from '../tunnels/domains/domain.ts';
import type { Server, ServerStore } from '../tunnels/server.ts';

export interface WishedCertificatesOptions {
  readonly settings: WishSettings;
  /** For servers whose owner chose it; undefined: there is none any more, and the first one serves them. */
  readonly second: AuthorityName | undefined;
  readonly stores: {
    readonly servers: Pick<ServerStore, 'list' | 'watch'>;
    readonly domains: Pick<DomainStore, 'listServed' | 'watch'>;
  };
  readonly onWishes: (wishes: CertificateWish[], labels: Labels) => Promise<void>;
  readonly log: Logger;
  readonly times?: WishTimes;
}

export interface WishTimes {
  /** Between two looks: a hub where hundreds enrol at once reads its list once a second, not for each of them. */
  readonly pauseMs: number;
  /** The net under a notification that was lost. */
  readonly recheckMs: number;
}

const usualTimes: WishTimes = { pauseMs: 1000, recheckMs: 60_000 };

export class WishedCertificates {
  readonly #options: WishedCertificatesOptions;
  readonly #times: WishTimes;
  readonly #stops: (() => Promise<void>)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Infinity;
  #looking: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: WishedCertificatesOptions) {
    this.#options = options;
    this.#times = options.times ?? usualTimes;
  }

  /** Resolves when the first wishes were told. @throws what the stores throw */
  async start(): Promise<void> {
    const { servers, domains } = this.#options.stores;
    for (const store of [servers, domains]) this.#stops.push(await store.watch(() => this.#note()));
    await this.#tell();
    this.#lookIn(this.#times.recheckMs);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    for (const stop of this.#stops) await stop();
    await this.#looking;
  }

  #note(): void {
    this.#lookIn(this.#times.pauseMs);
  }

  /** The earlier of two looks is the one that counts. */
  #lookIn(delayMs: number): void {
    const dueAt = performance.now() + delayMs;
    if (this.#isStopped || dueAt >= this.#dueAt) return;
    this.#dueAt = dueAt;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#looking = this.#look();
    }, delayMs);
  }

  async #look(): Promise<void> {
    // What changes from here on is seen by the next look.
    this.#dueAt = Infinity;
    try {
      await this.#tell();
      this.#lookIn(this.#times.recheckMs);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'wishes for certificates could not be read');
      this.#lookIn(this.#times.pauseMs);
    }
  }

  async #tell(): Promise<void> {
    const { settings, stores, onWishes } = this.#options;
    const servers = (await stores.servers.list()).map((server) => this.#named(server));
    const wishes = wishesOf(settings, servers, await stores.domains.listServed());
    const labels = servers.flatMap(({ id, label }) =>
      label === undefined ? [] : ([[id, label]] as const),
    );
    await onWishes(wishes, new Map(labels));
  }

  #named({ id, label, switches }: Server): NamedServer {
    const { certificateKey } = switches;
    const authority = switches.authority === 'second' ? this.#options.second : undefined;
    return { id, label, certificateKey, authority };
  }
}
