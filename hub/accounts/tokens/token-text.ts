// The text of a personal or a device token, shown once and then sent as a bearer, arrives or leaves here (security rows ).

import { crc32 } from 'node:zlib';

export type TokenKind = 'personal' | 'device';

export interface TokenText {
  readonly kind: TokenKind;
  /** Eight base62 characters: names the token in the hub's table. */
  readonly id: string;
  /** 43 base64url characters: 256 bits. The hub keeps their SHA-256 only. */
  readonly secret: string;
}

/** The prefix is what scanners of code and logs look for. */
const prefixes: Readonly<Record<TokenKind, string>> = { personal: 'phx_pat_', device: 'phd_' };
export const tokenIdLength = 8;
/** 32 bytes in base64url without padding. */
const secretLength = 43;
/** 2^32 needs six digits of base 62. */
const checksumLength = 6;

export const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

export function formatToken({ kind, id, secret }: TokenText): string {
  return kind === 'personal'
    ? withChecksum(`${prefixes.personal}${id}_${secret}`)
    : `${prefixes.device}${id}_${secret}`;
}

/** Undefined for everything that no hub has made: a slip of the hand costs no question to the database. */
export function parseToken(text: string): TokenText | undefined {
  if (text.startsWith(prefixes.personal)) {
    const plain = text.slice(0, -checksumLength);
    return withChecksum(plain) === text ? cut('personal', plain) : undefined;
  }
  return text.startsWith(prefixes.device) ? cut('device', text) : undefined;
}

function cut(kind: TokenKind, plain: string): TokenText | undefined {
  const rest = plain.slice(prefixes[kind].length);
  const id = rest.slice(0, tokenIdLength);
  const secret = rest.slice(tokenIdLength + 1);
  const isWhole =
    rest.length === tokenIdLength + 1 + secretLength &&
    rest[tokenIdLength] === '_' &&
    /^[0-9A-Za-z]+$/.test(id) &&
    /^[0-9A-Za-z_-]+$/.test(secret);
  return isWhole ? { kind, id, secret } : undefined;
}

function withChecksum(plain: string): string {
  let rest = crc32(plain);
  let digits = '';
  for (let digit = 0; digit < checksumLength; digit++) {
    digits = base62.charAt(rest % 62) + digits;
    rest = Math.floor(rest / 62);
  }
  return plain + digits;
}
