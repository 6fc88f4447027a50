// What the API itself refuses leaves here, as a stable code with a sentence and its remedy.

import { CodedError } from '../../../shared/errors.ts';

export type ApiErrorCode =
  | 'api.malformed'
  | 'api.not-found'
  /** There is something at the path, by another method. */
  | 'api.method'
  | 'api.too-large'
  | 'api.timeout'
  | 'api.media-type'
  /** Sent by a page that is not the hub's own, or by nobody knows which (security row A-20). */
  | 'api.same-site'
  /** One cookie name twice. */
  | 'api.cookies'
  /** A token in the address, where logs and histories keep it. */
  | 'api.token-in-address'
  /** Not for a caller of this role. */
  | 'api.denied'
  /** The token lacks the scope, or no token can do this. */
  | 'api.scope'
  | 'api.banned'
  /** Too many of its kind at once. */
  | 'api.busy'
  | 'api.internal';

interface ApiErrorOptions extends ErrorOptions {
  readonly retryAfterMs?: number;
}

export class ApiError extends CodedError<ApiErrorCode> {
  /** Of api.busy. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ApiErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(code, message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Also for what is there and belongs to somebody else: whether it exists is not the caller's to know. */
export function notFound(what: string): ApiError {
  return new ApiError('api.not-found', `There is no ${what}, or it is not yours to see.`);
}
