// The text of a token arrives with each request and its account and scopes leave; wishes for tokens arrive and are granted or refused (security row A-16).

import { randomInt, timingSafeEqual } from 'node:crypto';

import { NetAddressError, parseLimitedNetwork } from '../../../shared/net-address.ts';
import type { Audit, AuditEntry } from '../../audit/audit.ts';
import type { Notices, Where } from '../../notices/notice.ts';
import { AccountError } from '../account-error.ts';
import type { Account } from '../account.ts';
import type { LoginCaller } from '../caller.ts';
import { mayComeFrom } from '../login/address-lists.ts';
import { hashOf, newSecret } from '../secret.ts';
import { FamiliarPlaces } from './familiar-places.ts';
import type { BearerVisit, DeadBearers, Refusal } from './dead-bearers.ts';
import {
  deadTokensKeptMs,
  deviceTokenLimits,
  maxTokenNameLength,
  personalTokenLimits,
  useNotedEveryMs,
} from './limits.ts';
import { mayHold, type Scope } from './scope.ts';
import type { Token, TokenRecord, TokenRoom, TokenStore } from './token.ts';
import type { TokenCounts } from './token-counts.ts';
import { base62, formatToken, parseToken, tokenIdLength, type TokenKind } from './token-text.ts';

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
  readonly #audit: Audit;
  readonly #notices: Notices;
  readonly #counts: TokenCounts;
  readonly #dead: Pick<DeadBearers, 'requireFresh' | 'requireOpen' | 'note'>;
  readonly #places = new FamiliarPlaces();
  readonly #now: () => Date;
  readonly #listeners = new Set<(id: string | undefined) => void>();
  #unwatch: (() => void) | undefined;

  constructor(options: {
    store: TokenStore;
    holders: TokenHolders;
    audit: Audit;
    notices: Notices;
    counts: TokenCounts;
    /** Counts what opens nothing. */
    dead: Pick<DeadBearers, 'requireFresh' | 'requireOpen' | 'note'>;
    now?: () => Date;
  }) {
    this.#store = options.store;
    this.#holders = options.holders;
    this.#audit = options.audit;
    this.#notices = options.notices;
    this.#counts = options.counts;
    this.#dead = options.dead;
    this.#now = options.now ?? (() => new Date());
  }

  async start(): Promise<void> {
    this.#unwatch = await this.#store.watch((id) => {
      for (const listener of this.#listeners) listener(id);
    });
  }

  stop(): void {
    this.#unwatch?.();
  }

  /**
   * Whom a bearer's text speaks for; undefined for what is unknown, wrong, expired, idle for too long, or of an account that
   * is suspended: all alike. What was misspelt is known as such before the database is asked.
   * One that is right, and was used where it comes from before, costs no more than looking it up.
   * @throws AccountError token.network: the right token, from a network that it, or its account, is not for; login.locked: too
   * many that opened nothing came from there.
   */
  async find(text: string, from: BearerVisit): Promise<FoundToken | undefined> {
    try {
      this.#dead.requireFresh(text, from);
      const found = await this.#find(text, from);
      if ('reason' in found) await this.#dead.note(text, from, found);
      this.#counts.bearer('reason' in found ? 'refused' : 'ok');
      return 'reason' in found ? undefined : found;
    } catch (error) {
      if (error instanceof AccountError && error.code === 'login.locked')
        this.#counts.bearer('locked');
      throw error;
    }
  }

  async #find(text: string, from: BearerVisit): Promise<FoundToken | Refusal> {
    const { address } = from;
    const said = parseToken(text);
    if (said === undefined) return { reason: 'malformed' };
    const token = await this.#store.find(said.id);
    const isRight = timingSafeEqual(hashOf(said.secret), token?.secretHash ?? noHash);
    if (token === undefined || !isRight || token.kind !== said.kind) return { reason: 'unknown' };
    const now = this.#now();
    if (!isAlive(token, now)) return { reason: 'expired', tokenId: token.id };
    const account = await this.#holders.find(token.accountId);
    if (account === undefined || account.state !== 'active')
      return { reason: 'suspended', tokenId: token.id };
    if (!this.#places.has(token, from)) await this.#dead.requireOpen(from);
    const isHere = [token, account].every(({ networks }) => mayComeFrom(networks, address));
    if (!isHere) {
      const actor = { id: account.id, name: account.username };
      const target = token.id;
      this.#audit.note({ event: 'token.denied', actor, address, target, result: 'denied' });
      this.#counts.bearer('network');
      throw wrongNetwork();
    }
    this.#places.note(token, from);
    await this.#noteUse(token, { at: now, address });
    return {
      account,
      tokenId: token.id,
      scopes: token.scopes.filter((scope) => mayHold(account.role, scope)),
    };
  }

  /** The text is returned here and exists nowhere else. @throws AccountError token.options | token.quota */
  async create(caller: LoginCaller, wish: TokenWish): Promise<{ token: Token; text: string }> {
    const { address, login } = caller;
    const where = { address, software: login.software };
    return this.#create(caller.account, wish, { by: caller, where });
  }

  /** For whoever has the host. @throws AccountError as create */
  async createOnHost(account: Account, wish: TokenWish): Promise<{ token: Token; text: string }> {
    return this.#create(account, wish, { by: 'host', where: {} });
  }

  async #create(
    account: Account,
    wish: TokenWish,
    { by, where }: { by: LoginCaller | 'host'; where: Where },
  ): Promise<{ token: Token; text: string }> {
    const now = this.#now();
    const { record: token, text } = makeToken({
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
    if (!(await this.#store.insert(token, roomFor('personal', now))))
      throw new AccountError(
        'token.quota',
        `an account holds ${personalTokenLimits.perAccount} tokens at most: remove those that nothing uses any more`,
      );
    this.#audit.note({ ...noted(by, token), event: 'token.created' });
    this.#notices.tell({
      kind: 'token.created',
      to: { kind: 'account', accountId: account.id },
      facts: { ...where, name: token.name },
    });
    return { token, text };
  }

  /** Personal and device tokens, newest first; also what has expired, for a while. */
  async list(accountId: string): Promise<Token[]> {
    return this.#store.list(accountId);
  }

  /** @throws AccountError token.unknown | token.options */
  async rename(caller: LoginCaller, id: string, name: string): Promise<Token> {
    const renamed = await this.#store.rename(caller.account.id, id, cleanName(name));
    if (renamed === undefined) throw unknownToken();
    this.#audit.note({ ...noted(caller, renamed), event: 'token.renamed' });
    return renamed;
  }

  /** From within a second no process takes it any more, nor goes on with what it began. @throws AccountError token.unknown */
  async revoke(caller: LoginCaller, id: string): Promise<Token> {
    const removed = await this.#store.remove(caller.account.id, id);
    if (removed === undefined) throw unknownToken();
    this.#audit.note({ ...noted(caller, removed), event: 'token.revoked' });
    return removed;
  }

  /** Of both kinds: an admin's reset, a lockout, the end of the account. How many there were. */
  async revokeAll(accountId: string): Promise<number> {
    return (await this.#store.removeAll(accountId)).length;
  }

  /**
   * For whoever holds a connection open for a token: called within a second of its end, in every process. `id` undefined: look
   * again whether it lives. Returns the way to be called no more.
   */
  onEnded(listener: (id: string | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
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
  const secret = newSecret();
  const unused = { lastUsedAt: undefined, lastUsedFrom: undefined };
  return {
    record: { ...token, ...unused, id, secretHash: hashOf(secret) },
    text: formatToken({ kind: token.kind, id, secret }),
  };
}

export function roomFor(kind: TokenKind, now: Date): TokenRoom {
  const { perAccount } = kind === 'personal' ? personalTokenLimits : deviceTokenLimits;
  return { most: perAccount, deadBefore: new Date(now.getTime() - deadTokensKeptMs) };
}

function isAlive(token: Token, now: Date): boolean {
  const restedMs = now.getTime() - (token.lastUsedAt ?? token.createdAt).getTime();
  return now < token.expiresAt && restedMs < (token.idleMs ?? Number.POSITIVE_INFINITY);
}

/** One line that a person can read back: no control characters, no invisible ones that turn the text around. */
export function cleanName(text: string): string {
  const name = text
    .normalize('NFC')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}]/gu, '')
    .trim();
  if (name === '' || Array.from(name).length > maxTokenNameLength)
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
    const networks = texts.map(parseLimitedNetwork);
    return networks.map(({ address, prefix }) => `${address}/${prefix}`);
  } catch (error) {
    if (error instanceof NetAddressError) throw options(error.message, error);
    throw error;
  }
}

function noted(by: LoginCaller | 'host', { id, kind }: Token): Omit<AuditEntry, 'event'> {
  if (by === 'host') return { actor: 'host', target: id, method: 'cli', result: 'ok' };
  const { account, address, requestId } = by;
  const actor = { id: account.id, name: account.username };
  return { actor, address, target: id, method: kind, result: 'ok', requestId };
}

function wrongNetwork(): AccountError {
  return new AccountError(
    'token.network',
    'this token may not be used from this network: use it where it was made for, or make one for this network',
  );
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
