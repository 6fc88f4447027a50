// Passkeys and the challenges they answer arrive and leave as rows. Implements the port of hub/accounts/factors/passkeys.ts.

import type { Buffer } from 'node:buffer';

import type {
  PasskeyChallenge,
  PasskeyStore,
  StoredPasskey,
} from '../../accounts/factors/passkeys.ts';
import type { Database, Queries } from '../connect.ts';
import { and, desc, eq, lt, or } from '../drizzle.ts';
import { passkeyChallenges, passkeys } from '../factor-tables.ts';
import { inTransaction } from '../transaction.ts';
import { isUuid } from '../uuid.ts';
import {
  countPasskeys,
  endStanding,
  hasActiveTotp,
  lockFactors,
  wasTakenAway,
} from './factor-rows.ts';

export class PostgresPasskeyStore implements PasskeyStore {
  readonly #queries: Queries;
  readonly #now: () => Date;

  constructor(database: Pick<Database, 'queries'>, options: { now?: () => Date } = {}) {
    this.#queries = database.queries;
    this.#now = options.now ?? (() => new Date());
  }

  async list(accountId: string): Promise<StoredPasskey[]> {
    const rows = await this.#queries
      .select()
      .from(passkeys)
      .where(eq(passkeys.accountId, accountId))
      .orderBy(passkeys.createdAt, passkeys.id);
    return rows.map(passkeyOf);
  }

  async findByCredential(credentialId: Buffer): Promise<StoredPasskey | undefined> {
    const [row] = await this.#queries
      .select()
      .from(passkeys)
      .where(eq(passkeys.credentialId, credentialId));
    return row && passkeyOf(row);
  }

  async insert(
    passkey: StoredPasskey,
    { limit, askedAt }: { readonly limit: number; readonly askedAt: Date },
  ): Promise<'inserted' | 'full' | 'known' | 'late'> {
    const { accountId } = passkey;
    return inTransaction(this.#queries, async (tx) => {
      await lockFactors(tx, accountId);
      if (await wasTakenAway(tx, accountId, askedAt)) return 'late';
      if ((await countPasskeys(tx, accountId)) >= limit) return 'full';
      const values = {
        ...passkey,
        transports: [...passkey.transports],
        lastUsedAt: passkey.lastUsedAt ?? null,
      };
      const inserted = await tx
        .insert(passkeys)
        .values(values)
        .onConflictDoNothing()
        .returning({ id: passkeys.id });
      if (inserted.length === 0) return 'known';
      await endStanding(tx, accountId);
      return 'inserted';
    });
  }

  async rename(accountId: string, id: string, name: string): Promise<StoredPasskey | undefined> {
    if (!isUuid(id)) return undefined;
    const [row] = await this.#queries
      .update(passkeys)
      .set({ name })
      .where(and(eq(passkeys.id, id), eq(passkeys.accountId, accountId)))
      .returning();
    return row && passkeyOf(row);
  }

  async remove(accountId: string, id: string): Promise<'removed' | 'unknown' | 'last'> {
    if (!isUuid(id)) return 'unknown';
    const isThis = and(eq(passkeys.id, id), eq(passkeys.accountId, accountId));
    return inTransaction(this.#queries, async (tx) => {
      await lockFactors(tx, accountId);
      const [found] = await tx.select({ id: passkeys.id }).from(passkeys).where(isThis);
      if (found === undefined) return 'unknown';
      const isLast =
        (await countPasskeys(tx, accountId)) === 1 && !(await hasActiveTotp(tx, accountId));
      if (isLast) return 'last';
      await tx.delete(passkeys).where(isThis);
      return 'removed';
    });
  }

  async use(
    id: string,
    { counter, isBackedUp, at }: { counter: number; isBackedUp: boolean; at: Date },
  ): Promise<boolean> {
    // Many authenticators count nothing and say 0 for ever (WebAuthn Level 3 §6.1.1).
    const isNext = counter === 0 ? eq(passkeys.counter, 0) : lt(passkeys.counter, counter);
    const used = await this.#queries
      .update(passkeys)
      .set({ counter, isBackedUp, lastUsedAt: at })
      .where(and(eq(passkeys.id, id), isNext))
      .returning({ id: passkeys.id });
    return used.length === 1;
  }

  async putChallenge(challenge: PasskeyChallenge, perBinding: number): Promise<void> {
    await inTransaction(this.#queries, async (tx) => {
      const { binding } = challenge;
      const kept = await tx
        .select({ challenge: passkeyChallenges.challenge })
        .from(passkeyChallenges)
        .where(eq(passkeyChallenges.binding, binding))
        .orderBy(desc(passkeyChallenges.expiresAt));
      const given = kept
        .slice(perBinding - 1)
        .map((row) => eq(passkeyChallenges.challenge, row.challenge));
      await tx
        .delete(passkeyChallenges)
        .where(or(lt(passkeyChallenges.expiresAt, this.#now()), ...given));
      await tx
        .insert(passkeyChallenges)
        .values({ ...challenge, accountId: challenge.accountId ?? null });
    });
  }

  async takeChallenge(challenge: string): Promise<PasskeyChallenge | undefined> {
    const [row] = await this.#queries
      .delete(passkeyChallenges)
      .where(eq(passkeyChallenges.challenge, challenge))
      .returning();
    return row && { ...row, accountId: row.accountId ?? undefined };
  }
}

function passkeyOf(row: typeof passkeys.$inferSelect): StoredPasskey {
  return { ...row, lastUsedAt: row.lastUsedAt ?? undefined };
}
