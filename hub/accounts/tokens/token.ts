// A token as the hub keeps it, and what keeping it takes: the port that hub/db implements.

import type { Buffer } from 'node:buffer';
import type { Scope } from './scope.ts';
import type { TokenKind } from './token-text.ts';

export interface Token {
  readonly id: string;
  readonly kind: TokenKind;
  readonly accountId: string;
  /** What its owner calls it. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Canonical networks; none: from everywhere. */
  readonly networks: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** Unused for so long it is dead as well; undefined: it may rest. */
  readonly idleMs: number | undefined;
  readonly lastUsedAt: Date | undefined;
  readonly lastUsedFrom: string | undefined;
  /** The program of a device token, as it called itself. */
  readonly app: string | undefined;
}

export interface TokenRecord extends Token {
  /** SHA-256 of the secret's text, which is shown once and then gone. */
  readonly secretHash: Buffer;
}

/** How many tokens of one kind an account may hold; those that expired before `deadBefore` are forgotten first. */
export interface TokenRoom {
  readonly most: number;
  readonly deadBefore: Date;
}

export interface TokenUse {
  readonly at: Date;
  readonly address: string | undefined;
}

export interface TokenStore {
  /** False: there is no room. */
  insert(token: TokenRecord, room: TokenRoom): Promise<boolean>;
  find(id: string): Promise<TokenRecord | undefined>;
  /** All of an account, also what has expired; newest first. */
  list(accountId: string): Promise<Token[]>;
  noteUse(id: string, use: TokenUse): Promise<void>;
  /** Undefined: this account has no such token. */
  rename(accountId: string, id: string, name: string): Promise<Token | undefined>;
  /** Tells every process. Undefined: this account has no such token. */
  remove(accountId: string, id: string): Promise<Token | undefined>;
  /** Tells every process; with them goes what the account has approved and no device has fetched. Their ids. */
  removeAll(accountId: string): Promise<string[]>;
  /** `id` undefined: messages may have been lost, any token may have ended. Resolves when none is missed any more. */
  watch(onEnded: (id: string | undefined) => void): Promise<() => void>;
}
