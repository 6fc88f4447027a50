// Questions and changes about people arrive; rows leave. Implements the ports of hub/accounts/accounts.ts and hub/accounts/login/sign-in.ts.

import { AccountError } from '../../accounts/account-error.ts';
import { emailKey, type Account, type NewAccount, type Role } from '../../accounts/account.ts';
import type { AccountChange, AccountStore } from '../../accounts/accounts.ts';
import type { CreationStore } from '../../accounts/creation.ts';
import { accounts } from '../account-tables.ts';
import type { Database, Queries } from '../connect.ts';
import { emailLinks } from '../factor-tables.ts';
import { and, count, eq, gt, isNotNull, ne } from '../drizzle.ts';
import { inTransaction, type Transaction } from '../transaction.ts';
import { isUuid } from '../uuid.ts';
import { voidTokens } from '../voided-tokens.ts';
import { forgetPerson } from './account-removal.ts';
import {
  accountColumns,
  accountOf,
  insertAccount,
  lockStandings,
  requireUnique,
} from './account-rows.ts';
import { announceEnds } from './announced-ends.ts';

export class PostgresAccountStore implements AccountStore, CreationStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async find(id: string): Promise<Account | undefined> {
    return isUuid(id) ? this.#findBy(eq(accounts.id, id)) : undefined;
  }

  async findByKey(key: string): Promise<Account | undefined> {
    return this.#findBy(eq(accounts.key, key));
  }

  async findByEmail(key: string): Promise<Account | undefined> {
    return this.#findBy(and(eq(accounts.emailKey, key), isNotNull(accounts.emailVerifiedAt)));
  }

  async list({ after, limit }: { after?: string | undefined; limit: number }): Promise<Account[]> {
    const rows = await this.#queries
      .select(accountColumns)
      .from(accounts)
      .where(after === undefined ? undefined : gt(accounts.key, after))
      .orderBy(accounts.key)
      .limit(limit);
    return rows.map(accountOf);
  }

  async insert(made: NewAccount): Promise<void> {
    await inTransaction(this.#queries, async (tx) => insertAccount(tx, made));
  }

  async passwordOf(id: string): Promise<string | undefined> {
    const [row] = await this.#queries
      .select({ hash: accounts.passwordHash })
      .from(accounts)
      .where(eq(accounts.id, id));
    return row?.hash ?? undefined;
  }

  async rehash(id: string, former: string, phc: string): Promise<void> {
    const isSame = and(eq(accounts.id, id), eq(accounts.passwordHash, former));
    await this.#queries.update(accounts).set({ passwordHash: phc }).where(isSame);
  }

  async savePassword(id: string, phc: string, link?: string): Promise<boolean> {
    const chosen = { passwordHash: phc, passwordBreached: false };
    return inTransaction(this.#queries, async (tx) => {
      const isReset = and(eq(emailLinks.accountId, id), eq(emailLinks.purpose, 'reset'));
      const voided = await tx.delete(emailLinks).where(isReset).returning({ id: emailLinks.id });
      if (link !== undefined && !voided.some((row) => row.id === link)) return false;
      await tx.update(accounts).set(chosen).where(eq(accounts.id, id));
      return true;
    });
  }

  async markBreached(id: string): Promise<void> {
    await this.#queries.update(accounts).set({ passwordBreached: true }).where(eq(accounts.id, id));
  }

  async noteLogin(id: string, at: Date): Promise<void> {
    await this.#queries.update(accounts).set({ lastLoginAt: at }).where(eq(accounts.id, id));
  }

  async change(id: string, change: AccountChange): Promise<Account> {
    const [row] = await this.#queries
      .update(accounts)
      .set(columnsOf(change))
      .where(eq(accounts.id, id))
      .returning(accountColumns)
      .catch(requireUnique);
    return accountOf(row ?? nobody());
  }

  async changeStanding(
    id: string,
    change: { role?: Role; state?: Account['state'] },
  ): Promise<Account> {
    return inTransaction(this.#queries, async (tx) => {
      const former = await lockStanding(tx, id);
      const [row] = await tx
        .update(accounts)
        .set(change)
        .where(eq(accounts.id, id))
        .returning(accountColumns);
      await requireAdmin(tx, former);
      await announceEnds(tx, id);
      const changed = accountOf(row ?? nobody());
      await voidTokens(tx, former, changed);
      return changed;
    });
  }

  async remove(id: string): Promise<void> {
    await inTransaction(this.#queries, async (tx) => {
      const former = await lockStanding(tx, id);
      await announceEnds(tx, id);
      await forgetPerson(tx, id);
      await tx.delete(accounts).where(eq(accounts.id, id));
      await requireAdmin(tx, former);
      await voidTokens(tx, former, undefined);
    });
  }

  async #findBy(condition: ReturnType<typeof and>): Promise<Account | undefined> {
    const [row] = await this.#queries.select(accountColumns).from(accounts).where(condition);
    return row && accountOf(row);
  }
}

/** @throws AccountError account.unknown */
async function lockStanding(tx: Transaction, id: string): Promise<Account> {
  await lockStandings(tx);
  const [row] = await tx.select(accountColumns).from(accounts).where(eq(accounts.id, id));
  return accountOf(row ?? nobody());
}

/** With the change made, and before anybody else can make one: else it is not made. @throws AccountError account.last-admin */
async function requireAdmin(tx: Transaction, former: Account): Promise<void> {
  if (former.role !== 'admin' || former.state === 'suspended') return;
  const [admins] = await tx
    .select({ left: count() })
    .from(accounts)
    .where(and(eq(accounts.role, 'admin'), ne(accounts.state, 'suspended')));
  if ((admins?.left ?? 0) > 0) return;
  throw new AccountError(
    'account.last-admin',
    'this is the last admin, and a hub without one cannot be administered: make somebody else an admin first',
  );
}

function columnsOf(change: AccountChange): Partial<typeof accounts.$inferInsert> {
  if ('username' in change) return change;
  if ('networks' in change) return { networks: [...change.networks] };
  const { email, emailVerifiedAt } = change;
  return {
    email: email ?? null,
    emailKey: email === undefined ? null : emailKey(email),
    emailVerifiedAt: emailVerifiedAt ?? null,
  };
}

function nobody(): never {
  throw new AccountError(
    'account.unknown',
    'there is no such account (any more): "phlix-hub user list" shows those there are',
  );
}
