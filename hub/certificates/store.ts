// The port through which the edge and the gateway find a certificate. ACME, files and the local CA stand behind it.

import type { SecureContext } from 'node:tls';

/** `rsa` is for clients that know no elliptic curves, such as old TVs; everybody else is served faster by `ecdsa`. */
export type KeyKind = 'ecdsa' | 'rsa';

/** A certificate ready to serve. */
export interface ServedCertificate {
  readonly context: SecureContext;
  /** DNS names of the certificate, wildcards as written. */
  readonly names: readonly string[];
  readonly notAfter: Date;
}

export interface CertificateSource {
  /**
   * The certificate for a server name (lower case, no trailing dot), or undefined: the handshake then ends with alert 112.
   * Of the wished kind of key (ECDSA unless said) if there is one, else of the other. Never blocks.
   */
  find(serverName: string, kind?: KeyKind): ServedCertificate | undefined;
  /**
   * Resolves when `find` knows the kind, as far as it ever will: what can be made at need is made now. Absent where nothing
   * can. What goes wrong is logged, not thrown.
   */
  prepare?(kind: KeyKind): Promise<void>;
}
