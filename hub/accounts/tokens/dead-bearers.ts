// A bearer that opened nothing arrives, with where it came from; it is written down and counted as a guess, once for each text (security rows ).

import type { Audit } from '../../audit/audit.ts';
import { AccountError } from '../account-error.ts';
import type { AccountLimits } from '../limits.ts';
import { bucketOf, type Guard } from '../login/guard.ts';
import type { Visit } from '../login/login.ts';
import { hashOf } from '../secret.ts';
import { deadBearersKept } from './limits.ts';

/** Who bears it: what limits count by. */
export type BearerVisit = Pick<Visit, 'address' | 'peer' | 'requestId'>;

/** Why it opens nothing. Of a text that names a token of this hub also which: never the text. */
export interface Refusal {
  readonly reason: 'malformed' | 'unknown' | 'expired' | 'suspended';
  readonly tokenId?: string | undefined;
}

interface Repeats {
  count: number;
  readonly until: Date;
}

interface DeadBearersOptions {
  readonly guard: Pick<Guard, 'admit' | 'requireOpen'>;
  readonly limits: Pick<AccountLimits, 'addressFailures' | 'addressWindowMs'>;
  readonly audit: Audit;
  readonly now?: () => Date;
}

/**
 * A program sends the token that somebody revoked every few seconds, for weeks: that is one failure, and it shuts out itself
 * alone, not the household that it is in. Another text is another guess.
 */
export class DeadBearers {
  readonly #options: DeadBearersOptions;
  readonly #now: () => Date;
  /** By place and text, in the order in which they are forgotten. */
  readonly #repeats = new Map<string, Repeats>();

  constructor(options: DeadBearersOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** Of a text that was dead again and again. From memory. @throws AccountError login.locked */
  requireFresh(text: string, visit: BearerVisit): void {
    const repeats = this.#repeatsOf(keyOf(text, visit));
    if (repeats === undefined || repeats.count < this.#options.limits.addressFailures) return;
    const retryAfterMs = repeats.until.getTime() - this.#now().getTime();
    throw new AccountError(
      'login.locked',
      'this token opened nothing, again and again: make a new one on the page of tokens, and let the program use that',
      { retryAfterMs },
    );
  }

  /** Of a right one that was never used where it comes from now. @throws AccountError login.locked */
  async requireOpen(visit: BearerVisit): Promise<void> {
    await this.#options.guard.requireOpen({ ...visit, userAgent: undefined });
  }

  /** @throws AccountError login.locked: it is one too many */
  async note(text: string, visit: BearerVisit, { reason, tokenId }: Refusal): Promise<void> {
    const key = keyOf(text, visit);
    const repeats = this.#repeatsOf(key);
    if (repeats !== undefined) {
      repeats.count += 1;
      return;
    }
    const { guard, limits, audit } = this.#options;
    // Before anything is waited for: a program sends ten at once.
    this.#remember(key, limits.addressWindowMs);
    const attempt = {
      visit: { ...visit, userAgent: undefined },
      stage: 'token',
      subject: undefined,
    } as const;
    const admission = await guard.admit(attempt).catch((error: unknown) => {
      this.#repeats.delete(key);
      this.#noteLocked(visit, error);
      throw error;
    });
    admission.fail();
    audit.note({ ...entryOf(visit), event: 'token.denied', target: tokenId, reason });
  }

  /** Once for as long as it lasts: whoever sends a thousand texts a second would fill the log, and no ban ends what only reads. */
  #noteLocked(visit: BearerVisit, error: unknown): void {
    const key = `locked ${bucketOf(visit)}`;
    if (this.#repeatsOf(key) !== undefined) return;
    const { limits, audit } = this.#options;
    const lastsMs = error instanceof AccountError ? error.retryAfterMs : undefined;
    this.#remember(key, lastsMs ?? limits.addressWindowMs);
    audit.note({ ...entryOf(visit), event: 'login.locked' });
  }

  #repeatsOf(key: string): Repeats | undefined {
    const now = this.#now();
    for (const [oldest, { until }] of this.#repeats) {
      if (until > now) break;
      this.#repeats.delete(oldest);
    }
    return this.#repeats.get(key);
  }

  #remember(key: string, forMs: number): void {
    const [oldest] = this.#repeats.keys();
    if (this.#repeats.size >= deadBearersKept && oldest !== undefined) this.#repeats.delete(oldest);
    this.#repeats.set(key, { count: 1, until: new Date(this.#now().getTime() + forMs) });
  }
}

function entryOf({ address, requestId }: BearerVisit) {
  return { address, requestId, method: 'token', result: 'denied' } as const;
}

/** The text itself is kept nowhere. */
function keyOf(text: string, visit: BearerVisit): string {
  return `${bucketOf(visit)} ${hashOf(text).toString('base64url')}`;
}
