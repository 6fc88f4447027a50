// An order and what was ordered before arrive; whether it may be made now leaves, or when. Pure: an authority's limits are never found out by reaching them.

import type { AuthorityName } from '../acme/authority.ts';
import type { OrderKind, OrderLook, OrderRecord, OrderRefusal } from './certificate.ts';

/** How many within which time. Undefined: the authority has no such limit, or nobody knows it. */
export interface AuthorityLimits {
  /** Of all orders of this hub. Not the authority's: a queue of names shall not arrive as a wave. */
  readonly pace: Limit;
  readonly orders: Limit | undefined;
  readonly certificatesOfDomain: Limit | undefined;
  readonly certificatesOfNames: Limit | undefined;
  readonly failuresOfName: Limit | undefined;
}

interface Limit {
  readonly count: number;
  readonly periodMs: number;
}

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const weekMs = 7 * 24 * hourMs;

/** certmagic's number as well; a wave of a thousand names is through in 17 minutes. */
const pace: Limit = { count: 10, periodMs: 10 * secondMs };

/**
 * Each a tenth below what Let's Encrypt publishes (300 in 3 h, 50 and 5 in a week, 5 in an hour), where that is less than
 * one, one: a person who tries something by hand must not tip the scale. Counted in sliding windows, which is stricter
 * than its buckets.
 */
const letsEncryptLimits: AuthorityLimits = {
  pace,
  orders: { count: 270, periodMs: 3 * hourMs },
  certificatesOfDomain: { count: 45, periodMs: weekMs },
  certificatesOfNames: { count: 4, periodMs: weekMs },
  failuresOfName: { count: 4, periodMs: hourMs },
};

/** Its staging environment publishes 1500 in 3 h, 30,000 and 30,000 in a week, 200 in an hour. */
const stagingLimits: AuthorityLimits = {
  pace,
  orders: { count: 1350, periodMs: 3 * hourMs },
  certificatesOfDomain: { count: 27_000, periodMs: weekMs },
  certificatesOfNames: { count: 27_000, periodMs: weekMs },
  failuresOfName: { count: 180, periodMs: hourMs },
};

/** An authority of the operator's own, or one that publishes no numbers: it says itself when to wait (`Retry-After`). */
const unknownLimits: AuthorityLimits = {
  pace,
  orders: undefined,
  certificatesOfDomain: undefined,
  certificatesOfNames: undefined,
  failuresOfName: undefined,
};

export function limitsOf(authority: AuthorityName): AuthorityLimits {
  const host = URL.parse(authority)?.hostname ?? '';
  if (!host.endsWith('.letsencrypt.org')) return unknownLimits;
  return host.includes('staging') ? stagingLimits : letsEncryptLimits;
}

export interface PlannedOrder {
  readonly names: readonly string[];
  readonly kind: OrderKind;
}

/** What of the log has to be read: days of failures, as while an authority is down, need not be. */
export function lookFor({ kind }: PlannedOrder, now: Date): OrderLook {
  const before = (ms: number): Date => new Date(now.getTime() - ms);
  const isFree = kind === 'replacement';
  return {
    allSince: before(isFree ? longestOrderMs : 3 * hourMs),
    certificatesSince: before(isFree ? longestOrderMs : weekMs),
  };
}

/** No order is under way longer than this: its attempt is ended before. */
export const longestOrderMs = 20 * minuteMs;

/** Undefined: it may be made. Of several limits that are reached, the one that takes longest to have room again. */
export function refusalOf(
  order: PlannedOrder,
  past: readonly OrderRecord[],
  { limits, now }: { limits: AuthorityLimits; now: Date },
): OrderRefusal | undefined {
  const refusals = countsOf(order, limits).flatMap(({ name, limit, isCounted }) => {
    const notBefore = notBeforeOf(limit, past.filter(isCounted), now);
    return notBefore === undefined ? [] : [{ limit: name, notBefore }];
  });
  const open = openRival(order, past, now);
  if (open !== undefined) refusals.push(open);
  return refusals.toSorted((a, b) => b.notBefore.getTime() - a.notBefore.getTime())[0];
}

/** The names under which `refusalOf` would refuse this order: who counts towards the same limit waits for the same moment. */
export function limitNames(order: PlannedOrder, limits: AuthorityLimits): string[] {
  return countsOf(order, limits).map(({ name }) => name);
}

/**
 * What an authority counts names by: the part that somebody registered. Without the Public Suffix List, two labels, or three
 * under a country's `co.uk` or `com.au`. A guess that is too coarse only waits longer.
 */
export function registeredDomain(name: string): string {
  const labels = name.replace(/^\*\./, '').split('.');
  const [second = '', top = ''] = labels.slice(-2);
  const isSuffix = top.length === 2 && secondLevels.has(second);
  return labels.slice(isSuffix ? -3 : -2).join('.');
}

const secondLevels = new Set(['ac', 'co', 'com', 'edu', 'gov', 'net', 'or', 'org']);

/** It has to wait for the end of an order, not for a limit. */
export function isForRival({ limit }: OrderRefusal): boolean {
  return limit.startsWith(rivalLimit);
}

const rivalLimit = 'open:';

/**
 * An order of the same names is under way: an authority may answer a second one with the first, whatever the keys (RFC 8555
 * §7.4). The process that waits for its own goes on as soon as that one has ended.
 */
const rivalPauseMs = 15 * secondMs;

interface Count {
  readonly name: string;
  readonly limit: Limit;
  readonly isCounted: (record: OrderRecord) => boolean;
}

function countsOf({ names, kind }: PlannedOrder, limits: AuthorityLimits): Count[] {
  const counts: Count[] = [];
  const count = (name: string, limit: Limit | undefined, isCounted: Count['isCounted']): void => {
    if (limit !== undefined) counts.push({ name, limit, isCounted });
  };
  count('pace', limits.pace, () => true);
  if (kind === 'replacement') return counts;
  for (const name of names) {
    const isFailure = (record: OrderRecord): boolean =>
      record.outcome === 'failed' && record.names.includes(name);
    count(`failures:${name}`, limits.failuresOfName, isFailure);
  }
  const set = setOf(names);
  const isOfNames = (record: OrderRecord): boolean =>
    isCertificate(record) && record.kind !== 'replacement' && setOf(record.names) === set;
  count(`names:${set}`, limits.certificatesOfNames, isOfNames);
  if (kind === 'renewal') return counts;
  count('orders', limits.orders, (record) => record.kind === 'new');
  for (const domain of new Set(names.map(registeredDomain))) {
    const isOfDomain = (record: OrderRecord): boolean =>
      isCertificate(record) &&
      record.kind === 'new' &&
      record.names.some((name) => registeredDomain(name) === domain);
    count(`domain:${domain}`, limits.certificatesOfDomain, isOfDomain);
  }
  return counts;
}

/** One that is open may become one. */
function isCertificate({ outcome }: OrderRecord): boolean {
  return outcome !== 'failed';
}

/** The moment at which one more fits into the sliding window; undefined: now. */
function notBeforeOf(limit: Limit, counted: readonly OrderRecord[], now: Date): Date | undefined {
  const since = now.getTime() - limit.periodMs;
  const until = now.getTime() + hourMs;
  // What a clock wrote that ran ahead would keep the window full until then.
  const within = counted.filter(({ at }) => at.getTime() > since && at.getTime() < until);
  const leaving = within[within.length - limit.count];
  return leaving === undefined ? undefined : new Date(leaving.at.getTime() + limit.periodMs);
}

function openRival(
  { names }: PlannedOrder,
  past: readonly OrderRecord[],
  now: Date,
): OrderRefusal | undefined {
  const since = now.getTime() - longestOrderMs;
  const set = setOf(names);
  const isUnderWay = past.some(
    ({ outcome, at, names }) => outcome === 'open' && at.getTime() > since && setOf(names) === set,
  );
  if (!isUnderWay) return undefined;
  return { limit: `${rivalLimit}${set}`, notBefore: new Date(now.getTime() + rivalPauseMs) };
}

/** An authority takes two orders for them as one, whatever the keys. */
export function sameNames(some: readonly string[], others: readonly string[]): boolean {
  return setOf(some) === setOf(others);
}

function setOf(names: readonly string[]): string {
  return names.toSorted().join(' ');
}
