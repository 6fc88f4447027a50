// A PEM chain and its key arrive; a certificate that is ready to serve leaves, or one sentence about what does not fit.

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';

import { CertificateError } from './failure.ts';
import type { CertificateSource, KeyKind, ServedCertificate } from './store.ts';

/** Where the PEM text comes from, for messages. */
export interface PemPair {
  readonly chain: string;
  readonly key: string;
  readonly chainPath: string;
  readonly keyPath: string;
}

/** What the owner of the pair needs to know beside what its users do. */
export interface LoadedCertificate extends ServedCertificate {
  readonly kind: KeyKind;
  readonly notBefore: Date;
  readonly leaf: X509Certificate;
}

/**
 * Makes the TLS context once (0.3 ms): it is shared by every connection that is served this certificate.
 * @throws CertificateError certificate.unreadable | certificate.mismatch | certificate.expired
 */
export function loadCertificate(pair: PemPair, now: Date): LoadedCertificate {
  const chain = certificatesOf(pair);
  const [leaf] = chain;
  const key = privateKeyOf(pair);
  if (!leaf.checkPrivateKey(key)) {
    throw new CertificateError(
      'certificate.mismatch',
      `The key in ${pair.keyPath} is not the key of the certificate in ${pair.chainPath}; give the pair that was issued together.`,
    );
  }
  for (const [index, issuer] of chain.slice(1).entries()) {
    const issued = chain[index];
    // checkIssued compares names and key ids only; the signature is what counts.
    if (issued?.checkIssued(issuer) && issued.verify(issuer.publicKey)) continue;
    throw new CertificateError(
      'certificate.mismatch',
      `In ${pair.chainPath}, certificate ${index + 2} did not issue certificate ${index + 1}; put the server's certificate first and each issuer after it.`,
    );
  }
  if (leaf.validToDate <= now) {
    throw new CertificateError(
      'certificate.expired',
      `The certificate in ${pair.chainPath} ended on ${leaf.validToDate.toISOString()}; renew it.`,
    );
  }
  return {
    context: contextOf(pair),
    kind: key.asymmetricKeyType?.startsWith('rsa') === true ? 'rsa' : 'ecdsa',
    names: namesOf(leaf),
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
    leaf,
  };
}

/** Finds by exact name, then by the wildcard one level up (RFC 9525 §6.3): few look-ups, whatever the number of names. */
export class CertificateIndex implements CertificateSource {
  readonly #byName: Record<KeyKind, Map<string, LoadedCertificate>> = {
    ecdsa: new Map(),
    rsa: new Map(),
  };

  constructor(certificates: readonly LoadedCertificate[]) {
    for (const certificate of certificates) {
      const byName = this.#byName[certificate.kind];
      for (const name of certificate.names) {
        const rival = byName.get(name);
        // Two certificates for one name: the one that lasts longer, so that an old pair left on disk does no harm.
        if (rival !== undefined && rival.notAfter >= certificate.notAfter) continue;
        byName.set(name, certificate);
      }
    }
  }

  find(serverName: string, kind: KeyKind = 'ecdsa'): ServedCertificate | undefined {
    const wished = this.#findKind(serverName, kind);
    if (wished !== undefined && wished.notAfter.getTime() > Date.now()) return wished;
    const other = this.#findKind(serverName, kind === 'rsa' ? 'ecdsa' : 'rsa');
    if (wished === undefined || other === undefined) return wished ?? other;
    return other.notAfter > wished.notAfter ? other : wished;
  }

  #findKind(serverName: string, kind: KeyKind): LoadedCertificate | undefined {
    const byName = this.#byName[kind];
    const exact = byName.get(serverName);
    if (exact !== undefined) return exact;
    const dot = serverName.indexOf('.');
    return dot > 0 ? byName.get(`*${serverName.slice(dot)}`) : undefined;
  }
}

/** True once less than `fraction` of the certificate's life is left. */
export function isInLast(fraction: number, certificate: LoadedCertificate, now: Date): boolean {
  const life = certificate.notAfter.getTime() - certificate.notBefore.getTime();
  return certificate.notAfter.getTime() - now.getTime() < life * fraction;
}

function certificatesOf(pair: PemPair): readonly [X509Certificate, ...X509Certificate[]] {
  const blocks = pair.chain.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
  try {
    const [leaf, ...issuers] = (blocks ?? []).map((block) => new X509Certificate(block));
    if (leaf !== undefined) return [leaf, ...issuers];
  } catch (error) {
    throw new CertificateError(
      'certificate.unreadable',
      `The certificate in ${pair.chainPath} cannot be read; it is damaged or half written.`,
      { cause: error },
    );
  }
  throw new CertificateError(
    'certificate.unreadable',
    `${pair.chainPath} holds no certificate; a PEM file with BEGIN CERTIFICATE is expected.`,
  );
}

function privateKeyOf(pair: PemPair): KeyObject {
  try {
    return createPrivateKey(pair.key);
  } catch (error) {
    const isEncrypted = pair.key.includes('ENCRYPTED');
    const problem = isEncrypted
      ? 'is protected by a passphrase; store it without one, readable by the hub alone'
      : 'cannot be read; a PEM private key is expected';
    throw new CertificateError('certificate.unreadable', `The key in ${pair.keyPath} ${problem}.`, {
      cause: error,
    });
  }
}

function contextOf(pair: PemPair): SecureContext {
  try {
    return createSecureContext({ cert: pair.chain, key: pair.key, minVersion: 'TLSv1.2' });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CertificateError(
      'certificate.unreadable',
      `TLS refuses the pair ${pair.chainPath} and ${pair.keyPath}: ${reason}.`,
      { cause: error },
    );
  }
}

/** DNS names only: TLS server names are never addresses (RFC 6066 §3). */
function namesOf(leaf: X509Certificate): string[] {
  const names = leaf.subjectAltName?.split(', ') ?? [];
  return names
    .filter((name) => name.startsWith('DNS:'))
    .map((name) => name.slice('DNS:'.length).toLowerCase());
}
