// Logins arrive and leave as rows; the end of one is told to every process. Implements the port of hub/accounts/login/logins.ts.

import type { Buffer } from 'node:buffer';

import type { Account } from '../../accounts/account.ts';
import type { LoginMethod } from '../../accounts/login/login.ts';
import type { LoginChange, LoginRecord, LoginStore } from '../../accounts/login/logins.ts';
import { accounts, logins } from '../account-tables.ts';
import type { ChangeListener } from '../change-listener.ts';
import type { Database, Queries } from '../connect.ts';
import { and, desc, eq, lt, ne, sql } from '../drizzle.ts';
import { inTransaction } from '../transaction.ts';
import { isUuid } from '../uuid.ts';
import { accountColumns, accountOf } from './account-rows.ts';

export const loginsEnded = 'logins_ended';

export class PostgresLoginStore implements LoginStore {
  readonly #queries: Queries;
  readonly #changes: ChangeListener;

  constructor(database: Pick<Database, 'queries' | 'changes'>) {
    this.#queries = database.queries;
    this.#changes = database.changes;
  }

  async insert(login: LoginRecord, deadBefore: Date): Promise<void> {
    await this.#queries.delete(logins).where(lt(logins.createdAt, deadBefore));
    await this.#queries.insert(logins).values({ ...login, methods: [...login.methods] });
  }

  async findBySecret(
    secretHash: Buffer,
  ): Promise<{ account: Account; login: LoginRecord } | undefined> {
    const [row] = await this.#queries
      .select({ account: accountColumns, login: loginColumns })
      .from(logins)
      .innerJoin(accounts, eq(accounts.id, logins.accountId))
      .where(eq(logins.secretHash, secretHash));
    return row && { account: accountOf(row.account), login: loginOf(row.login) };
  }

  async list(accountId: string): Promise<LoginRecord[]> {
    const rows = await this.#queries
      .select(loginColumns)
      .from(logins)
      .where(eq(logins.accountId, accountId))
      .orderBy(desc(logins.createdAt), desc(logins.id));
    return rows.map(loginOf);
  }

  async touch(id: string, seenAt: Date, address: string | undefined): Promise<void> {
    await this.#queries
      .update(logins)
      .set({ seenAt, address: address ?? null })
      .where(and(eq(logins.id, id), lt(logins.seenAt, seenAt)));
  }

  async replaceSecret(
    former: Pick<LoginRecord, 'id' | 'secretHash'>,
    secretHash: Buffer,
    { methods, restriction, liftedUntil }: LoginChange,
  ): Promise<LoginRecord | undefined> {
    const [row] = await this.#queries
      .update(logins)
      .set({
        secretHash,
        ...(methods !== undefined && { methods: [...methods] }),
        ...(restriction !== undefined && { restriction }),
        ...(liftedUntil !== undefined && { liftedUntil }),
      })
      .where(and(eq(logins.id, former.id), eq(logins.secretHash, former.secretHash)))
      .returning(loginColumns);
    return row && loginOf(row);
  }

  async remove({
    accountId,
    id,
    except,
  }: {
    accountId: string;
    id?: string;
    except?: string;
  }): Promise<number> {
    if (id !== undefined && !isUuid(id)) return 0;
    const which = and(
      eq(logins.accountId, accountId),
      id === undefined ? undefined : eq(logins.id, id),
      except === undefined ? undefined : ne(logins.id, except),
    );
    return inTransaction(this.#queries, async (tx) => {
      const ended = await tx.delete(logins).where(which).returning({ id: logins.id });
      for (const login of ended) {
        await tx.execute(sql`SELECT pg_notify(${loginsEnded}, ${login.id})`);
      }
      return ended.length;
    });
  }

  async watch(onEnded: (loginId: string | undefined) => void): Promise<() => Promise<void>> {
    const stop = await this.#changes.listen(loginsEnded, onEnded);
    return async () => stop();
  }
}

const loginColumns = {
  id: logins.id,
  accountId: logins.accountId,
  secretHash: logins.secretHash,
  methods: logins.methods,
  restriction: logins.restriction,
  createdAt: logins.createdAt,
  seenAt: logins.seenAt,
  address: logins.address,
  software: logins.software,
  liftedUntil: logins.liftedUntil,
};

function loginOf(row: typeof logins.$inferSelect): LoginRecord {
  return {
    ...row,
    // The hub alone writes them.
    methods: row.methods as LoginMethod[],
    restriction: row.restriction ?? undefined,
    address: row.address ?? undefined,
    liftedUntil: row.liftedUntil ?? undefined,
  };
}
