// Whatever can go wrong in an attempt arrives; what is told of it, and how patient to be, leaves.

import { CodedError } from '../../../shared/errors.ts';
import type { AuthorityName } from '../acme/authority.ts';
import { AcmeError } from '../acme/problem.ts';
import { DnsError } from '../dns/failure.ts';
import type { AttemptError, OrderRefusal } from './certificate.ts';

/** In place of a limit: the authority's `Retry-After`. */
export const askedToWait = 'Retry-After';

/** The hub's own budget has no room for the order. */
export class Refused extends CodedError<'certificate.limit'> {
  readonly authority: AuthorityName;
  readonly refusal: OrderRefusal;

  constructor(authority: AuthorityName, refusal: OrderRefusal) {
    const host = URL.parse(authority)?.hostname ?? authority;
    const why =
      refusal.limit === askedToWait
        ? `${host} asked to be left alone`
        : `The limit of ${host} on ${refusal.limit} is almost reached`;
    const until = refusal.notBefore.toISOString();
    super(
      'certificate.limit',
      `${why}, so the hub waits until ${until}; nothing needs to be done.`,
    );
    this.authority = authority;
    this.refusal = refusal;
  }
}

/** The wished authority's failure first, then that of the second. */
export class BothFailed extends CodedError {
  readonly errors: readonly [unknown, unknown];

  constructor(errors: readonly [unknown, unknown]) {
    const [first, second] = errors.map(wordsOf);
    super(codeOf(errors[0]), `${first} The second authority: ${second}`, { cause: errors[0] });
    this.errors = errors;
  }
}

export interface RetryAdvice {
  /** Nobody has to change anything before the next attempt can succeed. */
  readonly isTransient: boolean;
  readonly retryAfterMs: number | undefined;
}

export function adviceOf(error: unknown): RetryAdvice {
  if (error instanceof BothFailed) {
    const [first, second] = error.errors.map(adviceOf);
    const isTransient = first?.isTransient === true || second?.isTransient === true;
    // The one that is ready first decides: whoever asked for longer is passed over until then.
    const waits = [first?.retryAfterMs ?? 0, second?.retryAfterMs ?? 0];
    return { isTransient, retryAfterMs: Math.min(...waits) };
  }
  const retryAfterMs =
    error instanceof AcmeError || error instanceof DnsError ? error.retryAfterMs : undefined;
  const isTransient =
    error instanceof AcmeError ? error.kind !== 'fix' : transientCodes.has(codeOf(error));
  return { isTransient, retryAfterMs };
}

export function describeFailure(error: unknown, at: Date): AttemptError {
  return { code: codeOf(error), message: wordsOf(error), at };
}

const transientCodes = new Set([
  'certificate.storage',
  'certificate.timeout',
  'dns.unreachable',
  'dns.rate-limited',
  'dns.lagging',
]);

function codeOf(error: unknown): string {
  return error instanceof CodedError ? error.code : 'certificate.unexpected';
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
