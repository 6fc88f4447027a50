import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isHolder, type DomainClaim, type DomainState } from './domain.ts';
import { judge, type Observation } from './judgement.ts';
import { defaultDomainLimits } from './limits.ts';
import { sentenceOf } from './sentence.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const start = new Date('2026-03-01T12:00:00Z');
const limits = defaultDomainLimits;

function after(ms: number): Date {
  return new Date(start.getTime() + ms);
}

function claim(id: string, change: Partial<DomainClaim> = {}): DomainClaim {
  return {
    id,
    hostname: 'films.example.org',
    serverId: `server ${id}`,
    ownerId: 'operator',
    token: `token-${id}`,
    state: 'waiting',
    stateSince: start,
    troubledSince: undefined,
    dropReason: undefined,
    finding: undefined,
    checkedAt: undefined,
    nextCheckAt: start,
    createdAt: start,
    ...change,
  };
}

const proofOf = (id: string) => `phlix-verify=token-${id}`;

function seen(change: Partial<Observation> = {}): Observation {
  return {
    at: after(minute),
    proofs: [proofOf('1')],
    way: 'here',
    strangers: [],
    isSound: true,
    ...change,
  };
}

/** The one claim after one look. */
function one(from: Partial<DomainClaim>, what: Partial<Observation>): DomainClaim {
  const [judged] = judge([claim('1', from)], seen(what), limits, () => 0.5);
  if (judged === undefined) throw new Error('nothing was judged');
  return judged;
}

const nothing = { proofs: undefined, way: 'unanswered' } as const;
const away = { way: 'elsewhere', strangers: ['192.0.2.1'] } as const;
const bare = { proofs: [] };

describe('one look turns', () => {
  test.each<[DomainState, string, Partial<Observation>, DomainState]>([
    ['waiting', 'a proof and the way here', {}, 'active'],
    ['waiting', 'a proof alone', away, 'waiting'],
    ['waiting', 'a proof and no address', { way: 'nowhere' }, 'waiting'],
    ['waiting', 'the way here alone', bare, 'waiting'],
    ['waiting', 'the proof of another claim', { proofs: [proofOf('2')] }, 'waiting'],
    ['waiting', 'a longer token', { proofs: [`${proofOf('1')}0`] }, 'waiting'],
    ['waiting', 'a token without its word', { proofs: ['token-1'] }, 'waiting'],
    ['waiting', 'silence', nothing, 'waiting'],
    ['waiting', 'a proof, and silence about the way', { way: 'unanswered' }, 'waiting'],
    ['active', 'all in order', {}, 'active'],
    [
      'active',
      'a proof among other records',
      { proofs: ['v=spf1 -all', proofOf('2'), proofOf('1')] },
      'active',
    ],
    ['active', 'no proof', bare, 'withdrawn'],
    ['active', 'another way', away, 'unreachable'],
    ['active', 'no way', { way: 'nowhere' }, 'unreachable'],
    ['active', 'silence', nothing, 'active'],
    ['active', 'silence about the proof', { proofs: undefined }, 'active'],
    [
      'active',
      'silence about the proof, and another way',
      { proofs: undefined, ...away },
      'unreachable',
    ],
    ['unreachable', 'all in order', {}, 'active'],
    ['unreachable', 'no proof', bare, 'withdrawn'],
    ['unreachable', 'silence', nothing, 'unreachable'],
    ['withdrawn', 'all in order', {}, 'active'],
    ['withdrawn', 'a proof, another way', away, 'unreachable'],
    ['withdrawn', 'silence', nothing, 'withdrawn'],
  ])('%s with %s into %s', (state, _what, look, expected) => {
    expect(one({ state }, look).state).toBe(expected);
  });
});

describe('the grace', () => {
  test('runs from the first look that found something amiss, through every kind of trouble', () => {
    const troubled = one({ state: 'active' }, { ...bare, at: after(hour) });
    expect(troubled).toMatchObject({ troubledSince: after(hour), stateSince: after(hour) });
    const later = one(troubled, { ...away, at: after(2 * day) });
    expect(later).toMatchObject({
      state: 'unreachable',
      troubledSince: after(hour),
      stateSince: after(2 * day),
    });
    expect(one(later, { ...bare, at: after(hour + 7 * day - 1) }).state).toBe('withdrawn');
    expect(one(later, { ...bare, at: after(hour + 7 * day) })).toMatchObject({
      state: 'dropped',
      dropReason: 'grace',
    });
  });

  test('begins anew once all was in order', () => {
    const healed = one({ state: 'withdrawn', troubledSince: start }, { at: after(6 * day) });
    expect(healed.troubledSince).toBeUndefined();
    expect(one(healed, { ...bare, at: after(8 * day) }).state).toBe('withdrawn');
  });

  test('does not begin while nobody looked: a hub that was off for a month drops nothing at once', () => {
    expect(one({ state: 'active', checkedAt: start }, { ...bare, at: after(30 * day) }).state).toBe(
      'withdrawn',
    );
  });

  test('begins a day later for silence, and does not run while the hub’s own resolver is silent', () => {
    const silent = one({ state: 'active' }, { ...nothing, at: after(hour) });
    expect(silent).toMatchObject({ state: 'active', troubledSince: after(hour) });
    expect(one(silent, { ...nothing, at: after(day) }).state).toBe('active');
    expect(one(silent, { ...nothing, at: after(day + hour) }).state).toBe('unreachable');
    expect(one(silent, { ...nothing, at: after(8 * day) }).state).not.toBe('dropped');
    expect(one(silent, { ...nothing, at: after(8 * day + hour) }).state).toBe('dropped');
    const deaf = { ...nothing, isSound: false };
    expect(one({ state: 'active' }, { ...deaf, at: after(30 * day) })).toMatchObject({
      state: 'active',
      troubledSince: undefined,
    });
  });

  test('of a first proof is a month', () => {
    expect(one({}, { ...bare, at: after(30 * day - 1) }).state).toBe('waiting');
    expect(one({}, { ...bare, at: after(30 * day) })).toMatchObject({
      state: 'dropped',
      dropReason: 'unproven',
    });
    expect(one({}, { at: after(30 * day) }).state).toBe('active');
  });
});

describe('two claims to one hostname', () => {
  const held = claim('1', { state: 'active' });

  test('that wait: the one whose proof is there becomes active, whichever came first', () => {
    const judged = judge([claim('1'), claim('2')], seen({ proofs: [proofOf('2')] }), limits);
    expect(states(judged)).toEqual(['waiting', 'active']);
    expect(judged[0]?.finding?.proof).toBe('other');
  });

  test('that are both proven: the older one has it, and the other is told', () => {
    const proofs = [proofOf('2'), proofOf('1')];
    const judged = judge([claim('2'), claim('1')], seen({ proofs }), limits);
    expect(states(judged)).toEqual(['waiting', 'active']);
    expect(judged[0]?.finding?.proof).toBe('held');
  });

  test('the holder keeps it while its proof is there, whatever a second one shows', () => {
    const proofs = [proofOf('2'), proofOf('1')];
    const judged = judge([claim('0'), held, claim('2')], seen({ proofs }), limits);
    expect(states(judged)).toEqual(['waiting', 'active', 'waiting']);
  });

  test('the holder loses it at once when the DNS names the other instead', () => {
    const judged = judge([held, claim('2')], seen({ proofs: [proofOf('2')] }), limits);
    expect(states(judged)).toEqual(['dropped', 'active']);
    expect(judged[0]?.dropReason).toBe('moved');
  });

  test('the holder keeps it when the other is proven but leads elsewhere', () => {
    const judged = judge([held, claim('2')], seen({ proofs: [proofOf('2')], ...away }), limits);
    expect(states(judged)).toEqual(['withdrawn', 'waiting']);
  });

  test('the holder keeps it through silence', () => {
    expect(states(judge([held, claim('2')], seen(nothing), limits))).toEqual(['active', 'waiting']);
  });
});

test('an older look does not undo a newer one', () => {
  const looked = claim('1', { state: 'active', checkedAt: after(2 * minute) });
  expect(judge([looked], seen({ ...bare, at: after(minute) }), limits)).toEqual([]);
});

test('what was dropped stays so', () => {
  expect(judge([claim('1', { state: 'dropped' })], seen(), limits)).toEqual([]);
});

describe('the next look', () => {
  test('comes often while somebody waits, and hourly when nobody does', () => {
    expect(nextAfter({}, bare)).toBe(minute);
    expect(nextAfter({}, { ...bare, at: after(2 * hour) })).toBe(10 * minute);
    expect(nextAfter({}, { ...bare, at: after(2 * day) })).toBe(hour);
    expect(nextAfter({ state: 'active' }, {})).toBe(hour);
    expect(nextAfter({ state: 'active' }, bare)).toBe(minute);
  });

  test('comes hourly at those who say nothing', () => {
    expect(nextAfter({}, nothing)).toBe(hour);
    expect(nextAfter({ state: 'active' }, nothing)).toBe(hour);
    expect(nextAfter({}, { ...nothing, isSound: false })).toBe(minute);
  });

  test('is spread by a tenth to both sides, so that a thousand domains do not come together', () => {
    expect(spread(0)).toEqual(after(minute + 0.9 * hour));
    expect(spread(1)).toEqual(after(minute + 1.1 * hour));
  });
});

test('whatever is seen in whatever order, one claim at most is served, and none without its own proof', () => {
  const look = fc.record({
    proofs: fc.option(
      fc.subarray([proofOf('1'), proofOf('2'), proofOf('3'), 'phlix-verify=x', '']),
      { nil: undefined },
    ),
    way: fc.constantFrom(
      'here' as const,
      'elsewhere' as const,
      'nowhere' as const,
      'unanswered' as const,
    ),
    stepMs: fc.integer({ min: 1, max: 5 * day }),
    isSound: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(look, { maxLength: 30 }), (looks) => {
      let at = start;
      let claims = ['1', '2', '3'].map((id) => claim(id));
      for (const { stepMs, ...found } of looks) {
        at = new Date(at.getTime() + stepMs);
        const former = new Set(claims.filter(isHolder).map(({ id }) => id));
        const judged = judge(claims, { ...found, at, strangers: [] }, limits);
        claims = claims.map((claim) => judged.find(({ id }) => id === claim.id) ?? claim);
        const holders = claims.filter(isHolder);
        expect(holders.length).toBeLessThan(2);
        for (const { id } of holders) {
          expect(former.has(id) || found.proofs?.includes(proofOf(id))).toBe(true);
        }
        for (const each of claims) expect(sentenceOf(each, limits)).toMatch(/^[A-Zf][^{}]*[.]$/);
      }
    }),
    { numRuns: 1000 },
  );
});

function states(claims: readonly DomainClaim[]): string[] {
  return claims.map(({ state }) => state);
}

function nextAfter(from: Partial<DomainClaim>, what: Partial<Observation>): number {
  const at = what.at ?? seen().at;
  return one(from, what).nextCheckAt.getTime() - at.getTime();
}

function spread(random: number): Date | undefined {
  return judge([claim('1', { state: 'active' })], seen(), limits, () => random)[0]?.nextCheckAt;
}
