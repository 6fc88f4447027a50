import { describe, expect, test } from 'vitest';

import { PublishedLimits } from '../../../test/life-of-certificates/published-limits.ts';
import { seededRandom } from '../../../test/support/random.ts';
import { limitNames, limitsOf, lookFor, refusalOf, registeredDomain } from './budget.ts';
import type { OrderRecord } from './certificate.ts';

const secondMs = 1000;
const hourMs = 3600 * secondMs;
const dayMs = 24 * hourMs;
const start = new Date('2027-03-01T00:00:00Z');
const before = (ms: number): Date => new Date(start.getTime() - ms);
const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory';
const limits = limitsOf(letsEncrypt);

function record(ageMs: number, change: Partial<OrderRecord> = {}): OrderRecord {
  return {
    certificateId: 'another',
    authority: letsEncrypt,
    names: ['other.example'],
    at: before(ageMs),
    kind: 'new',
    outcome: 'issued',
    ...change,
  };
}

const many = (count: number, make: (index: number) => OrderRecord): OrderRecord[] =>
  Array.from({ length: count }, (_, index) => make(index));
const asked = { limits, now: start };
const order = { names: ['films.hub.example'], kind: 'new' as const };

describe('an order has to wait', () => {
  test('at 45 first certificates of a registered domain in a week, until the oldest is a week old', () => {
    const past = many(45, (index) =>
      record((100 - index) * hourMs, { names: [`s${index}.hub.example`] }),
    );
    expect(refusalOf(order, past.slice(1), asked)).toBeUndefined();
    expect(refusalOf(order, past, asked)).toEqual({
      limit: 'domain:hub.example',
      notBefore: before(100 * hourMs - 7 * dayMs),
    });
    const elsewhere = { ...order, names: ['films.owner.example'] };
    expect(refusalOf(elsewhere, past, asked)).toBeUndefined();
  });

  test('at 270 orders of an account in three hours', () => {
    const past = many(270, (index) => record(hourMs - index, { names: [`o${index}.example`] }));
    expect(refusalOf(order, past, asked)).toMatchObject({ limit: 'orders' });
    expect(refusalOf(order, past.slice(1), asked)).toBeUndefined();
  });

  test('at four certificates for the same names in a week, also for a renewal', () => {
    const past = many(4, () => record(dayMs, { names: order.names, kind: 'renewal' }));
    const renewal = { ...order, kind: 'renewal' as const };
    expect(refusalOf(renewal, past, asked)).toEqual({
      limit: 'names:films.hub.example',
      notBefore: before(dayMs - 7 * dayMs),
    });
    const others = { names: ['films.hub.example', 'more.hub.example'], kind: 'renewal' as const };
    expect(refusalOf(others, past, asked)).toBeUndefined();
  });

  test('at four failures of one of its names in an hour, whichever certificate they were of', () => {
    const names = ['films.hub.example', 'www.hub.example'];
    const past = many(4, (index) => record(1000 * index, { names, outcome: 'failed' }));
    expect(refusalOf(order, past, asked)).toMatchObject({ limit: 'failures:films.hub.example' });
    expect(refusalOf(order, past.slice(1), asked)).toBeUndefined();
  });

  test('while another order for the same names is open, until that one must have ended', () => {
    const open = record(secondMs, { names: order.names, outcome: 'open' });
    for (const kind of ['new', 'renewal', 'replacement'] as const) {
      expect(refusalOf({ ...order, kind }, [open], asked)).toEqual({
        limit: 'open:films.hub.example',
        notBefore: before(-15 * secondMs),
      });
    }
    const forgotten = { ...open, at: before(hourMs) };
    expect(refusalOf(order, [forgotten], asked)).toBeUndefined();
  });

  test('at ten orders in ten seconds, also for a replacement', () => {
    const past = many(10, (index) => record(9000 - index, { names: [`o${index}.example`] }));
    const replacement = { ...order, kind: 'replacement' as const };
    expect(refusalOf(replacement, past, asked)).toEqual({
      limit: 'pace',
      notBefore: before(-1000),
    });
  });

  test('for the limit that has room last, of several', () => {
    const past = [
      ...many(45, (index) => record(dayMs, { names: [`s${index}.hub.example`] })),
      ...many(10, () => record(secondMs, { outcome: 'failed' })),
    ];
    expect(refusalOf(order, past, asked)?.limit).toBe('domain:hub.example');
  });
});

describe('an order is made', () => {
  test('as a replacement, however full every limit of the authority is', () => {
    const past = [
      ...many(400, (index) => record(hourMs, { names: [`s${index}.hub.example`] })),
      ...many(9, () => record(hourMs, { names: order.names })),
    ];
    expect(refusalOf({ ...order, kind: 'replacement' }, past, asked)).toBeUndefined();
  });

  test('as a renewal, while first certificates of its domain have to wait', () => {
    const past = many(300, (index) => record(hourMs, { names: [`s${index}.hub.example`] }));
    expect(refusalOf({ ...order, kind: 'renewal' }, past, asked)).toBeUndefined();
  });

  test('when what failed or was exempt is all that was ordered of the domain', () => {
    const past = [
      ...many(60, (index) =>
        record(5 * hourMs, { names: [`s${index}.hub.example`], outcome: 'failed' }),
      ),
      ...many(60, (index) =>
        record(dayMs, { names: [`s${index}.hub.example`], kind: 'replacement' }),
      ),
    ];
    expect(refusalOf(order, past, asked)).toBeUndefined();
  });

  test('without any of these at an authority of the operator’s own, but not as a wave', () => {
    const own = { limits: limitsOf('https://ca.home.arpa/acme/directory'), now: start };
    const past = many(1000, (index) => record(hourMs, { names: [`s${index}.hub.example`] }));
    expect(refusalOf(order, past, own)).toBeUndefined();
    expect(limitNames(order, own.limits)).toEqual(['pace']);
  });
});

test('staging has the limits that are published for it', () => {
  const staging = limitsOf('https://acme-staging-v02.api.letsencrypt.org/directory');
  expect(staging.orders?.count).toBe(1350);
  expect(limitsOf('https://letsencrypt.org.evil.example/').orders).toBeUndefined();
});

test.each([
  ['films.hub.example', 'hub.example'],
  ['*.hub.example', 'hub.example'],
  ['hub.example', 'hub.example'],
  ['a.b.c.owner.co.uk', 'owner.co.uk'],
  ['films.owner.com.au', 'owner.com.au'],
  ['films.owner.de', 'owner.de'],
  ['owner.co.com', 'co.com'],
])('%s counts towards %s', (name, domain) => {
  expect(registeredDomain(name)).toBe(domain);
});

test('whatever is ordered whenever, the published buckets are never empty and no week has more than 50', () => {
  const random = seededRandom(7);
  const published = new PublishedLimits();
  const log: OrderRecord[] = [];
  const certified = new Set<string>();
  const inWeek: number[] = [];
  let firsts: number[] = [];
  let now = start.getTime();
  for (let turn = 0; turn < 4000; turn += 1) {
    // Bursts and pauses: mostly at once, now and then hours later.
    if (random.below(20) === 0) now += random.below(6 * hourMs);
    const at = new Date(now);
    const name = `s${random.below(400)}.${random.pick(['one.example', 'two.example'])}`;
    const wanted = { names: [name], kind: kindOf(certified.has(name)) };
    const { allSince, certificatesSince } = lookFor(wanted, at);
    const past = log.filter(
      (each) => each.at >= allSince || (each.at >= certificatesSince && each.outcome === 'issued'),
    );
    if (refusalOf(wanted, past, { limits, now: at }) !== undefined) continue;
    const outcome = random.below(8) === 0 ? 'failed' : 'issued';
    log.push(record(0, { ...wanted, at, outcome }));
    expect(published.ordered(wanted.names, wanted.kind, at)).toBeUndefined();
    if (outcome === 'failed') {
      published.failed(name, at);
      continue;
    }
    published.signed(wanted.names, wanted.kind, at);
    certified.add(name);
    if (wanted.kind === 'new' && name.endsWith('one.example')) firsts.push(now);
    firsts = firsts.filter((each) => each > now - 7 * dayMs);
    inWeek.push(firsts.length);
  }
  expect(log.length).toBeGreaterThan(500);
  expect(Math.max(...inWeek)).toBeLessThanOrEqual(50);
  expect(Math.max(...inWeek)).toBeGreaterThan(40);
});

function kindOf(isKnown: boolean): 'new' | 'renewal' {
  return isKnown ? 'renewal' : 'new';
}
