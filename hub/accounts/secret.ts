// Nothing arrives; a secret of 256 bits leaves for whoever will bear it, and its hash for the database.

import type { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';

/** 43 letters of base64url. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** A secret of full entropy needs no salt and no slow hash: nobody tries 2^256 of them. */
export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Whether it may be one of ours at all: what is not is told apart before the database is asked. */
export function isSecret(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text);
}
