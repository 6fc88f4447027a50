import { describe, expect, test } from 'vitest';

import type { RenewalInfo } from '../acme/authority.ts';
import type { Attempts, RenewalPlan } from './certificate.ts';
import {
  answeredPlan,
  firstPlan,
  isEmergency,
  nextStep,
  retryAt,
  unansweredPlan,
  type Dated,
  type Life,
  type Retry,
} from './renewal.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const start = new Date('2027-03-01T00:00:00Z');
const after = (ms: number): Date => new Date(start.getTime() + ms);
const lifeOf = (days: number): Life => ({ notBefore: start, notAfter: after(days * dayMs) });
const never = (): number => 0;
const always = (): number => 0.999_999;
const noPlan: RenewalPlan = { window: undefined, selectedAt: undefined, askAgainAt: undefined };
const noAttempts: Attempts = { failures: 0, nextTryAt: undefined, lastError: undefined };
const ninety = lifeOf(90);

function dated(change: Partial<Dated> = {}): Dated {
  const usual = { createdAt: start, releasedAt: undefined, issued: ninety };
  return { ...usual, renewal: noPlan, attempts: noAttempts, ...change };
}

describe('the next step', () => {
  test('of a wish is its first order, at once', () => {
    expect(nextStep(dated({ issued: undefined }), start)).toEqual({ kind: 'order', at: start });
  });

  test('of a certificate that was just issued is to ask about its window', () => {
    const renewal = firstPlan(ninety, start, never);
    expect(nextStep(dated({ renewal }), start)).toEqual({ kind: 'ask', at: start });
  });

  test('is the order at the moment that was drawn, and no question before it that could move it', () => {
    const renewal = { window: undefined, selectedAt: after(dayMs), askAgainAt: after(hourMs) };
    expect(nextStep(dated({ renewal }), after(2 * dayMs))).toMatchObject({ kind: 'order' });
    expect(nextStep(dated({ renewal }), start)).toEqual({ kind: 'ask', at: after(hourMs) });
  });

  test('is an order with a twentieth of life left, whatever the authority said', () => {
    const window = { start: after(199 * dayMs), end: after(201 * dayMs) };
    const renewal = { window, selectedAt: after(200 * dayMs), askAgainAt: undefined };
    const { at } = nextStep(dated({ renewal }), after(86 * dayMs));
    expect(at).toEqual(after(85.5 * dayMs));
    expect(isEmergency(ninety, after(85.5 * dayMs))).toBe(true);
    expect(isEmergency(ninety, after(85 * dayMs))).toBe(false);
    expect(isEmergency(undefined, start)).toBe(false);
  });

  test('waits after a failure until its time has come', () => {
    const lastError = { code: 'acme.unreachable', message: 'nobody answers', at: start };
    const attempts = { failures: 1, nextTryAt: after(minuteMs), lastError };
    const step = nextStep(dated({ issued: undefined, attempts }), start);
    expect(step).toEqual({ kind: 'order', at: after(minuteMs) });
  });

  test('does not wait for a moment that a clock ahead of this one has written', () => {
    const lastError = { code: 'acme.unreachable', message: 'nobody', at: after(365 * dayMs) };
    const attempts = { failures: 4, nextTryAt: after(366 * dayMs), lastError };
    const step = nextStep(dated({ issued: undefined, attempts }), start);
    expect(step).toEqual({ kind: 'order', at: start });
  });

  test('of a released one is its end, after the time in which a wish may come back', () => {
    const step = nextStep(dated({ releasedAt: after(dayMs) }), start);
    expect(step).toEqual({ kind: 'retire', at: after(dayMs + 30_000) });
  });

  test('of one that only the settings released is its end as well, a week later or when it is over', () => {
    const early = nextStep(dated({ releasedAt: after(dayMs) }), start, true);
    expect(early).toEqual({ kind: 'retire', at: after(8 * dayMs) });
    const late = nextStep(dated({ releasedAt: after(88 * dayMs) }), start, true);
    expect(late).toEqual({ kind: 'retire', at: after(90 * dayMs) });
  });
});

describe('without a word of the authority, a certificate is renewed', () => {
  test.each([
    ['at a third of life left, of 90 days', 90, 60],
    ['at a third of life left, of 45 days', 45, 30],
    ['at half of life left, of 6 days', 6, 3],
  ])('%s', (_what, days, dueDay) => {
    const plan = firstPlan(lifeOf(days), start, never);
    expect(plan.selectedAt).toEqual(after(dueDay * dayMs));
  });

  test('not at once again where a clock that is ahead sees the end near on the first day', () => {
    const ahead = after(88 * dayMs);
    const renewal = firstPlan(ninety, ahead, never);
    expect(
      nextStep(dated({ renewal: { ...renewal, askAgainAt: after(91 * dayMs) } }), ahead),
    ).toEqual({
      kind: 'order',
      at: new Date(ahead.getTime() + (2 / 3) * dayMs),
    });
  });

  test('spread over a thirtieth of life before that, so that a crowd does not come back as one', () => {
    const plan = firstPlan(ninety, start, always);
    const earlierMs = 60 * dayMs - ((plan.selectedAt?.getTime() ?? 0) - start.getTime());
    expect(earlierMs / dayMs).toBeCloseTo(3, 3);
  });
});

describe('an answer of the authority', () => {
  const info: RenewalInfo = {
    start: after(50 * dayMs),
    end: after(52 * dayMs),
    explanationUrl: undefined,
    retryAfterMs: 6 * hourMs,
  };
  const known = { life: ninety, plan: noPlan };

  test('has a moment drawn from its window, and says when to ask again', () => {
    const plan = answeredPlan(known, info, { now: start, random: () => 0.25 });
    expect(plan.selectedAt).toEqual(after(50.5 * dayMs));
    expect(plan.askAgainAt).toEqual(after(6 * hourMs));
  });

  test('that is the same as before leaves the moment as it was drawn', () => {
    const plan = answeredPlan(known, info, { now: start, random: () => 0.25 });
    const again = answeredPlan({ life: ninety, plan }, info, { now: start, random: always });
    expect(again.selectedAt).toEqual(plan.selectedAt);
  });

  test('that moved the window has it drawn anew: into the past means now', () => {
    const plan = answeredPlan(known, info, { now: start, random: never });
    const moved = { ...info, start: after(-2 * dayMs), end: after(-dayMs) };
    const renewal = answeredPlan({ life: ninety, plan }, moved, { now: start, random: always });
    const step = nextStep(dated({ renewal }), after(dayMs));
    expect(step.kind).toBe('order');
    // Not at once for one that is hours old: what an authority says of each new one must not make orders without end.
    expect(step.at).toEqual(after(6 * hourMs));
  });

  test.each([
    ['below a minute counts as a minute', 1000, minuteMs],
    ['above a day counts as a day', 30 * dayMs, dayMs],
    ['in between counts as said', 7 * hourMs, 7 * hourMs],
  ])('with a Retry-After %s', (_what, retryAfterMs, expected) => {
    const plan = answeredPlan(known, { ...info, retryAfterMs }, { now: start, random: never });
    expect(plan.askAgainAt).toEqual(after(expected));
  });

  test('whose window ends before it begins is taken as its beginning', () => {
    const odd = { ...info, end: after(dayMs) };
    const plan = answeredPlan(known, odd, { now: start, random: always });
    expect(plan.selectedAt).toEqual(info.start);
  });

  test('that does not come changes nothing but the time of the next question', () => {
    const plan = answeredPlan(known, info, { now: start, random: never });
    const failed = unansweredPlan({ life: ninety, plan }, 'failed', start);
    expect(failed).toEqual({ ...plan, askAgainAt: after(6 * hourMs) });
    const silent = unansweredPlan({ life: ninety, plan }, 'silent', start);
    expect(silent.askAgainAt).toEqual(after(dayMs));
  });
});

describe('after a failure', () => {
  const retry: Retry = {
    failures: 1,
    life: undefined,
    isTransient: false,
    retryAfterMs: undefined,
  };
  const waitMs = (change: Partial<Retry>, now = start, random = never): number =>
    retryAt({ ...retry, ...change }, now, random).getTime() - now.getTime();

  test('it is tried again after 1, 10 and 100 minutes, then daily', () => {
    const waits = [1, 2, 3, 4, 5, 500].map((failures) => waitMs({ failures }) / minuteMs);
    expect(waits).toEqual([1, 10, 100, 1440, 1440, 1440]);
  });

  test('up to a fifth later, so that those that failed together do not come together', () => {
    expect(waitMs({ failures: 4 }, start, always) / dayMs).toBeCloseTo(1.2, 3);
  });

  test('no later than the authority allows, and not for longer than any limit lasts', () => {
    expect(waitMs({ retryAfterMs: 34 * hourMs })).toBe(34 * hourMs);
    expect(waitMs({ retryAfterMs: 1000 })).toBe(minuteMs);
    expect(waitMs({ retryAfterMs: 1e12 })).toBe(8 * dayMs);
  });

  test('a name without any certificate is tried more often if nobody has to change anything', () => {
    expect(waitMs({ failures: 9, isTransient: true })).toBe(100 * minuteMs);
    const ended = after(91 * dayMs);
    expect(waitMs({ failures: 9, isTransient: true, life: ninety }, ended)).toBe(100 * minuteMs);
    expect(waitMs({ failures: 9, life: ninety }, ended)).toBe(dayMs);
  });

  test('a certificate about to end is tried again in time, however often it failed', () => {
    const twoHoursLeft = after(90 * dayMs - 2 * hourMs);
    expect(waitMs({ failures: 9, life: ninety }, twoHoursLeft)).toBe(30 * minuteMs);
    const moments = after(90 * dayMs - 1000);
    expect(waitMs({ failures: 9, life: ninety }, moments)).toBe(minuteMs);
  });

  test('one that lives for a minute is tried again within seconds', () => {
    const minute = { notBefore: start, notAfter: after(minuteMs) };
    expect(waitMs({ life: minute }, after(40_000))).toBe(5000);
    expect(waitMs({ life: minute }, after(59_000))).toBe(1000);
  });
});
