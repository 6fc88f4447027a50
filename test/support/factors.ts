// A database arrives; the rooms of factors leave on it, as the hub composes them, and what they told the audit log and people.

import { randomUUID } from 'node:crypto';

import { FactorNews, type Doer, type FactorEvent } from '../../hub/accounts/factors/factor-news.ts';
import { Factors } from '../../hub/accounts/factors/factors.ts';
import { Passkeys } from '../../hub/accounts/factors/passkeys.ts';
import { Pepper } from '../../hub/accounts/factors/pepper.ts';
import { RecoveryCodes } from '../../hub/accounts/factors/recovery.ts';
import type { Sealing } from '../../hub/accounts/factors/sealing.ts';
import { Totp } from '../../hub/accounts/factors/totp.ts';
import { TrustedBrowsers } from '../../hub/accounts/factors/trusted-browsers.ts';
import type { AuditEntry } from '../../hub/audit/audit.ts';
import { KeyRing } from '../../hub/certificates/life/sealing.ts';
import type { Database } from '../../hub/db/connect.ts';
import { PostgresPasskeyStore } from '../../hub/db/factors/passkey-store.ts';
import { PostgresRecoveryStore } from '../../hub/db/factors/recovery-store.ts';
import { PostgresSealedSecretStore } from '../../hub/db/factors/sealed-secret-store.ts';
import { PostgresStandingStore } from '../../hub/db/factors/standing-store.ts';
import { PostgresTotpStore } from '../../hub/db/factors/totp-store.ts';
import { PostgresTrustedBrowserStore } from '../../hub/db/factors/trusted-browser-store.ts';
import type { Notice } from '../../hub/notices/notice.ts';

export const relyingParty = {
  id: 'hub.phlix.test',
  origin: 'https://hub.phlix.test',
  name: 'Phlix Hub',
} as const;

export const testSecret = 'a secret of the tests with 32 characters and more';

export const doer: Doer = { actor: { id: randomUUID(), name: 'robin' }, address: '192.0.2.7' };

/** What was noted and told, as it came. */
export class Told {
  readonly noted: AuditEntry[] = [];
  readonly notices: Notice[] = [];
  readonly counted: FactorEvent[] = [];
  readonly news = new FactorNews({
    audit: { note: (entry) => void this.noted.push(entry) },
    notices: { tell: (notice) => void this.notices.push(notice) },
    counts: { count: (event) => void this.counted.push(event) },
  });

  get kinds(): string[] {
    return this.notices.map(({ kind }) => kind);
  }
}

export interface FactorRooms {
  readonly totp: Totp;
  readonly passkeys: Passkeys;
  readonly recovery: RecoveryCodes;
  readonly trusted: TrustedBrowsers;
  readonly factors: Factors;
  readonly standings: PostgresStandingStore;
}

export interface RoomsOptions {
  readonly told?: Told;
  readonly sealing?: Sealing;
  readonly now?: () => Date;
  readonly window?: number;
  /** Of trust in a browser. */
  readonly lifeDays?: number;
}

export async function testKeyRing(...secrets: string[]): Promise<KeyRing> {
  return KeyRing.open({
    secrets: secrets.length === 0 ? [testSecret] : secrets,
    dataDir: '/nonexistent',
  });
}

/** Of one process: two of them on one database are two processes of a hub. */
export async function openFactorRooms(
  database: Database,
  options: RoomsOptions = {},
): Promise<FactorRooms> {
  const { news } = options.told ?? new Told();
  const sealing = options.sealing ?? (await testKeyRing());
  const clock = options.now === undefined ? {} : { now: options.now };
  const pepper = new Pepper({ store: new PostgresSealedSecretStore(database), sealing });
  const totp = new Totp({
    store: new PostgresTotpStore(database),
    sealing,
    news,
    issuer: 'Phlix Hub',
    window: options.window ?? 1,
    ...clock,
  });
  const passkeys = new Passkeys({
    store: new PostgresPasskeyStore(database, clock),
    news,
    relyingParty: () => relyingParty,
    ...clock,
  });
  const recovery = new RecoveryCodes({
    store: new PostgresRecoveryStore(database),
    pepper,
    news,
    ...clock,
  });
  const trusted = new TrustedBrowsers({
    store: new PostgresTrustedBrowserStore(database),
    news,
    lifeDays: options.lifeDays ?? 30,
    ...clock,
  });
  const standings = new PostgresStandingStore(database);
  const factors = new Factors({ holdings: standings, totp, passkeys, recovery });
  return { totp, passkeys, recovery, trusted, factors, standings };
}
