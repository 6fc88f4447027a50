// The text of a token arrives with each request and its account and scopes leave; wishes for tokens arrive and are granted or refused (security row A-16).

import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

import {
  CidrSet,
  NetAddressError,
  parseAddress,
  parseNetwork,
} from '../../../shared/net-address.ts';
import { AccountError } from '../account-error.ts';
import type { Account } from '../account.ts';
import { personalTokenLimits, maxTokenNameLength, useNotedEveryMs } from './limits.ts';
import { mayHold, type Scope } from './scope.ts';
import type { Token, TokenRecord, TokenStore } from './token.ts';
import { base62, formatToken, parseToken, secretHash, tokenIdLength } from './token-text.ts';

export interface TokenWish {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** From an hour to 365 days; 90 days if left out. */
  readonly lifeMs?: number | undefined;
  /** CIDRs; left out or empty: usable from everywhere. */
  readonly networks?: readonly string[] | undefined;
}

export interface FoundToken {
  readonly account: Account;
  readonly tokenId: string;
  /** Those of the token that its account may hold today. */
  readonly scopes: readonly Scope[];
}

/** Whose token it is. */
export interface TokenHolders {
  find(accountId: string): Promise<Account | undefined>;
}

export class Tokens {
  readonly #store: TokenStore;
  readonly #holders: TokenHolders;
  readonly #now: () => Date;

  constructor(options: { store: TokenStore; holders: TokenHolders; now?: () => Date }) {
    this.#store = options.store;
    this.#holders = options.holders;
    this.#now = options.now ?? (() => new Date());
  }

  /**
   * Whom a bearer's text speaks for; undefined for what is unknown, wrong, expired, idle for too long, or of an account that
   * is suspended: all alike. What was misspelt is known as such before the database is asked.
   * `address`: canonical, undefined if unknown.
   * @throws AccountError token.network: the right token, from a network that it, or its account, is not for.
   */
  async find(text: string, address: string | undefined): Promise<FoundToken | undefined> {
    const said = parseToken(text);
    if (said === undefined) return undefined;
    const token = await this.#store.find(said.id);
    const isRight = timingSafeEqual(secretHash(said.secret), token?.secretHash ?? noHash);
    if (token === undefined || !isRight || token.kind !== said.kind) return undefined;
    const now = this.#now();
    if (!isAlive(token, now)) return undefined;
    const account = await this.#holders.find(token.accountId);
    if (account === undefined || account.state !== 'active') return undefined;
    requireNetwork([token.networks, account.networks], address);
    await this.#noteUse(token, { at: now, address });
    return {
      account,
      tokenId: token.id,
      scopes: token.scopes.filter((scope) => mayHold(account.role, scope)),
    };
  }

  /** The text is returned here and exists nowhere else. @throws AccountError token.options | token.quota */
  async create(account: Account, wish: TokenWish): Promise<{ token: Token; text: string }> {
    const now = this.#now();
    const { record, text } = makeToken({
      kind: 'personal',
      accountId: account.id,
      name: cleanName(wish.name),
      scopes: grantable(account, wish.scopes),
      networks: cleanNetworks(wish.networks ?? []),
      createdAt: now,
      expiresAt: new Date(now.getTime() + requireLife(wish.lifeMs)),
      idleMs: undefined,
      app: undefined,
    });
    if (!(await this.#store.insert(record, personalTokenLimits.perAccount)))
      throw new AccountError(
        'token.quota',
        `an account holds ${personalTokenLimits.perAccount} tokens at most: remove those that nothing uses any more`,
      );
    return { token: shown(record), text };
  }

  /** Personal and device tokens, newest first; also what has expired, for a while. */
  async list(accountId: string): Promise<Token[]> {
    return this.#store.list(accountId);
  }

  /** @throws AccountError token.unknown | token.options */
  async rename(accountId: string, id: string, name: string): Promise<void> {
    if (!(await this.#store.rename(accountId, id, cleanName(name)))) throw unknownToken();
  }

  /** From within a second no process takes it any more, nor goes on with what it began. @throws AccountError token.unknown */
  async revoke(accountId: string, id: string): Promise<Token> {
    const removed = await this.#store.remove(accountId, id);
    if (removed === undefined) throw unknownToken();
    return removed;
  }

  /** Of both kinds: an admin's reset, a lockout, the end of the account. How many there were. */
  async revokeAll(accountId: string): Promise<number> {
    return (await this.#store.removeAll(accountId)).length;
  }

  /**
   * For whatever outlives its request, such as a stream of events. `id` undefined: messages may have been lost, whoever
   * holds on to a token must ask `find` again.
   */
  async onEnded(listener: (id: string | undefined) => void): Promise<() => void> {
    return this.#store.onEnded(listener);
  }

  async #noteUse(token: Token, use: { at: Date; address: string | undefined }): Promise<void> {
    const sinceMs = use.at.getTime() - (token.lastUsedAt?.getTime() ?? 0);
    if (sinceMs >= useNotedEveryMs) await this.#store.noteUse(token.id, use);
  }
}

/** The record to keep and the text to show once. */
export function makeToken(
  token: Omit<TokenRecord, 'id' | 'secretHash' | 'lastUsedAt' | 'lastUsedFrom'>,
): { record: TokenRecord; text: string } {
  const id = Array.from({ length: tokenIdLength }, () => base62[randomInt(62)]).join('');
  const secret = randomBytes(32).toString('base64url');
  const unused = { lastUsedAt: undefined, lastUsedFrom: undefined };
  return {
    record: { ...token, ...unused, id, secretHash: secretHash(secret) },
    text: formatToken({ kind: token.kind, id, secret }),
  };
}

/** Without its hash: what leaves the domain. */
export function shown({ secretHash: _, ...token }: TokenRecord): Token {
  return token;
}

export function isAlive(token: Token, now: Date): boolean {
  const restedMs = now.getTime() - (token.lastUsedAt ?? token.createdAt).getTime();
  return now < token.expiresAt && restedMs < (token.idleMs ?? Number.POSITIVE_INFINITY);
}

/** One line that a person can read back: no control characters, no invisible ones that turn the text around. */
export function cleanName(text: string): string {
  const name = text
    .normalize('NFC')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  if (name === '' || [...name].length > maxTokenNameLength)
    throw options(`give it a name of 1 to ${maxTokenNameLength} characters`);
  return name;
}

const noHash = Buffer.alloc(32);

function grantable(account: Account, wished: readonly Scope[]): Scope[] {
  const kept = [...new Set(wished)];
  if (kept.length === 0)
    throw options('choose at least one scope: a token without one opens nothing');
  const denied = kept.filter((scope) => !mayHold(account.role, scope));
  if (denied.length > 0)
    throw options(`only an admin can give ${denied.join(', ')}: choose other scopes`);
  return kept;
}

function requireLife(lifeMs: number = personalTokenLimits.usualLifeMs): number {
  const { leastLifeMs, mostLifeMs } = personalTokenLimits;
  if (!(lifeMs >= leastLifeMs && lifeMs <= mostLifeMs))
    throw options('a token lives from one hour to 365 days: choose a time between them');
  return Math.floor(lifeMs);
}

function cleanNetworks(texts: readonly string[]): string[] {
  if (texts.length > personalTokenLimits.networks)
    throw options(`name ${personalTokenLimits.networks} networks at most`);
  try {
    const networks = texts.map(parseNetwork);
    return networks.map(({ address, prefix }) => `${address}/${prefix}`);
  } catch (error) {
    if (error instanceof NetAddressError) throw options(error.message, error);
    throw error;
  }
}

/** An address that is not known is in no network: a limit that cannot be checked is not met. */
function requireNetwork(limits: readonly (readonly string[])[], address: string | undefined): void {
  const canonical = address === undefined ? undefined : parseAddress(address);
  for (const networks of limits) {
    const isWithin =
      canonical !== undefined && new CidrSet(networks.map(parseNetwork)).has(canonical);
    if (networks.length > 0 && !isWithin)
      throw new AccountError(
        'token.network',
        'this token may not be used from this network: use it where it was made for, or make one for this network',
      );
  }
}

function options(message: string, cause?: Error): AccountError {
  return new AccountError('token.options', message, { cause });
}

function unknownToken(): AccountError {
  return new AccountError(
    'token.unknown',
    'this account has no such token: it may have been removed already',
  );
}
