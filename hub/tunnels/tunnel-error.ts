// Why the hub refuses an enrolment or a name leaves here, as a stable code with a sentence and its remedy.

import { CodedError } from '../../shared/errors.ts';

export type TunnelErrorCode =
  /** Unknown id or wrong secret: alike, so that ids cannot be tried out. */
  | 'enrol.token-invalid'
  | 'enrol.token-used'
  | 'enrol.token-expired'
  /** The token is for another network. */
  | 'enrol.wrong-network'
  /** The key is unusable, taken, or did not sign this very connection. */
  | 'enrol.proof'
  /** A token was asked for with a life or a network that makes no sense. */
  | 'enrol.token-options'
  /** None of the keys is this server's, or they do not vouch for each other. */
  | 'rotate.refused'
  /** More new keys of one server than anybody needs: `retryAfterMs` of RotatedTooOften. */
  | 'enrol.rate-limited'
  | 'name.invalid'
  | 'name.reserved'
  | 'name.taken'
  | 'name.quarantined'
  | 'name.quota'
  | 'name.changes'
  | 'server.unknown';

export class TunnelError extends CodedError<TunnelErrorCode> {}

export class RotatedTooOften extends TunnelError {
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    const seconds = Math.ceil(retryAfterMs / 1000);
    super(
      'enrol.rate-limited',
      `This server has had many new keys in a short time: try again in ${seconds} seconds.`,
    );
    this.retryAfterMs = retryAfterMs;
  }
}
