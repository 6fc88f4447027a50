// The stores arrive; who is reached by which name leaves: servers by label and by domain of their own, and the hub itself.

import type { Logger } from '../../shared/log.ts';
import type { Audit } from '../audit/audit.ts';
import type { HubConfig } from '../config.ts';
import { openDomainChecks, type DomainChecks } from './domain-checks.ts';
import type { Opened } from './opened.ts';
import { Place } from './place.ts';
import type { Stores } from './stores.ts';
import { LiveDomains } from '../tunnels/domains/live.ts';
import { Tunnels, type Rivals } from '../tunnels/registry.ts';
import type { Server } from '../tunnels/server.ts';

type RivalsListener = (serverId: string, rivals: Rivals) => void;
type TransferListener = (former: Server, server: Server) => void;

export interface Names {
  readonly place: Place;
  readonly tunnels: Tunnels;
  readonly domainChecks: DomainChecks;
  /** Two agents run with one key. */
  readonly onRivals: (listener: RivalsListener) => void;
  readonly onTransferred: (listener: TransferListener) => void;
}

export async function openNames(
  config: HubConfig,
  { stores, log, audit, opened }: { stores: Stores; log: Logger; audit: Audit; opened: Opened },
): Promise<Names> {
  const domains = new LiveDomains({
    store: stores.domains,
    onChange: (serverId) => tunnels.announce(serverId),
    onFailure: (error) => log.error({ err: error }, 'domains could not be read'),
  });
  const told: { rivals?: RivalsListener; transfer?: TransferListener } = {};
  const place = new Place(config, (serverId) => domains.hostnamesOf(serverId));
  const tunnels = new Tunnels({
    store: stores.servers,
    tenantDomain: config.tenantDomain,
    domains,
    addressesOf: (server) => place.addressesOf(server),
    onFailure: (error) => log.error({ err: error }, 'servers could not be read'),
    graceMs: config.reconnectGraceMs,
    onRivals: (serverId, rivals) => told.rivals?.(serverId, rivals),
    onTransferred: (former, server) => told.transfer?.(former, server),
  });
  opened.add(async () => domains.stop());
  await domains.start();
  opened.add(async () => tunnels.stop());
  await tunnels.start();
  const domainChecks = openDomainChecks(config, stores, { log, audit });
  const { checker } = domainChecks;
  opened.add(async () => checker.stop());
  await checker.start();
  const onRivals: Names['onRivals'] = (listener) => {
    told.rivals = listener;
  };
  const onTransferred: Names['onTransferred'] = (listener) => {
    told.transfer = listener;
  };
  return { place, tunnels, domainChecks, onRivals, onTransferred };
}
