// Places that notices go to arrive with their secrets sealed and leave as rows. Implements the port of hub/notices/targets/target.ts.

import type { Buffer } from 'node:buffer';

import type { NoticeKind } from '../../notices/notice.ts';
import type {
  NoticeTarget,
  NoticeTargetStore,
  TargetChange,
} from '../../notices/targets/target.ts';
import { isNoticeKind } from '../../notices/wording.ts';
import type { Database, Queries } from '../connect.ts';
import { and, count, eq, isNull, or, sql } from '../drizzle.ts';
import { noticeTargets } from '../notice-tables.ts';
import { inTransaction } from '../transaction.ts';
import { isUuid } from '../uuid.ts';

/** Advisory locks of two numbers, the second for whose targets; this first one is ours: "notice" on a telephone's keys. */
const lockSpace = 668_423;
/** An error's sentence; more is a page that somebody sent. */
const maxFailureLength = 500;

export class PostgresNoticeTargetStore implements NoticeTargetStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async insert(target: NoticeTarget, most: number): Promise<boolean> {
    return inTransaction(this.#queries, async (tx) => {
      const owner = target.accountId ?? 'hub';
      await tx.execute(sql`SELECT pg_advisory_xact_lock(${lockSpace}, hashtext(${owner}))`);
      const [found] = await tx
        .select({ targets: count() })
        .from(noticeTargets)
        .where(isOf(target.accountId));
      if ((found?.targets ?? 0) >= most) return false;
      const { failure, accountId, kinds, allow, lastSentAt, ...others } = target;
      await tx.insert(noticeTargets).values({
        ...others,
        accountId: accountId ?? null,
        kinds: [...kinds],
        allow: [...allow],
        lastSentAt: lastSentAt ?? null,
        failedAt: failure?.at ?? null,
        failure: failure?.reason ?? null,
      });
      return true;
    });
  }

  async list(accountId: string | undefined): Promise<NoticeTarget[]> {
    const rows = await this.#queries
      .select()
      .from(noticeTargets)
      .where(isOf(accountId))
      .orderBy(noticeTargets.id);
    return rows.map(targetOf);
  }

  async find(id: string): Promise<NoticeTarget | undefined> {
    if (!isUuid(id)) return undefined;
    const [row] = await this.#queries.select().from(noticeTargets).where(eq(noticeTargets.id, id));
    return row && targetOf(row);
  }

  async hearing(
    kind: NoticeKind,
    { accountIds, hub }: { accountIds: readonly string[]; hub: boolean },
  ): Promise<NoticeTarget[]> {
    const ofAccounts = sql`${noticeTargets.accountId} = ANY(${sql.param(accountIds)}::uuid[])`;
    const rows = await this.#queries
      .select()
      .from(noticeTargets)
      .where(
        and(
          noticeTargets.isEnabled,
          hub ? or(isNull(noticeTargets.accountId), ofAccounts) : ofAccounts,
          sql`(${noticeTargets.kinds} = '{}' OR ${kind} = ANY(${noticeTargets.kinds}))`,
        ),
      )
      .orderBy(noticeTargets.id);
    return rows.map(targetOf);
  }

  async change(id: string, { kinds, isEnabled }: TargetChange): Promise<NoticeTarget | undefined> {
    if (kinds === undefined && isEnabled === undefined) return this.find(id);
    const [row] = await this.#queries
      .update(noticeTargets)
      .set({ ...(kinds && { kinds: [...kinds] }), ...(isEnabled !== undefined && { isEnabled }) })
      .where(eq(noticeTargets.id, id))
      .returning();
    return row && targetOf(row);
  }

  async noteAttempt(id: string, at: Date, failure: string | undefined): Promise<void> {
    const outcome =
      failure === undefined
        ? { lastSentAt: at, failedAt: null, failure: null }
        : { failedAt: at, failure: failure.slice(0, maxFailureLength) };
    await this.#queries.update(noticeTargets).set(outcome).where(eq(noticeTargets.id, id));
  }

  async remove(id: string): Promise<boolean> {
    if (!isUuid(id)) return false;
    const rows = await this.#queries
      .delete(noticeTargets)
      .where(eq(noticeTargets.id, id))
      .returning({ id: noticeTargets.id });
    return rows.length > 0;
  }

  async removeOf(accountId: string): Promise<void> {
    await this.#queries.delete(noticeTargets).where(eq(noticeTargets.accountId, accountId));
  }

  async listAll(): Promise<NoticeTarget[]> {
    return (await this.#queries.select().from(noticeTargets)).map(targetOf);
  }

  /** Only over what was read: sealing the same twice gives other bytes. */
  async reseal({ id, sealed: former }: NoticeTarget, sealed: Buffer): Promise<void> {
    const isSame = and(eq(noticeTargets.id, id), eq(noticeTargets.sealed, former));
    await this.#queries.update(noticeTargets).set({ sealed }).where(isSame);
  }
}

function isOf(accountId: string | undefined) {
  return accountId === undefined
    ? isNull(noticeTargets.accountId)
    : eq(noticeTargets.accountId, accountId);
}

/** A kind that this version does not know any more is heard by nobody. */
function targetOf(row: typeof noticeTargets.$inferSelect): NoticeTarget {
  const { accountId, kinds, lastSentAt, failedAt, failure, ...others } = row;
  return {
    ...others,
    accountId: accountId ?? undefined,
    kinds: kinds.filter(isNoticeKind),
    lastSentAt: lastSentAt ?? undefined,
    failure: failedAt === null ? undefined : { at: failedAt, reason: failure ?? '' },
  };
}
