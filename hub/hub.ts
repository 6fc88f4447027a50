// Checked settings arrive; a hub leaves that listens, and that can be stopped. The one place where every room is known: tests start it too.

import type { PortSharing } from '../shared/listen-address.ts';
import type { Logger } from '../shared/log.ts';
import { AcmeCertificates } from './acme.ts';
import { FileCertificates } from './certificates/files.ts';
import { LocalCa } from './certificates/local-ca.ts';
import type { CertificateSource } from './certificates/store.ts';
import { localCaFolder, type HubConfig } from './config.ts';
import { ControlClient } from './control-client.ts';
import { Control } from './control.ts';
import { openDomainChecks } from './domain-checks.ts';
import { Doors, sharingOf, type HubAddresses } from './doors.ts';
import { Peers } from './edge/peers.ts';
import { Overload } from './overload.ts';
import { Place } from './place.ts';
import { openStores, type Stores } from './stores.ts';
import { Counters } from './telemetry/counters.ts';
import { LiveDomains } from './tunnels/domains/live.ts';
import { PresenceReporter } from './tunnels/presence.ts';
import { Tunnels } from './tunnels/registry.ts';

export interface Hub {
  readonly addresses: HubAddresses;
  readonly certificates: CertificateSource;
  readonly stores: Stores;
  readonly tunnels: Tunnels;
  readonly counters: Counters;
  /** When an operator's command, or another process of this hub, wants it to end. */
  readonly stopAsked: Promise<void>;
  /** Accepts no more, lets what runs finish within HUB_DRAIN_TIMEOUT, and closes everything. */
  stop(): Promise<void>;
}

export interface HubOptions {
  readonly log: Logger;
  /** Takes the place of the process that runs with the same data folder, without a gap. Needs a database that outlives it. */
  readonly takesOver?: boolean;
}

/** @throws CodedError; whatever was opened until then is closed again. */
export async function startHub(config: HubConfig, options: HubOptions): Promise<Hub> {
  const opened = new Opened(options.log);
  try {
    return await open(config, options, opened);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function open(config: HubConfig, options: HubOptions, opened: Opened): Promise<Hub> {
  const { log } = options;
  const former = options.takesOver ? await takeOver(config, log) : undefined;
  opened.add(() => former?.close());
  const stores = await openStores(config, { purpose: 'hub', log });
  opened.add(async () => stores.close());
  const sharing = former === undefined ? sharingOf(config) : 'joining';
  const { certificates, acme } = await openCertificates(config, { stores, log, sharing });
  opened.add(async () => (acme ?? certificates).stop());

  const overload = new Overload({
    limitBytes: config.memoryLimitBytes,
    onChange: ({ sheds, residentBytes }) =>
      log.warn({ residentBytes, limitBytes: config.memoryLimitBytes, sheds }, 'memory'),
  });
  opened.add(() => overload.stop());

  const domains = new LiveDomains({
    store: stores.domains,
    onChange: (serverId) => tunnels.announce(serverId),
    onFailure: (error) => log.error({ err: error }, 'domains could not be read'),
  });
  const place = new Place(config, (serverId) => domains.hostnamesOf(serverId));
  const tunnels = new Tunnels({
    store: stores.servers,
    tenantDomain: config.tenantDomain,
    domains,
    addressesOf: (server) => place.addressesOf(server),
    onFailure: (error) => log.error({ err: error }, 'servers could not be read'),
    graceMs: config.reconnectGraceMs,
    onRivals: (serverId, { link, winner }) =>
      log.warn(
        { serverId, agentId: link.agentId, kept: winner.address, refused: link.address },
        'two agents use one key',
      ),
  });
  opened.add(async () => domains.stop());
  await domains.start();
  opened.add(async () => tunnels.stop());
  await tunnels.start();
  const { checker } = openDomainChecks(config, stores, log);
  opened.add(async () => checker.stop());
  await checker.start();

  const presence = new PresenceReporter({
    store: stores.presence,
    onFailure: (error) => log.warn({ err: error }, 'who is connected could not be stored'),
  });
  opened.add(async () => presence.stop());
  await presence.start();

  const counters = new Counters();
  const peers = new Peers({
    trustedProxies: config.trustedProxies,
    isProxied: config.isProxied,
    timeoutMs: config.edgeLimits.helloTimeoutMs,
    log,
  });
  const parts = {
    config,
    log,
    stores,
    certificates,
    proofs: acme?.proofs,
    place,
    tunnels,
    presence,
    counters,
    peers,
    overload,
  };
  const doors = new Doors(parts);
  opened.add(async () => doors.close());
  // Before the doors: when this one fails, its agents find their way back to the former.
  opened.add(() => former?.close());
  const addresses = await doors.listen(former, sharing);
  const control = await Control.open(config.dataDir, doors, log);
  opened.add(() => control?.close());
  log.info({ ...addresses, database: stores.place }, 'hub ready');
  await acme?.start();
  return {
    addresses,
    certificates,
    stores,
    tunnels,
    counters,
    stopAsked: doors.stopAsked,
    stop: async () => opened.close(),
  };
}

interface OpenedCertificates {
  readonly certificates: CertificateSource & { stop(): void | Promise<void> };
  /** Where the hub gets them by itself. */
  readonly acme?: AcmeCertificates;
}

/** @throws ControlError */
async function takeOver(config: HubConfig, log: Logger): Promise<ControlClient | undefined> {
  const former = await ControlClient.connect(config.dataDir);
  if (former === undefined) log.info('no hub runs with this data folder: nothing to take over');
  await former?.takeOver();
  return former;
}

async function openCertificates(
  config: HubConfig,
  parts: { stores: Stores; log: Logger; sharing: PortSharing },
): Promise<OpenedCertificates> {
  const { hubHost, tenantDomain, tls } = config;
  const { log } = parts;
  const names = { hubHost, tenantDomain };
  if (tls.kind === 'acme') {
    const acme = await AcmeCertificates.open({ config, tls, ...parts });
    return { certificates: acme.source, acme };
  }
  return {
    certificates:
      tls.kind === 'files'
        ? await FileCertificates.open({ ...names, pairs: tls.pairs, log })
        : await LocalCa.open({ ...names, folder: localCaFolder(config), log }),
  };
}

type Closer = () => void | Promise<void>;

/** What is open, in order. Closed from the youngest to the oldest; a failure keeps nothing else open. */
class Opened {
  readonly #closers: Closer[] = [];
  readonly #log: Logger;
  #closing: Promise<void> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(close: Closer): void {
    this.#closers.push(close);
  }

  /** Stopping twice is stopping once. */
  async close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    for (const close of this.#closers.toReversed()) {
      try {
        await close();
      } catch (error) {
        this.#log.error({ err: error }, 'a part of the hub did not close');
      }
    }
  }
}
