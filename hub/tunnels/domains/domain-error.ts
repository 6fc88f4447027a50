// Why the hub refuses a domain leaves here, as a stable code with a sentence and its remedy.

import { CodedError } from '../../../shared/errors.ts';

export type DomainErrorCode =
  /** Not a hostname that could be proven to be somebody's. */
  | 'domain.invalid'
  /** The hub's own names, and what lies below them. */
  | 'domain.reserved'
  | 'domain.quota'
  /** Nobody has added it. */
  | 'domain.unknown'
  /** Several servers have claims to it: which one is meant has to be said. */
  | 'domain.ambiguous';

export class DomainError extends CodedError<DomainErrorCode> {}
