// A wish for a token arrives and its record and text leave; later a redeemed token arrives and is accepted or refused (security row D-01).

import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { formatEnrolmentToken, tokenIdLength } from '../../shared/enrolment-token.ts';
import {
  CidrSet,
  NetAddressError,
  parseAddress,
  parseLimitedNetwork,
} from '../../shared/net-address.ts';
import type { TokenRecord } from './enrolment-store.ts';
import { TunnelError } from './tunnel-error.ts';

export interface TokenRequest {
  readonly ownerId?: string;
  /** From one minute to seven days; 60 minutes if left out. */
  readonly ttlMs?: number;
  /** Only agents from this network may use it (`192.0.2.0/24`). */
  readonly cidr?: string | undefined;
  readonly label?: string | undefined;
  readonly serverId?: string | undefined;
  /** base64url SHA-256 of the local CA's SubjectPublicKeyInfo. */
  readonly caFingerprint?: string | undefined;
}

/** Before accounts exist everything belongs to this owner. */
export const operatorId = 'operator';

const minuteMs = 60_000;
/** D-01: long enough to walk to the other machine, short enough that a forgotten one is worthless; seven days must be asked for. */
const lifeMs = { least: minuteMs, usual: 60 * minuteMs, most: 7 * 24 * 60 * minuteMs };
/** The record to keep and the text to show once. @throws TunnelError enrol.token-options */
export function makeToken(
  request: TokenRequest,
  createdAt: Date,
): { record: TokenRecord; text: string } {
  const ttlMs = requireTtl(request.ttlMs ?? lifeMs.usual);
  const id = Array.from({ length: tokenIdLength }, () => base62[randomInt(62)]).join('');
  const secret = randomBytes(32).toString('base64url');
  const record = {
    id,
    secretHash: hashOf(secret),
    ownerId: request.ownerId ?? operatorId,
    serverId: request.serverId,
    label: request.label,
    cidr: request.cidr === undefined ? undefined : requireCidr(request.cidr),
    createdAt,
    expiresAt: new Date(createdAt.getTime() + ttlMs),
    usedAt: undefined,
    usedBy: undefined,
  };
  return {
    record,
    text: formatEnrolmentToken({ id, secret, caFingerprint: request.caFingerprint }),
  };
}

/** @throws TunnelError enrol.token-invalid: an unknown id takes the same road as a wrong secret, to the same sentence. */
export function requireSecret(
  token: TokenRecord | undefined,
  secret: string,
): asserts token is TokenRecord {
  const isRight = timingSafeEqual(hashOf(secret), token?.secretHash ?? noHash);
  if (token === undefined || !isRight) throw unknownToken();
}

/** Also of one that was withdrawn, or whose owner may have no servers any more. */
export function unknownToken(): TunnelError {
  return new TunnelError(
    'enrol.token-invalid',
    'this hub does not know this enrolment token (any more): check that it is whole, made by this hub and not withdrawn since, or make a new one with "phlix-hub enrol-token create"',
  );
}

/** @throws TunnelError enrol.token-expired | enrol.wrong-network */
export function requireUsable(token: TokenRecord, peerAddress: string, now: Date): void {
  if (now >= token.expiresAt) {
    throw new TunnelError(
      'enrol.token-expired',
      `this enrolment token expired at ${token.expiresAt.toISOString()}: make a new one with "phlix-hub enrol-token create"`,
    );
  }
  if (token.cidr !== undefined && !isWithin(peerAddress, token.cidr)) {
    throw new TunnelError(
      'enrol.wrong-network',
      'this enrolment token may not be used from this network: use it where it was made for, or make one for this network',
    );
  }
}

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

const noHash = Buffer.alloc(32);

function requireTtl(ttlMs: number): number {
  if (!(ttlMs >= lifeMs.least && ttlMs <= lifeMs.most)) {
    throw new TunnelError(
      'enrol.token-options',
      'an enrolment token lives from one minute to seven days: give --ttl such as 60m or 7d',
    );
  }
  return ttlMs;
}

function requireCidr(text: string): string {
  try {
    const { address, prefix } = parseLimitedNetwork(text);
    return `${address}/${prefix}`;
  } catch (error) {
    if (!(error instanceof NetAddressError)) throw error;
    throw new TunnelError('enrol.token-options', error.message, { cause: error });
  }
}

/** IPv4 in IPv6 clothes (`::ffff:192.0.2.1`) is IPv4. */
function isWithin(address: string, cidr: string): boolean {
  const peer = parseAddress(address);
  return peer !== undefined && new CidrSet([parseLimitedNetwork(cidr)]).has(peer);
}
