// The hub's settings arrive; its stores leave, on a database that is open and migrated.

import type { Logger } from '../shared/log.ts';
import type { HubConfig } from './config.ts';
import { openDatabase } from './db/connect.ts';
import { PostgresEnrolmentStore } from './db/enrolment-store.ts';
import { PostgresPresenceStore } from './db/presence-store.ts';
import { PostgresServerStore } from './db/server-store.ts';
import { Enrolment } from './tunnels/enrolment.ts';
import type { PresenceStore } from './tunnels/presence.ts';
import type { ServerStore } from './tunnels/server.ts';

export interface Stores {
  readonly servers: ServerStore;
  readonly enrolment: Enrolment;
  readonly presence: PresenceStore;
  /** Where the database is, without user and password. */
  readonly place: string;
  /** This process runs the database, for itself: no hub runs on the same folder. */
  readonly isAlone: boolean;
  close(): Promise<void>;
}

/** @throws DatabaseError */
export async function openStores(
  config: HubConfig,
  options: { purpose: 'hub' | 'command'; log: Logger },
): Promise<Stores> {
  const settings = { url: config.databaseUrl?.reveal(), dataDir: config.dataDir };
  const database = await openDatabase(settings, options);
  const ownLabels = ownLabelsOf(config);
  const { nameLimits: limits } = config;
  const store = new PostgresEnrolmentStore(database, { limits });
  return {
    servers: new PostgresServerStore(database, { limits, ownLabels }),
    enrolment: new Enrolment({ store, hubHost: config.hubHost, ownLabels }),
    presence: new PostgresPresenceStore(database),
    place: database.place,
    isAlone: database.serverPid !== undefined,
    close: async () => database.close(),
  };
}

/** The label that the hub's own name takes under the tenant domain, if it lies there. */
function ownLabelsOf({ hubHost, tenantDomain }: HubConfig): string[] {
  if (!hubHost.endsWith(`.${tenantDomain}`)) return [];
  const label = hubHost
    .slice(0, -tenantDomain.length - 1)
    .split('.')
    .at(-1);
  return label === undefined ? [] : [label];
}
