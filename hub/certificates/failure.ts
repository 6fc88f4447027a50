// What can be wrong with the hub's certificates, as errors whose message says what to do.

import { CodedError } from '../../shared/errors.ts';

export type CertificateErrorCode =
  /** A file is absent, unreadable or not PEM. */
  | 'certificate.unreadable'
  /** Key and certificate, or certificate and chain, do not belong together. */
  | 'certificate.mismatch'
  | 'certificate.expired'
  /** The certificate does not cover a name it must. */
  | 'certificate.names'
  /** A private key, or its folder, is open to other users. */
  | 'certificate.exposed'
  /** A stored key cannot be opened: another HUB_SECRET_KEY, or damage. */
  | 'certificate.sealed'
  /** The hub stops before the authority's limits do. */
  | 'certificate.limit'
  /** The database did not take or give back what was written, so nothing was ordered. */
  | 'certificate.storage'
  /** There is none of this name. */
  | 'certificate.unknown'
  /** Its authority is not among the settings any more. */
  | 'certificate.authority'
  /** An attempt did not end in time. */
  | 'certificate.timeout'
  /** A mistake of the hub's own. */
  | 'certificate.unexpected';

export class CertificateError extends CodedError<CertificateErrorCode> {}
