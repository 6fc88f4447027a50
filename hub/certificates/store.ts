// The port through which the edge and the gateway find a certificate. ACME, files and the local CA stand behind it.

import type { SecureContext } from 'node:tls';

/** A certificate ready to serve. */
export interface ServedCertificate {
  readonly context: SecureContext;
  /** DNS names of the certificate, wildcards as written. */
  readonly names: readonly string[];
  readonly notAfter: Date;
}

export interface CertificateSource {
  /** The certificate for a server name (lower case, no trailing dot), or undefined: the handshake then ends with alert 112. Never blocks. */
  find(serverName: string): ServedCertificate | undefined;
}
