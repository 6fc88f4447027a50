// What a link in a letter stands for is named here: an address to prove, or a password to choose.

import type { Buffer } from 'node:buffer';
import { randomUUIDv7 } from 'node:crypto';

import { AccountError } from '../account-error.ts';
import type { Account } from '../account.ts';
import { hashOf, isSecret, newSecret } from '../secret.ts';

export interface EmailLink {
  readonly id: string;
  readonly accountId: string;
  readonly purpose: 'verify' | 'reset';
  /** Where it was sent: it proves this address and no other. */
  readonly email: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export interface EmailLinkStore {
  /** Also forgets what has expired. */
  insert(link: EmailLink, secretHash: Buffer): Promise<void>;
  find(
    secretHash: Buffer,
    purpose: EmailLink['purpose'],
    now: Date,
  ): Promise<EmailLink | undefined>;
  /** True for one of however many bring it. */
  take(id: string): Promise<boolean>;
}

/** The secret is for the fragment of an address: browsers send it to nobody, and no log has it. */
export async function makeLink(
  store: EmailLinkStore,
  to: { accountId: string; email: string },
  { purpose, lifeMs, now }: { purpose: EmailLink['purpose']; lifeMs: number; now: Date },
): Promise<string> {
  const secret = newSecret();
  const expiresAt = new Date(now.getTime() + lifeMs);
  const link = { id: randomUUIDv7(), ...to, purpose, createdAt: now, expiresAt };
  await store.insert(link, hashOf(secret));
  return secret;
}

/** @throws AccountError account.link */
export async function requireLink(
  store: EmailLinkStore,
  secret: string,
  { purpose, now }: { purpose: EmailLink['purpose']; now: Date },
): Promise<EmailLink> {
  const found = isSecret(secret) ? await store.find(hashOf(secret), purpose, now) : undefined;
  return found ?? deadLink();
}

/** Where it was sent is still the account's. */
export function isStillFor({ email }: EmailLink, account: Account | undefined): boolean {
  return account?.state === 'active' && account.email === email;
}

/** @throws AccountError account.link */
export function deadLink(): never {
  throw new AccountError(
    'account.link',
    'this link was used, is too old, or was overtaken by another change: ask for another one',
  );
}
