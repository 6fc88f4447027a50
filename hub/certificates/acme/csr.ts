// Names and a kind of key arrive; a fresh key and the request to certify it leave. The key never goes further than the store.

// @peculiar/x509 resolves its parts through decorators and expects its importer to bring the polyfill.
import 'reflect-metadata';
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';

import { generateKeyPair, privateKeyPem } from '../key-pair.ts';
import type { KeyKind } from '../store.ts';

export interface KeyAndCsr {
  /** PEM, PKCS#8. */
  readonly key: string;
  /** DER (RFC 2986). */
  readonly csr: Uint8Array;
}

/**
 * Every certificate gets a key of its own: one that leaked ends with it. The names stand in subjectAltName only: a common
 * name holds no more than 64 characters, and authorities that still want one fill it in themselves.
 */
export async function createKeyAndCsr(names: readonly string[], kind: KeyKind): Promise<KeyAndCsr> {
  const keys = await generateKeyPair(kind);
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: signingAlgorithms[kind],
    extensions: [
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
    ],
  });
  return { key: await privateKeyPem(keys), csr: new Uint8Array(request.rawData) };
}

const signingAlgorithms = {
  ecdsa: { name: 'ECDSA', hash: 'SHA-256' },
  rsa: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
};
