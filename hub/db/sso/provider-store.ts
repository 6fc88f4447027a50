// Identity providers arrive with their secret sealed and leave as rows. Implements the port of hub/accounts/sso/provider.ts.

import { DatabaseError as ServerError } from 'pg';

import { AccountError } from '../../accounts/account-error.ts';
import type { Provider, ProviderStore } from '../../accounts/sso/provider.ts';
import type { Database, Queries } from '../connect.ts';
import { eq } from '../drizzle.ts';
import { ssoProviders } from '../sso-tables.ts';

export class PostgresProviderStore implements ProviderStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async insert(provider: Provider): Promise<void> {
    await orExists(this.#queries.insert(ssoProviders).values(rowOf(provider)));
  }

  async list(): Promise<Provider[]> {
    const rows = await this.#queries.select().from(ssoProviders).orderBy(ssoProviders.createdAt);
    return rows.map(providerOf);
  }

  async find(id: string): Promise<Provider | undefined> {
    // Strangers name it in an address, and PostgreSQL has no NUL.
    if (id.includes('\0')) return undefined;
    const [row] = await this.#queries.select().from(ssoProviders).where(eq(ssoProviders.id, id));
    return row && providerOf(row);
  }

  async replace(provider: Provider): Promise<boolean> {
    const { id, ...columns } = rowOf(provider);
    const rows = await orExists(
      this.#queries
        .update(ssoProviders)
        .set(columns)
        .where(eq(ssoProviders.id, id))
        .returning({ id: ssoProviders.id }),
    );
    return rows.length > 0;
  }

  async noteAnswer(id: string, at: Date): Promise<void> {
    await this.#queries.update(ssoProviders).set({ answeredAt: at }).where(eq(ssoProviders.id, id));
  }

  async remove(id: string): Promise<boolean> {
    const rows = await this.#queries
      .delete(ssoProviders)
      .where(eq(ssoProviders.id, id))
      .returning({ id: ssoProviders.id });
    return rows.length > 0;
  }
}

/** @throws AccountError sso.exists */
async function orExists<Result>(work: PromiseLike<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    throw new AccountError(
      'sso.exists',
      'there is a provider with this id or this issuer already: "phlix-hub sso list" shows it',
      { cause: error },
    );
  }
}

/** PostgreSQL's unique_violation. */
export function isDuplicate(error: unknown): error is Error & { cause: ServerError } {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof ServerError && cause.code === '23505';
}

function rowOf(provider: Provider): typeof ssoProviders.$inferInsert {
  const { roleMap, mfa, scopes, allow, sealedSecret, answeredAt, ...others } = provider;
  return {
    ...others,
    sealedSecret: sealedSecret ?? null,
    answeredAt: answeredAt ?? null,
    scopes: [...scopes],
    allow: [...allow],
    adminGroups: [...roleMap.admin],
    ownerGroups: [...roleMap.owner],
    memberGroups: [...roleMap.member],
    mfaAcr: [...mfa.acr],
    mfaAmr: [...mfa.amr],
  };
}

function providerOf(row: typeof ssoProviders.$inferSelect): Provider {
  const { adminGroups, ownerGroups, memberGroups, mfaAcr, mfaAmr, ...others } = row;
  return {
    ...others,
    sealedSecret: row.sealedSecret ?? undefined,
    answeredAt: row.answeredAt ?? undefined,
    roleMap: { admin: adminGroups, owner: ownerGroups, member: memberGroups },
    mfa: { acr: mfaAcr, amr: mfaAmr },
  };
}
