// Keys that follow each other arrive; what proves it leaves: each names the next one, and signs for it (security row D-05).

import { Buffer } from 'node:buffer';
import { createHash, createPublicKey, sign, type KeyObject } from 'node:crypto';

import { successionStatement } from '../shared/wire/proof.ts';
import { maxKeysInSuccession } from '../shared/wire/limits.ts';

/** A key that this agent had, and its word for the one after it. Nothing here is secret. */
export interface FormerKey {
  /** Raw, 32 bytes. */
  readonly publicKey: Buffer;
  readonly statement: Buffer;
}

/** The last 32 bytes of an Ed25519 SPKI are the key itself (RFC 8410 §4). */
export function rawPublicKey(privateKey: KeyObject): Buffer {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return Buffer.from(spki.subarray(-32));
}

/** What the successor has to show, after what the former key had to. */
export function succeeded(
  former: { readonly privateKey: KeyObject; readonly formerKeys: readonly FormerKey[] },
  successor: KeyObject,
  hubHost: string,
): FormerKey[] {
  const publicKey = rawPublicKey(former.privateKey);
  const claim = { hubHost, former: publicKey, successor: rawPublicKey(successor) };
  const statement = sign(null, successionStatement(claim), former.privateKey);
  return [...former.formerKeys, { publicKey, statement }].slice(1 - maxKeysInSuccession);
}

/** RFC 7638 thumbprint, as the hub makes it: the members of the key in their one order. */
export function agentIdOf(publicKey: Buffer): string {
  const jwk = { crv: 'Ed25519', kty: 'OKP', x: publicKey.toString('base64url') };
  return createHash('sha256').update(JSON.stringify(jwk)).digest('base64url');
}
