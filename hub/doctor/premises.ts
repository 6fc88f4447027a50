// What the doctor of a hub may look at: its settings and its machine always, and where it runs the rooms of the running hub.

import type { AddressInfo } from 'node:net';

import type { DiskLook } from '../../shared/doctor/disk.ts';
import type { Versions } from '../../shared/doctor/software.ts';
import type { MapState } from '../accounts/login/travel-map.ts';
import type { AuditEntry } from '../audit/audit.ts';
import type { Verification } from '../audit/verify.ts';
import type { HubConfig } from '../config.ts';
import type { DatabaseState } from '../db/examination.ts';
import type { FeedLook } from './advisory-feed.ts';
import type { HeldCertificate } from '../telemetry/certificate-metrics.ts';
import type { TripBook } from '../telemetry/trips.ts';

/** There whether a hub runs or not. */
export interface Premises {
  readonly config: HubConfig;
  readonly now: Date;
  readonly machine: {
    readonly memoryBytes: number;
    /** Of its interfaces. */
    readonly addresses: readonly string[];
    /** `/proc`; where there is none, what the kernel would say is left out. */
    readonly kernel: string;
    readonly disk: DiskLook;
    /** What runs here. */
    readonly software: Versions;
  };
  /** A list of holes that is fetched, if the settings want one. */
  readonly advisories: (() => Promise<FeedLook>) | undefined;
  /** Undefined: they are in the database, and only a running hub knows them. @throws CertificateError */
  readonly certificates: () => Promise<readonly HeldCertificate[] | undefined>;
  /** Undefined: the hub's own database, which runs while the hub does. @throws DatabaseError */
  readonly database: () => Promise<DatabaseState | undefined>;
}

/** Where the hub really listens. */
export interface OpenDoors {
  readonly https: AddressInfo;
  readonly tunnel: AddressInfo;
  readonly http: AddressInfo | undefined;
  readonly admin: AddressInfo | undefined;
}

/** An admin, and what he may prove himself with. */
export interface AdminHoldings {
  readonly username: string;
  readonly passkeys: number;
  readonly hasTotp: boolean;
}

/** What a running hub knows besides. */
export interface RunningHub extends Premises {
  readonly version: string;
  /** Undefined until it listens. */
  readonly doors: () => OpenDoors | undefined;
  readonly publicUrl: string;
  /** The database's clock. */
  readonly databaseTime: () => Promise<Date>;
  /** Recalculates the hashes of what is on the disk. */
  readonly verifyAudit: () => Promise<Verification>;
  readonly audit: {
    note(entry: AuditEntry): void;
    flush(): Promise<void>;
    readonly counts: { readonly lost: number; readonly waiting: number };
  };
  /** Whether an entry about this target is found again. */
  readonly findsNoted: (target: string) => Promise<boolean>;
  /** What this process holds people out by, and what the database says: networks. */
  readonly bans: () => Promise<{ held: readonly string[]; stored: readonly string[] }>;
  readonly admins: () => Promise<readonly AdminHoldings[]>;
  /** When a trusted proxy last did not say who its visitor was. */
  readonly unnamedAt: () => Date | undefined;
  /** HUB_GEOIP_DB, looked at now, and how many sign-ins were held against it since the start; undefined: it is not set. */
  readonly travels: () => Promise<{ map: MapState; checks: number }> | undefined;
  readonly trips: TripBook;
  readonly memory: () => { readonly residentBytes: number; readonly sheds: boolean };
}
