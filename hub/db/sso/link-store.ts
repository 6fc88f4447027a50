// Which account a provider's person opens, and which logins began there, arrive and leave as rows. Implements the port of hub/accounts/sso/link.ts.

import { createHash } from 'node:crypto';

import { AccountError } from '../../accounts/account-error.ts';
import type { SsoLink, SsoLinkStore, SsoLogin } from '../../accounts/sso/link.ts';
import type { NewAccount } from '../../accounts/account.ts';
import { accounts } from '../account-tables.ts';
import { insertAccount } from '../accounts/account-rows.ts';
import type { Database, Queries } from '../connect.ts';
import { and, eq, lt, sql } from '../drizzle.ts';
import { ssoLinks, ssoLogins, ssoLogoutTokens, ssoProviders } from '../sso-tables.ts';
import { inTransaction } from '../transaction.ts';
import { isUuid } from '../uuid.ts';
import { isDuplicate } from './provider-store.ts';

export class PostgresSsoLinkStore implements SsoLinkStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async find(issuer: string, subject: string): Promise<SsoLink | undefined> {
    const [row] = await this.#queries
      .select()
      .from(ssoLinks)
      .where(and(eq(ssoLinks.issuer, issuer), eq(ssoLinks.subject, subject)));
    return row && linkOf(row);
  }

  async listOf(accountId: string): Promise<SsoLink[]> {
    const rows = await this.#queries
      .select()
      .from(ssoLinks)
      .where(eq(ssoLinks.accountId, accountId))
      .orderBy(ssoLinks.id);
    return rows.map(linkOf);
  }

  async insert(link: SsoLink, made?: NewAccount): Promise<void> {
    const row = {
      ...link,
      name: link.name ?? null,
      givenRole: link.givenRole ?? null,
      lastUsedAt: link.lastUsedAt ?? null,
    };
    try {
      await inTransaction(this.#queries, async (tx) => {
        if (made !== undefined) await insertAccount(tx, made);
        await tx.insert(ssoLinks).values(row);
      });
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      throw conflict(error.cause.constraint, error);
    }
  }

  async noteUse(
    id: string,
    { at, name, givenRole }: Parameters<SsoLinkStore['noteUse']>[1],
  ): Promise<void> {
    await this.#queries
      .update(ssoLinks)
      .set({ lastUsedAt: at, name: name ?? null, givenRole: givenRole ?? null })
      .where(eq(ssoLinks.id, id));
  }

  async remove(id: string, accountId: string): Promise<SsoLink | undefined> {
    if (!isUuid(id)) return undefined;
    const [row] = await this.#queries
      .delete(ssoLinks)
      .where(and(eq(ssoLinks.id, id), eq(ssoLinks.accountId, accountId)))
      .returning();
    return row && linkOf(row);
  }

  async removeOf(accountId: string): Promise<number> {
    const rows = await this.#queries
      .delete(ssoLinks)
      .where(eq(ssoLinks.accountId, accountId))
      .returning({ id: ssoLinks.id });
    return rows.length;
  }

  async countLinkedAdmins(): Promise<number> {
    const [found] = await this.#queries
      .select({ admins: sql<number>`count(DISTINCT ${accounts.id})::int` })
      .from(ssoLinks)
      .innerJoin(accounts, eq(accounts.id, ssoLinks.accountId))
      .innerJoin(ssoProviders, eq(ssoProviders.id, ssoLinks.providerId))
      .where(and(eq(accounts.role, 'admin'), eq(accounts.state, 'active'), ssoProviders.isEnabled));
    return found?.admins ?? 0;
  }

  async insertLogin(login: SsoLogin): Promise<void> {
    await this.#queries.insert(ssoLogins).values({ ...login, sid: login.sid ?? null });
  }

  async findLogin(loginId: string): Promise<SsoLogin | undefined> {
    const [row] = await this.#queries
      .select()
      .from(ssoLogins)
      .where(eq(ssoLogins.loginId, loginId));
    return row && { ...row, sid: row.sid ?? undefined };
  }

  async listLogins(
    issuer: string,
    which: { sid: string } | { subject: string },
  ): Promise<SsoLogin[]> {
    const isMeant =
      'sid' in which ? eq(ssoLogins.sid, which.sid) : eq(ssoLogins.subject, which.subject);
    const rows = await this.#queries
      .select()
      .from(ssoLogins)
      .where(and(eq(ssoLogins.issuer, issuer), isMeant));
    return rows.map((row) => ({ ...row, sid: row.sid ?? undefined }));
  }

  async useLogoutToken(issuer: string, jti: string, until: Date, now: Date): Promise<boolean> {
    await this.#queries.delete(ssoLogoutTokens).where(lt(ssoLogoutTokens.expiresAt, now));
    const jtiHash = createHash('sha256').update(`${issuer}\0${jti}`).digest();
    const rows = await this.#queries
      .insert(ssoLogoutTokens)
      .values({ jtiHash, expiresAt: until })
      .onConflictDoNothing()
      .returning({ jtiHash: ssoLogoutTokens.jtiHash });
    return rows.length > 0;
  }
}

function conflict(constraint: string | undefined, cause: Error): AccountError {
  const message =
    constraint === 'sso_links_one_person'
      ? 'another person of this provider opens this account: remove that link first'
      : 'this person opens an account already';
  return new AccountError('sso.conflict', message, { cause });
}

function linkOf(row: typeof ssoLinks.$inferSelect): SsoLink {
  return {
    ...row,
    name: row.name ?? undefined,
    givenRole: row.givenRole ?? undefined,
    lastUsedAt: row.lastUsedAt ?? undefined,
  };
}
