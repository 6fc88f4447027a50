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
  | 'certificate.exposed';

export class CertificateError extends CodedError<CertificateErrorCode> {}
