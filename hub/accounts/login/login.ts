// What a browser that somebody has signed in with is to the hub leaves here: never its secret.

import type { Buffer } from 'node:buffer';

/** RFC 8176 has such a list (`amr`); these are ours. */
const loginMethods = [
  'password',
  'passkey',
  'totp',
  'recovery',
  'email',
  'sso',
  /** What the identity provider says it asked for beside its own password. */
  'sso-factor',
  'setup',
  'invitation',
  'trusted-browser',
  /** A browser that the account knows, in one of HUB_TRUSTED_NETWORKS. */
  'trusted-network',
] as const;
export type LoginMethod = (typeof loginMethods)[number];

/** May only enrol a factor or set a password: after a recovery code, setup, an invitation, an admin's reset. */
export type Restriction = 'enrol';

export interface Login {
  readonly id: string;
  readonly accountId: string;
  /** Of the secret that it had when it was found: of two calls that renew it at the same moment only one does. */
  readonly secretHash: Buffer;
  /** By which it came to be, in their order. */
  readonly methods: readonly LoginMethod[];
  readonly restriction: Restriction | undefined;
  readonly createdAt: Date;
  readonly seenAt: Date;
  /** When it ends though it is used. */
  readonly endsAt: Date;
  /** Where it was last seen; undefined: a proxy did not say. */
  readonly address: string | undefined;
  /** `Firefox on Windows`. */
  readonly software: string;
  /** Until when changes need no further proof (row A-11). */
  readonly liftedUntil: Date | undefined;
}

/** Who comes: what a login is begun with, and what limits count by. */
export interface Visit {
  readonly address: string | undefined;
  /** The other end of the connection, where the client is unknown. */
  readonly peer?: string | undefined;
  readonly userAgent: string | undefined;
  readonly requestId?: string | undefined;
}
