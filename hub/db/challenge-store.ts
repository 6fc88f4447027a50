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

  findByToken(token: string): Promise<Challenge | undefined> {
    return this.#find(token, and(eq(challenges.kind, 'http-01'), eq(challenges.token, token)));
  }

  /** Of several orders for one name the last: only one of them can be answered in a handshake. */
  findByName(kind: ChallengeKind, name: string): Promise<Challenge | undefined> {
    return this.#find(name, and(eq(challenges.kind, kind), eq(challenges.name, name)));
  }

  async listByName(kind: ChallengeKind, name: string): Promise<Challenge[]> {
    return this.#queries
      .select(columns)
      .from(challenges)
      .where(and(eq(challenges.kind, kind), eq(challenges.name, name)));
  }

  async #find(asked: string, isWanted: ReturnType<typeof and>): Promise<Challenge | undefined> {
    // A stranger asks: his words may hold bytes that PostgreSQL takes in no text.
    if (!plain.test(asked)) return undefined;
    const [found] = await this.#queries
      .select(columns)
      .from(challenges)
      .where(and(isWanted, gt(challenges.expiresAt, this.#now())))
      .orderBy(desc(challenges.putAt))
      .limit(1);
    return found;
  }
}

const columns = {
  kind: challenges.kind,
  name: challenges.name,
  token: challenges.token,
  keyAuthorization: challenges.keyAuthorization,
};

/** Tokens are base64url (RFC 8555 §8.3), names are those of the DNS; both are far shorter than this. */
const plain = /^[\w.-]{1,512}$/;
