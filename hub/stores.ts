// The hub's settings arrive; its stores leave, on a database that is open and migrated.

import type { Logger } from '../shared/log.ts';
import type { ChallengeStore } from './certificates/challenges/solver.ts';
import type { TxtRecordStore } from './certificates/dns/txt-records.ts';
import type { AccountStore, CertificateStore, OrderLog } from './certificates/life/certificate.ts';
import type { HubConfig } from './config.ts';
import { PostgresAccountStore } from './db/account-store.ts';
import { PostgresCertificateStore } from './db/certificate-store.ts';
import { PostgresChallengeStore } from './db/challenge-store.ts';
import { openDatabase } from './db/connect.ts';
import { PostgresDomainStore } from './db/domain-store.ts';
import { PostgresEnrolmentStore } from './db/enrolment-store.ts';
import { PostgresOrderLog } from './db/order-log.ts';
import { PostgresPresenceStore } from './db/presence-store.ts';
import { PostgresServerStore } from './db/server-store.ts';
import { PostgresTxtRecordStore } from './db/txt-record-store.ts';
import type { DomainStore } from './tunnels/domains/domain.ts';
import { Enrolment } from './tunnels/enrolment.ts';
import type { PresenceStore } from './tunnels/presence.ts';
import type { ServerStore } from './tunnels/server.ts';

export interface Stores {
  readonly servers: ServerStore;
  readonly enrolment: Enrolment;
  readonly presence: PresenceStore;
  readonly domains: DomainStore;
  readonly certificates: CertificateStore;
  /** At authorities. */
  readonly accounts: AccountStore;
  readonly orders: OrderLog;
  readonly challenges: ChallengeStore;
  readonly txtRecords: TxtRecordStore;
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
    domains: new PostgresDomainStore(database, config.domainLimits),
    certificates: new PostgresCertificateStore(database),
    accounts: new PostgresAccountStore(database),
    orders: new PostgresOrderLog(database),
    challenges: new PostgresChallengeStore(database),
    txtRecords: new PostgresTxtRecordStore(database),
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
