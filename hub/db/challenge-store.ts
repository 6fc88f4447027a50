// Challenges arrive from the process that orders and leave to the one that the authority asks. Implements the port of hub/certificates/challenges/solver.ts.

import type {
  Challenge,
  ChallengeKind,
  ChallengeStore,
} from '../certificates/challenges/solver.ts';
import type { Database, Queries } from './connect.ts';
import { and, desc, eq, gt, lt, ne } from './drizzle.ts';
import { challenges } from './schema.ts';

export class PostgresChallengeStore implements ChallengeStore {
  readonly #queries: Queries;
  readonly #now: () => Date;

  constructor(database: Pick<Database, 'queries'>, options: { now?: () => Date } = {}) {
    this.#queries = database.queries;
    this.#now = options.now ?? (() => new Date());
  }

  async put(challenge: Challenge, expiresAt: Date): Promise<void> {
    const now = this.#now();
    const times = { putAt: now, expiresAt };
    const { keyAuthorization } = challenge;
    await this.#queries
      .insert(challenges)
      .values({ ...challenge, ...times })
      .onConflictDoUpdate({
        target: [challenges.kind, challenges.name, challenges.token],
        set: { keyAuthorization, ...times },
      });
    // What a process left behind that died before it could clean up. With a row of dns-01 it would be forgotten what stands in a zone.
    const isOver = and(lt(challenges.expiresAt, now), ne(challenges.kind, 'dns-01'));
    await this.#queries.delete(challenges).where(isOver);
  }

  async remove({ kind, name, token }: Challenge): Promise<void> {
    const isThis = and(
      eq(challenges.kind, kind),
      eq(challenges.name, name),
      eq(challenges.token, token),
    );
    await this.#queries.delete(challenges).where(isThis);
  }

  async listOpen(): Promise<Challenge[]> {
    return this.#queries
      .select(columns)
      .from(challenges)
      .where(and(ne(challenges.kind, 'dns-01'), gt(challenges.expiresAt, this.#now())))
      .orderBy(desc(challenges.putAt));
  }

  /** Of several orders for one name the last: only one of them can be answered in a handshake. */
  async findByName(kind: ChallengeKind, name: string): Promise<Challenge | undefined> {
    const isAsked = and(eq(challenges.kind, kind), eq(challenges.name, name));
    const [found] = await this.#queries
      .select(columns)
      .from(challenges)
      .where(and(isAsked, gt(challenges.expiresAt, this.#now())))
      .orderBy(desc(challenges.putAt))
      .limit(1);
    return found;
  }

  async listByName(kind: ChallengeKind, name: string): Promise<Challenge[]> {
    return this.#queries
      .select(columns)
      .from(challenges)
      .where(and(eq(challenges.kind, kind), eq(challenges.name, name)));
  }
}

const columns = {
  kind: challenges.kind,
  name: challenges.name,
  token: challenges.token,
  keyAuthorization: challenges.keyAuthorization,
};
