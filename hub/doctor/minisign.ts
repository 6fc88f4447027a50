// A file, its signature and a public key of minisign arrive; whether the key's owner has signed these bytes leaves.

import { Buffer } from 'node:buffer';
import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';

/** Algorithm, number of the key and key: https://jedisct1.github.io/minisign/, "Public key format". */
const keyBytes = 42;
const signatureBytes = 74;

export interface MinisignKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** The line of minisign.pub without its comment. Undefined: it is none. */
export function parseMinisignKey(text: string): MinisignKey | undefined {
  const bytes = decoded(text.trim(), keyBytes);
  if (bytes === undefined || algorithmOf(bytes) !== 'Ed') return undefined;
  const x = bytes.subarray(10).toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return { id: idOf(bytes), key };
}

/** Its trusted comment is not looked at: nothing here goes by it. */
export function isSignedBy(
  { id, key }: MinisignKey,
  content: Uint8Array,
  signature: string,
): boolean {
  const bytes = decoded(signature.split('\n')[1]?.trim() ?? '', signatureBytes);
  if (bytes === undefined || idOf(bytes) !== id) return false;
  const signed = signedBytes(algorithmOf(bytes), content);
  return signed !== undefined && verify(null, signed, key, bytes.subarray(10));
}

/** `ED` signs a hash of the file, which minisign does since 0.10; `Ed`, before it, the file itself. */
function signedBytes(algorithm: string, content: Uint8Array): Uint8Array | undefined {
  if (algorithm === 'ED') return createHash('blake2b512').update(content).digest();
  return algorithm === 'Ed' ? content : undefined;
}

function decoded(base64: string, length: number): Buffer | undefined {
  const bytes = Buffer.from(base64, 'base64');
  return bytes.length === length && bytes.toString('base64') === base64 ? bytes : undefined;
}

const algorithmOf = (bytes: Buffer): string => bytes.subarray(0, 2).toString('latin1');
const idOf = (bytes: Buffer): string => bytes.subarray(2, 10).toString('hex');
