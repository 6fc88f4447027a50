// The hub's settings arrive; its stores leave, on a database that is open and migrated.

import type { Logger } from '../../shared/log.ts';
import { usernameKey } from '../accounts/account.ts';
import type { PersonalRecords } from '../accounts/export.ts';
import type { DeviceRequestStore } from '../accounts/tokens/device-request.ts';
import type { TokenStore } from '../accounts/tokens/token.ts';
import type { ChallengeStore } from '../certificates/challenges/solver.ts';
import type { TxtRecordStore } from '../certificates/dns/txt-records.ts';
import type { AccountStore, CertificateStore, OrderLog } from '../certificates/life/certificate.ts';
import type { HubConfig } from '../config.ts';
import type { BanStore } from '../access/bans/ban.ts';
import type { DatabaseDump } from '../backup/database-dump.ts';
import type { BackupTurns } from '../backup/scheduler.ts';
import { hasStagedFiles } from '../backup/staged-files.ts';
import type { AuditIndex } from '../audit/audit-index.ts';
import { PostgresAccountStore } from '../db/account-store.ts';
import type { EmbeddedOptions } from '../db/embedded.ts';
import { peopleStores, type PeopleStores } from '../db/accounts/people-stores.ts';
import { PostgresAuditIndex } from '../db/audit/audit-index.ts';
import { PostgresBackupTurns } from '../db/backup-turns.ts';
import { PostgresBanStore } from '../db/bans/ban-store.ts';
import { PostgresCertificateStore } from '../db/certificate-store.ts';
import { PostgresChallengeStore } from '../db/challenge-store.ts';
import { PostgresCheckupStore } from '../db/checkup-store.ts';
import { PostgresWishPost } from '../db/wish-post.ts';
import { openDatabase, type Database, type OpenOptions } from '../db/connect.ts';
import { PostgresDomainStore } from '../db/domain-store.ts';
import { PostgresEnrolmentStore } from '../db/enrolment-store.ts';
import { emailStores, type EmailStores } from '../db/email/email-stores.ts';
import { factorStores, type FactorStores } from '../db/factors/factor-stores.ts';
import { noticeStores, type NoticeStores } from '../db/notices/notice-stores.ts';
import { PostgresOrderLog } from '../db/order-log.ts';
import { PostgresPresenceStore } from '../db/presence-store.ts';
import { PostgresSealedRows } from '../db/sealed-rows.ts';
import { databaseTime } from '../db/database-time.ts';
import { PostgresServerSharing } from '../db/server-sharing.ts';
import { PostgresServerStore } from '../db/server-store.ts';
import { ssoStores, type SsoStores } from '../db/sso/sso-stores.ts';
import { PostgresDeviceRequestStore } from '../db/tokens/device-request-store.ts';
import { PostgresTokenStore } from '../db/tokens/token-store.ts';
import { PostgresTxtRecordStore } from '../db/txt-record-store.ts';
import { PostgresPersonalRecords } from '../db/accounts/personal-records.ts';
import { PostgresEventStore } from '../db/usage/event-store.ts';
import { PostgresLimitStore } from '../db/usage/limit-store.ts';
import { PostgresNeighbourPost } from '../db/usage/neighbour-post.ts';
import { PostgresLinkSampleStore } from '../db/usage/link-sample-store.ts';
import { PostgresTrafficStore } from '../db/usage/traffic-store.ts';
import type { CheckupStore, WishPost } from '../tunnels/checkup.ts';
import type { DomainStore } from '../tunnels/domains/domain.ts';
import { Enrolment } from '../tunnels/enrolment.ts';
import type { PresenceStore } from '../tunnels/presence.ts';
import { Rotation } from '../tunnels/rotation.ts';
import type { ServerStore } from '../tunnels/server.ts';
import type { ServerSharing } from '../tunnels/sharing.ts';
import type { UsageStores } from '../usage/observatory.ts';

export interface Stores {
  readonly servers: ServerStore;
  readonly sharing: ServerSharing;
  readonly enrolment: Enrolment;
  readonly rotation: Rotation;
  readonly presence: PresenceStore;
  /** What agents found when they looked at themselves. */
  readonly checkups: CheckupStore;
  /** That they look again. */
  readonly checkupWishes: WishPost;
  readonly domains: DomainStore;
  readonly certificates: CertificateStore;
  /** At authorities. */
  readonly authorityAccounts: AccountStore;
  readonly orders: OrderLog;
  readonly challenges: ChallengeStore;
  readonly txtRecords: TxtRecordStore;
  readonly usage: UsageStores;
  readonly personalRecords: PersonalRecords;
  readonly auditIndex: AuditIndex;
  readonly bans: BanStore;
  readonly people: PeopleStores;
  readonly factors: FactorStores;
  readonly email: EmailStores;
  readonly sso: SsoStores;
  readonly notices: NoticeStores;
  readonly tokens: TokenStore;
  readonly deviceRequests: DeviceRequestStore;
  /** Everything that is sealed, wherever it lies. */
  readonly sealed: PostgresSealedRows;
  readonly backupTurns: BackupTurns;
  /** All of the database as it is now. */
  dump(): Promise<DatabaseDump>;
  /** Where the database is, without user and password. */
  readonly place: string;
  /** This process runs the database, for itself: no hub runs on the same folder. */
  readonly isAlone: boolean;
  /** By the database's clock. */
  now(): Promise<Date>;
  close(): Promise<void>;
}

/** @throws DatabaseError */
export async function openStores(config: HubConfig, options: EmbeddedOptions): Promise<Stores> {
  const settings = { url: config.databaseUrl?.reveal(), dataDir: config.dataDir };
  const database = await openDatabase(settings, {
    ...options,
    beforeChange: snapshotBefore(config, options.log),
  });
  if (await hasStagedFiles(config.dataDir)) await settleRestore(config, database);
  const ownLabels = ownLabelsOf(config);
  const { nameLimits: limits } = config;
  const store = new PostgresEnrolmentStore(database, { limits });
  return {
    servers: new PostgresServerStore(database, { limits, ownLabels }),
    sharing: new PostgresServerSharing(database, { keyOf: usernameKey }),
    enrolment: new Enrolment({ store, hubHost: config.hubHost, ownLabels }),
    rotation: new Rotation({ store, hubHost: config.hubHost }),
    presence: new PostgresPresenceStore(database),
    checkups: new PostgresCheckupStore(database),
    checkupWishes: new PostgresWishPost(database),
    domains: new PostgresDomainStore(database, config.domainLimits),
    certificates: new PostgresCertificateStore(database),
    authorityAccounts: new PostgresAccountStore(database),
    orders: new PostgresOrderLog(database),
    challenges: new PostgresChallengeStore(database),
    txtRecords: new PostgresTxtRecordStore(database),
    usage: usageStores(database),
    personalRecords: new PostgresPersonalRecords(database),
    auditIndex: new PostgresAuditIndex(database),
    bans: new PostgresBanStore(database),
    people: peopleStores(database),
    factors: factorStores(database),
    email: emailStores(database),
    sso: ssoStores(database),
    notices: noticeStores(database),
    tokens: new PostgresTokenStore(database),
    deviceRequests: new PostgresDeviceRequestStore(database),
    sealed: new PostgresSealedRows(database),
    backupTurns: new PostgresBackupTurns(database),
    dump: async () => database.dump(),
    place: database.place,
    isAlone: database.serverPid !== undefined,
    now: async () => databaseTime(database.queries),
    close: async () => database.close(),
  };
}

/** A version that changes the tables can be left again: phlix-hub rollback. */
function snapshotBefore(config: HubConfig, log: Logger): NonNullable<OpenOptions['beforeChange']> {
  return async ({ connection }) => {
    // Rare, and its rooms take their time to load.
    const { settleSnapshot, takeSnapshot } = await import('../upkeep/snapshotting.ts');
    const { path } = await takeSnapshot(config, connection, 'migration');
    log.info({ path }, 'snapshot taken: the tables are changed for this version');
    return { settle: async (isChanged) => settleSnapshot(config, path, isChanged) };
  };
}

async function settleRestore(config: HubConfig, database: Database): Promise<void> {
  const { settleInterrupted } = await import('../upkeep/restoring.ts');
  await settleInterrupted(config, database);
}

function usageStores(database: Database): UsageStores {
  return {
    traffic: new PostgresTrafficStore(database),
    limits: new PostgresLimitStore(database),
    neighbours: new PostgresNeighbourPost(database),
    linkSamples: new PostgresLinkSampleStore(database),
    events: new PostgresEventStore(database),
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
