// Links that were mailed arrive and leave as rows, each of use once. Implements a port of hub/accounts/email/link.ts.

import type { Buffer } from 'node:buffer';

import type { EmailLink, EmailLinkStore } from '../../accounts/email/link.ts';
import type { Database, Queries } from '../connect.ts';
import { and, eq, gt, lt } from '../drizzle.ts';
import { emailLinks } from '../factor-tables.ts';

export class PostgresEmailLinkStore implements EmailLinkStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async insert(link: EmailLink, secretHash: Buffer): Promise<void> {
    await this.#queries.delete(emailLinks).where(lt(emailLinks.expiresAt, link.createdAt));
    await this.#queries.insert(emailLinks).values({ ...link, secretHash });
  }

  async find(
    secretHash: Buffer,
    purpose: EmailLink['purpose'],
    now: Date,
  ): Promise<EmailLink | undefined> {
    const [row] = await this.#queries
      .select({
        id: emailLinks.id,
        accountId: emailLinks.accountId,
        purpose: emailLinks.purpose,
        email: emailLinks.email,
        createdAt: emailLinks.createdAt,
        expiresAt: emailLinks.expiresAt,
      })
      .from(emailLinks)
      .where(
        and(
          eq(emailLinks.secretHash, secretHash),
          eq(emailLinks.purpose, purpose),
          gt(emailLinks.expiresAt, now),
        ),
      );
    return row;
  }

  async take(id: string): Promise<boolean> {
    const taken = await this.#queries
      .delete(emailLinks)
      .where(eq(emailLinks.id, id))
      .returning({ id: emailLinks.id });
    return taken.length === 1;
  }
}
