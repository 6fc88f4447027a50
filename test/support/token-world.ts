// A database arrives; its tokens and device grant leave, with accounts that exist in memory and a clock that the test moves.

import { randomUUID } from 'node:crypto';

import type { Account, Role } from '../../hub/accounts/account.ts';
import type { LoginCaller } from '../../hub/accounts/caller.ts';
import { defaultAccountLimits } from '../../hub/accounts/limits.ts';
import { Guard } from '../../hub/accounts/login/guard.ts';
import { DeadBearers } from '../../hub/accounts/tokens/dead-bearers.ts';
import { DeviceGrant, type Opening } from '../../hub/accounts/tokens/device-grant.ts';
import { noTokenCounts } from '../../hub/accounts/tokens/token-counts.ts';
import { Tokens } from '../../hub/accounts/tokens/tokens.ts';
import type { AuditEntry } from '../../hub/audit/audit.ts';
import type { Database } from '../../hub/db/connect.ts';
import { PostgresDeviceRequestStore } from '../../hub/db/tokens/device-request-store.ts';
import { PostgresTokenStore } from '../../hub/db/tokens/token-store.ts';
import type { Notice } from '../../hub/notices/notice.ts';
import { memoryGuardStore } from './memory-guard-store.ts';

export class TokenWorld {
  now = new Date('2026-11-22T12:00:00Z');
  readonly accounts = new Map<string, Account>();
  readonly noted: AuditEntry[] = [];
  readonly told: Notice[] = [];
  readonly tokens: Tokens;
  readonly devices: DeviceGrant;

  constructor(database: Database) {
    const now = (): Date => this.now;
    const audit = { note: (entry: AuditEntry) => void this.noted.push(entry) };
    const notices = { tell: (notice: Notice) => void this.told.push(notice) };
    const limits = defaultAccountLimits;
    const guard = new Guard({ store: memoryGuardStore(), limits, now });
    this.tokens = new Tokens({
      store: new PostgresTokenStore(database),
      holders: { find: async (id) => this.accounts.get(id) },
      audit,
      notices,
      counts: noTokenCounts,
      dead: new DeadBearers({ guard, limits, audit, now }),
      now,
    });
    const store = new PostgresDeviceRequestStore(database);
    this.devices = new DeviceGrant({ store, guard, audit, notices, counts: noTokenCounts, now });
  }

  pass(ms: number): void {
    this.now = new Date(this.now.getTime() + ms);
  }

  account(change: Partial<Account> & { role?: Role } = {}): Account {
    const id = change.id ?? randomUUID();
    const account: Account = {
      id,
      ownerId: id,
      username: `user-${id.slice(0, 8)}`,
      key: `user-${id.slice(0, 8)}`,
      email: undefined,
      emailVerifiedAt: undefined,
      role: 'owner',
      state: 'active',
      createdAt: this.now,
      lastLoginAt: undefined,
      passwordBreached: false,
      networks: [],
      ...change,
    };
    this.accounts.set(id, account);
    return account;
  }

  /** A browser that somebody has signed in with. */
  caller(account = this.account(), address: string | undefined = '192.0.2.7'): LoginCaller {
    return {
      kind: 'login',
      account,
      address,
      requestId: 'request',
      login: {
        id: randomUUID(),
        accountId: account.id,
        secretHash: Buffer.alloc(32),
        methods: ['password'],
        restriction: undefined,
        createdAt: this.now,
        seenAt: this.now,
        endsAt: this.now,
        address,
        software: 'Firefox on Linux',
        liftedUntil: undefined,
      },
    };
  }

  async opened(
    address = '198.51.100.4',
    wish: { app?: string; deviceName?: string } = {},
  ): Promise<Extract<Opening, { kind: 'opened' }>> {
    const opening = await this.devices.begin({
      app: 'phlix-tv',
      deviceName: 'Living room',
      address,
      ...wish,
    });
    if (opening.kind === 'full') throw new Error(`no room: ${opening.who}`);
    return opening;
  }
}
