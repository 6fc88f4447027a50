// What an authority sent as a certificate arrives; the same chain leaves if it is what was asked for, written anew.

import { X509Certificate } from 'node:crypto';

// @peculiar/x509 resolves its parts through decorators and expects its importer to bring the polyfill.
import 'reflect-metadata';
import { Pkcs10CertificateRequest } from '@peculiar/x509';

import { AcmeError } from './problem.ts';
import { maxClockSkewMs } from './retry-after.ts';

export interface Ordered {
  readonly names: readonly string[];
  /** DER. */
  readonly csr: Uint8Array;
}

/**
 * Nothing that an authority sends is served before it has been seen to fit: the key of the request, all its names, a time
 * that includes now, and issuers in their order.
 * @throws AcmeError acme.wrong-certificate
 */
export function checkChain(host: string, sent: unknown, ordered: Ordered, now: Date): string {
  const wrong = (what: string, cause?: unknown): AcmeError =>
    new AcmeError(
      'acme.wrong-certificate',
      `${host} made a certificate that ${what}; the hub does not use it and tries again by itself.`,
      { cause },
    );
  const [leaf, ...issuers] = certificatesOf(sent, wrong);
  if (!publicKeyOf(leaf).equals(requestedKey(ordered.csr))) throw wrong('is for another key');
  const names = namesOf(leaf);
  const missing = ordered.names.filter((name) => !names.has(name.toLowerCase()));
  if (missing.length > 0) throw wrong(`does not cover ${missing.slice(0, 5).join(', ')}`);
  if (names.size > new Set(ordered.names).size) throw wrong('covers names that nobody asked for');
  if (leaf.validToDate <= now) throw wrong(`ended on ${leaf.validToDate.toISOString()}`);
  if (leaf.validFromDate.getTime() > now.getTime() + toleratedStartMs) {
    throw wrong(`begins on ${leaf.validFromDate.toISOString()} only`);
  }
  let issued = leaf;
  for (const issuer of issuers) {
    // checkIssued compares names and key ids only; the signature is what counts.
    if (!issued.checkIssued(issuer) || !issued.verify(issuer.publicKey)) {
      throw wrong('comes with issuers that did not sign each other');
    }
    issued = issuer;
  }
  return [leaf, ...issuers].map(String).join('');
}

/** As far as the clocks may differ (authority.ts): what begins now by the authority's clock is not refused for ours. */
const toleratedStartMs = maxClockSkewMs;
/** The longest chains that are served, with a cross-signed root, have four. */
const maxCertificates = 8;

function certificatesOf(
  sent: unknown,
  wrong: (what: string, cause?: unknown) => AcmeError,
): [X509Certificate, ...X509Certificate[]] {
  const text = typeof sent === 'string' ? sent : '';
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length > maxCertificates) throw wrong(`has ${blocks.length - 1} issuers`);
  try {
    const [leaf, ...issuers] = blocks.map((block) => new X509Certificate(block));
    if (leaf !== undefined) return [leaf, ...issuers];
  } catch (error) {
    throw wrong('cannot be read', error);
  }
  throw wrong('is none');
}

function publicKeyOf(certificate: X509Certificate): Buffer {
  return certificate.publicKey.export({ format: 'der', type: 'spki' });
}

function requestedKey(csr: Uint8Array): Buffer {
  return Buffer.from(new Pkcs10CertificateRequest(Buffer.from(csr)).publicKey.rawData);
}

function namesOf(leaf: X509Certificate): Set<string> {
  const names = leaf.subjectAltName?.split(', ') ?? [];
  return new Set(names.map((name) => name.replace(/^DNS:/, '').toLowerCase()));
}
