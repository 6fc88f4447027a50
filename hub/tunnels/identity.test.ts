import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import { agentIdOf, isSignedBy, isSoundKey } from './identity.ts';

// RFC 8037 appendix A: the key, its thumbprint, and a signature made with it.
const rfcKey = Buffer.from('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', 'base64url');
const rfcThumbprint = 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k';
const rfcMessage = Buffer.from('eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc');
const rfcSignature = Buffer.from(
  'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
  'base64url',
);

// The field and the curve of Ed25519, to find the points of small order afresh.
const p = 2n ** 255n - 19n;
const d = (-121665n * power(121666n, p - 2n) + p * 121666n) % p;

describe('an agent’s key', () => {
  test('has the thumbprint of RFC 8037', async () => {
    expect(await agentIdOf(rfcKey)).toBe(rfcThumbprint);
  });

  test('verifies the signature of RFC 8037, and no other message', () => {
    expect(isSignedBy(rfcKey, rfcMessage, rfcSignature)).toBe(true);
    expect(isSignedBy(rfcKey, Buffer.from('another'), rfcSignature)).toBe(false);
  });

  test('of another agent does not verify', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    expect(isSignedBy(rfcKey, rfcMessage, sign(null, rfcMessage, privateKey))).toBe(false);
  });

  test.each([0, 31, 33, 64])('of %i bytes is unsound', (length) => {
    expect(isSoundKey(Buffer.alloc(length, 7))).toBe(false);
    expect(isSignedBy(Buffer.alloc(length, 7), rfcMessage, rfcSignature)).toBe(false);
  });

  test('of small order is refused, with either sign of x', () => {
    const coordinates = smallOrderCoordinates();
    expect(coordinates).toHaveLength(5);
    for (const y of coordinates) {
      expect([y, isSoundKey(encode(y, false)), isSoundKey(encode(y, true))]).toEqual([
        y,
        false,
        false,
      ]);
    }
  });

  test('that needs reducing by the field’s prime is refused', () => {
    for (let y = p; y < 2n ** 255n; y++) {
      expect(isSoundKey(encode(y, false))).toBe(false);
    }
    expect(isSoundKey(encode(p - 2n, false))).toBe(true);
  });

  test('made by an honest agent is sound', () => {
    for (let key = 0; key < 200; key++) {
      const { publicKey } = generateKeyPairSync('ed25519');
      const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
      expect(isSoundKey(raw)).toBe(true);
    }
  });
});

/** 32 bytes, little-endian, the sign of x in the highest bit (RFC 8032 §5.1.2). */
function encode(y: bigint, isOdd: boolean): Buffer {
  const bytes = Buffer.from(Buffer.from(y.toString(16).padStart(64, '0'), 'hex').toReversed());
  bytes.writeUInt8(bytes.readUInt8(31) | (isOdd ? 0x80 : 0), 31);
  return bytes;
}

/**
 * y of the identity, of the point of order 2, of order 4, and of order 8. Doubling a point of order 8 gives y = 0; with
 * the curve's equation that is d*y^4 + 2*y^2 - 1 = 0.
 */
function smallOrderCoordinates(): bigint[] {
  const root = squareRoot(1n + d);
  const eighths = [root, p - root].flatMap((r) => {
    const square = (((r - 1n + p) % p) * power(d, p - 2n)) % p;
    const y = squareRoot(square);
    return (y * y) % p === square ? [y, p - y] : [];
  });
  return [1n, p - 1n, 0n, ...eighths];
}

function squareRoot(square: bigint): bigint {
  const root = power(square, (p + 3n) / 8n);
  return (root * root) % p === square % p ? root : (root * power(2n, (p - 1n) / 4n)) % p;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = base % p, e = exponent; e > 0n; e >>= 1n, b = (b * b) % p) {
    if ((e & 1n) === 1n) {
      result = (result * b) % p;
    }
  }
  return result;
}
