// Nothing arrives; the certificate authorities that this machine's owner trusts leave, in PEM.

import { getCACertificates } from 'node:tls';

export function systemAuthorities(): string[] {
  // "default" are Node's own and NODE_EXTRA_CA_CERTS; "system" is what the operating system's owner added.
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}
