// A certificate's dates and an authority's answers arrive; what is to be done for it next, and when, leaves. Pure: clock and chance are given.

import type { RenewalInfo } from '../acme/authority.ts';
import type { Attempts, ManagedCertificate, RenewalPlan } from './certificate.ts';

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export interface Step {
  /** `ask` is for the authority's renewal window (RFC 9773), `retire` is to revoke and forget. */
  readonly kind: 'order' | 'ask' | 'retire';
  readonly at: Date;
}

export interface Life {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What the time of the next step depends on. */
export interface Dated extends Pick<
  ManagedCertificate,
  'createdAt' | 'releasedAt' | 'renewal' | 'attempts'
> {
  readonly issued: Life | undefined;
}

/** There is always a next step; one whose time has passed is due. `isKept`: released by other settings, not by its owner. */
export function nextStep(certificate: Dated, now: Date, isKept = false): Step {
  const { issued, releasedAt, renewal, attempts } = certificate;
  const heldUp = heldUpUntil(attempts, now);
  const notBeforeHold = (at: number): Date => new Date(Math.max(at, heldUp));
  if (releasedAt !== undefined) {
    const soonestAt = releasedAt.getTime() + releaseGraceMs;
    if (!isKept || issued === undefined) return { kind: 'retire', at: notBeforeHold(soonestAt) };
    const keptUntil = Math.min(releasedAt.getTime() + keptMs, issued.notAfter.getTime());
    return { kind: 'retire', at: notBeforeHold(Math.max(soonestAt, keptUntil)) };
  }
  if (issued === undefined) {
    // A wish of a clock that was ahead is due now as well.
    const wishedAt = Math.min(certificate.createdAt.getTime(), now.getTime());
    return { kind: 'order', at: notBeforeHold(wishedAt) };
  }
  const selectedAt = (renewal.selectedAt ?? latestRegular(issued)).getTime();
  // Only a window of the authority can be too late.
  const latestAt = renewal.window === undefined ? Infinity : emergencyAt(issued).getTime();
  const orderAt = notBeforeHold(Math.min(selectedAt, latestAt));
  const askAt = renewal.askAgainAt ?? issued.notBefore;
  const isAskedFirst = askAt < orderAt && orderAt > now;
  return isAskedFirst ? { kind: 'ask', at: askAt } : { kind: 'order', at: orderAt };
}

/** From here on nothing but getting a new one counts: not the authority's window, and no advice. */
export function isEmergency(life: Life | undefined, now: Date): boolean {
  return life !== undefined && now >= emergencyAt(life);
}

/** Drawn for a certificate that was just issued: good until the authority has been asked, and where it has nothing to say. */
export function firstPlan(life: Life, now: Date, random: () => number): RenewalPlan {
  const latest = latestRegular(life).getTime();
  const drawn = latest - random() * spreadOfLife * lengthOf(life);
  // By a clock that is ahead it may look old on its first day: the next one would, too, and must not follow at once.
  const leftMs = life.notAfter.getTime() - now.getTime();
  const selectedAt = new Date(Math.max(drawn, now.getTime() + leftMs / 3));
  return { window: undefined, selectedAt, askAgainAt: now };
}

/**
 * RFC 9773 §4.2: a moment of the window, drawn once and kept as long as the window stands. A window in the past means now, but
 * an authority that says so of each new certificate as well must not be ordered from without end.
 */
export function answeredPlan(
  { life, plan }: { life: Life; plan: RenewalPlan },
  info: RenewalInfo,
  { now, random }: { now: Date; random: () => number },
): RenewalPlan {
  const { start, end } = info;
  const [from, to] = [start.getTime(), Math.max(start.getTime(), end.getTime())];
  const isSame = plan.window?.start.getTime() === from && plan.window.end.getTime() === to;
  const drawn = new Date(Math.max(from + random() * (to - from), soonest(life)));
  return {
    window: { start, end: new Date(to) },
    selectedAt: isSame ? (plan.selectedAt ?? drawn) : drawn,
    askAgainAt: new Date(now.getTime() + askingIntervalMs(life, info.retryAfterMs)),
  };
}

/** What stands, stands: the authority did not say (`undefined` as its answer), or could not be asked. */
export function unansweredPlan(
  { life, plan }: { life: Life; plan: RenewalPlan },
  why: 'silent' | 'failed',
  now: Date,
): RenewalPlan {
  const waitMs = why === 'silent' ? dayMs : askingIntervalMs(life, 6 * hourMs);
  return { ...plan, askAgainAt: new Date(now.getTime() + waitMs) };
}

export interface Retry {
  /** Failed ones, this one included. */
  readonly failures: number;
  readonly life: Life | undefined;
  /** Nobody has to change anything before the next attempt can succeed. */
  readonly isTransient: boolean;
  /** What the authority asked to be left alone for. */
  readonly retryAfterMs: number | undefined;
}

/** When an attempt that failed is made again. Spread, so that what failed together does not come back together. */
export function retryAt(retry: Retry, now: Date, random: () => number): Date {
  const { failures, life } = retry;
  const leftMs = life === undefined ? 0 : life.notAfter.getTime() - now.getTime();
  const isRunning = leftMs > 0;
  const isPressing = isRunning && life !== undefined ? isEmergency(life, now) : retry.isTransient;
  const [last, daily] = [retryTableMs.length - 1, retryTableMs.length];
  const row = Math.min(failures - 1, isPressing ? last : daily);
  const usualMs = retryTableMs[row] ?? dayMs;
  // While an old certificate still runs, four more attempts shall fit into what is left of it, however short it is.
  const boundMs = isRunning && life !== undefined ? Math.max(floorMs(life), leftMs / 4) : usualMs;
  const waitMs = Math.min(usualMs, boundMs) * (1 + random() * spreadOfRetry);
  const askedMs = Math.min(retry.retryAfterMs ?? 0, longestRetryAfterMs);
  return new Date(now.getTime() + Math.max(waitMs, askedMs));
}

/** Let's Encrypt's own advice to clients; after these, once a day. */
const retryTableMs = [minuteMs, 10 * minuteMs, 100 * minuteMs];

/** Up to a fifth later: five hours when it is a day. */
const spreadOfRetry = 0.2;

/** The longest window of a published limit, and a day: what asks for more is a mistake, or hostile. */
const longestRetryAfterMs = 8 * dayMs;

/**
 * A wish that comes back, as while a process with former settings gives way to one with new ones, finds its certificate
 * untouched. Both wish for the few seconds of a take-over only: the former stops before it drains.
 */
const releaseGraceMs = 30_000;

/** Mistyped settings are found after a weekend away as well, and an authority's weekly limits have room again by then. */
export const keptMs = 7 * dayMs;

/** A thirtieth of life: three days of ninety, over which those spread that were issued in one hour. */
const spreadOfLife = 1 / 30;

function soonest(life: Life): number {
  return life.notBefore.getTime() + Math.min(6 * hourMs, lengthOf(life) / 10);
}

function lengthOf({ notBefore, notAfter }: Life): number {
  return notAfter.getTime() - notBefore.getTime();
}

/** A third of life left, or half of one under ten days: Let's Encrypt's advice for where there is no ARI. */
function latestRegular(life: Life): Date {
  const left = lengthOf(life) < 10 * dayMs ? 1 / 2 : 1 / 3;
  return new Date(life.notAfter.getTime() - left * lengthOf(life));
}

function emergencyAt(life: Life): Date {
  return new Date(life.notAfter.getTime() - lengthOf(life) / 20);
}

/** A minute, but of a certificate that lives a minute itself a second. */
function floorMs(life: Life): number {
  return Math.min(minuteMs, lengthOf(life) / 60);
}

/** RFC 9773 §4.3: below a minute is a minute, above a day is a day; less for lives that are shorter themselves. */
function askingIntervalMs(life: Life, wantedMs: number): number {
  const longest = Math.min(dayMs, lengthOf(life) / 10);
  const shortest = Math.min(minuteMs, lengthOf(life) / 20);
  return Math.min(Math.max(wantedMs, shortest), longest);
}

/** A wait that was written by a clock ahead of this one says nothing about now. */
function heldUpUntil({ nextTryAt, lastError }: Attempts, now: Date): number {
  if (nextTryAt === undefined) return 0;
  const isFromTheFuture =
    lastError !== undefined && lastError.at.getTime() > now.getTime() + hourMs;
  return isFromTheFuture ? 0 : nextTryAt.getTime();
}
