// A kind of key arrives; a fresh pair for a server certificate leaves, made on a thread of its own, and its PEM.

import { createPrivateKey, webcrypto } from 'node:crypto';

import type { KeyKind } from './store.ts';

export const keyAlgorithms = {
  ecdsa: { name: 'ECDSA', namedCurve: 'P-256' },
  rsa: {
    name: 'RSASSA-PKCS1-v1_5',
    // What every client since 2010 takes; 4096 costs seven times as much for each handshake.
    modulusLength: 2048,
    publicExponent: Uint8Array.of(1, 0, 1),
    hash: 'SHA-256',
  },
};

/** On a thread of its own: an RSA key takes up to a second to find. */
export async function generateKeyPair(kind: KeyKind): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(keyAlgorithms[kind], true, ['sign', 'verify']);
}

/** PKCS#8. */
export async function privateKeyPem(pair: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}
