// An agent's raw Ed25519 key arrives; its name, and whether it signed something, leave (security rows D-02, D-03).

import { createPublicKey, verify } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';

const publicKeyBytes = 32;
const signatureBytes = 64;

/** RFC 7638 thumbprint: 43 base64url characters that name the key and nothing else. */
export function agentIdOf(publicKey: Buffer): Promise<string> {
  return calculateJwkThumbprint(jwkOf(publicKey));
}

/** False for every key that is not a sound point of the curve, whatever the signature says. */
export function isSignedBy(publicKey: Buffer, message: Buffer, signature: Buffer): boolean {
  if (signature.length !== signatureBytes || !isSoundKey(publicKey)) {
    return false;
  }
  try {
    const key = createPublicKey({ key: jwkOf(publicKey), format: 'jwk' });
    return verify(null, message, key, signature);
  } catch {
    return false;
  }
}

/**
 * Points of small order make one signature fit many messages, and an encoding past the field's prime gives one key two
 * names (RFC 8032 §5.1.3, §8.4). OpenSSL accepts both; an honest agent can make neither.
 */
export function isSoundKey(publicKey: Buffer): boolean {
  if (publicKey.length !== publicKeyBytes) {
    return false;
  }
  const y = Buffer.from(publicKey.toReversed());
  y.writeUInt8(y.readUInt8(0) & 0x7f, 0);
  const hex = y.toString('hex');
  return hex < fieldPrime && !smallOrder.has(hex);
}

/** 2^255 - 19, as 64 hexadecimal digits: equal lengths compare as numbers. */
const fieldPrime = `7f${'ff'.repeat(30)}ed`;
/** The y coordinates, big-endian, of the eight points whose order divides 8. */
const smallOrder = new Set([
  '00'.repeat(32),
  `${'00'.repeat(31)}01`,
  `7f${'ff'.repeat(30)}ec`,
  '05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826',
  '7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7',
]);

function jwkOf(publicKey: Buffer): { kty: 'OKP'; crv: 'Ed25519'; x: string } {
  return { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') };
}
