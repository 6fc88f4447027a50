import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  CertificateLife,
  dayMs,
  firstAuthority,
  hourMs,
  minuteMs,
  secondAuthority,
  start,
  wishFor,
} from '../../../test/support/certificate-life.ts';
import type { AuthorityOrder } from '../acme/authority.ts';
import { AcmeError, type Problem } from '../acme/problem.ts';
import { DnsError } from '../dns/failure.ts';
import type { CertificateWish } from './certificate.ts';

let life: CertificateLife;

beforeEach(async () => {
  life = await CertificateLife.open();
});

afterEach(async () => {
  await life.stop();
});

const fallback = secondAuthority;

function throwing(error: Error): () => Promise<never> {
  return async () => {
    throw error;
  };
}

const isDown = throwing(new AcmeError('acme.unreachable', 'Nobody answers there.'));
const after = (ms: number): Date => new Date(start.getTime() + ms);

function limited(detail: string, subproblems: Problem['subproblems'] = []): AcmeError {
  const problem = { type: 'rateLimited', detail, instance: undefined, subproblems };
  return new AcmeError('acme.rate-limited', detail, { retryAfterMs: 30 * minuteMs, problem });
}

/** As the real one, which reads the directory of the authority that it looks for. */
function refusing(refused: string, error: Error): (wish: CertificateWish) => Promise<void> {
  return async ({ authority }) => {
    if (authority === refused) throw error;
  };
}

describe('a preflight', () => {
  test.each([
    ['the silence', new AcmeError('acme.unreachable', 'Nobody answers there.')],
    ['a CAA record', new DnsError('dns.caa', 'Only the other one may.')],
  ])('that finds %s of the first authority lets the second one issue', async (_what, error) => {
    const manager = await life.manage({ fallback, preflight: refusing(firstAuthority, error) });
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(3 * hourMs);
    expect([life.first.orders.length, life.second.orders.length]).toEqual([0, 1]);
    expect((await life.only()).issued?.authority).toBe(secondAuthority);
  });

  test('is made for the second authority as well', async () => {
    life.first.onOrder = isDown;
    const error = new DnsError('dns.caa', 'Only the other one may.');
    const manager = await life.manage({ fallback, preflight: refusing(secondAuthority, error) });
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(3 * hourMs);
    expect(life.second.orders).toEqual([]);
    expect((await life.only()).attempts.lastError?.message).toBe(
      'Nobody answers there. The second authority: Only the other one may.',
    );
  });

  test('that finds the same for both is told of once', async () => {
    const error = new DnsError('dns.no-address', 'It leads nowhere.');
    const manager = await life.manage({ fallback, preflight: throwing(error) });
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(3 * hourMs);
    expect((await life.only()).attempts).toMatchObject({
      failures: 4,
      lastError: { code: 'dns.no-address', message: 'It leads nowhere.' },
    });
  });

  test('is told by the directory to wait, which the authority then is', async () => {
    let asked = 0;
    const error = new AcmeError('acme.unavailable', 'Come back.', { retryAfterMs: 5 * hourMs });
    const preflight = async ({ authority }: CertificateWish): Promise<void> => {
      if (authority === firstAuthority) asked += 1;
      if (authority === firstAuthority) throw error;
    };
    const manager = await life.manage({ preflight });
    await manager.wishFor(['a', 'b', 'c'].map((label) => wishFor(`${label}.example`)));
    await life.clock.run(4 * hourMs);
    expect(asked).toBe(1);
  });
});

describe('a certificate of the second authority', () => {
  test('is had from the first where the second is down', async () => {
    life.second.onOrder = isDown;
    const manager = await life.manage({ fallback });
    await manager.wishFor([wishFor('films.example', { authority: secondAuthority })]);
    await life.clock.run(3 * hourMs);
    expect((await life.only()).issued?.authority).toBe(firstAuthority);
  });

  test('is ordered nowhere once the settings name that authority no more', async () => {
    const authorities = new Map([[firstAuthority, life.first]]);
    const manager = await life.manage({ authorities });
    await manager.wishFor([wishFor('films.example', { authority: secondAuthority })]);
    await life.clock.run(3 * hourMs);
    expect(await life.only()).toMatchObject({
      issued: undefined,
      attempts: { lastError: { code: 'certificate.authority' } },
    });
  });

  test('has no other where only one is set', async () => {
    life.second.onOrder = isDown;
    const authorities = new Map([[secondAuthority, life.second]]);
    const manager = await life.manage({ fallback, authorities });
    await manager.wishFor([wishFor('films.example', { authority: secondAuthority })]);
    await life.clock.run(3 * hourMs);
    expect(await life.only()).toMatchObject({
      issued: undefined,
      attempts: { lastError: { code: 'acme.unreachable' } },
    });
  });
});

describe('a wait', () => {
  test('that a DNS provider asks for is not the authority’s, nor the second one’s turn', async () => {
    const manager = await life.manage({ fallback });
    const error = new DnsError('dns.rate-limited', 'Slow down.', { retryAfterMs: 2 * hourMs });
    life.first.onOrder = throwing(error);
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    const { id } = await life.only();
    expect(life.second.orders).toEqual([]);
    life.first.onOrder = async () => {};
    await life.store.hasten(id);
    await life.clock.run(minuteMs);
    expect((await life.only()).issued?.authority).toBe(firstAuthority);
  });

  test('of the year 9999 ends after eight days', async () => {
    const manager = await life.manage();
    const retryAfterMs = 999_999_999_000;
    life.first.onOrder = throwing(
      new AcmeError('acme.unavailable', 'Come back.', { retryAfterMs }),
    );
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    const { id } = await life.only();
    await life.store.hasten(id);
    await life.clock.run(minuteMs);
    expect((await life.only()).attempts.nextTryAt?.getTime()).toBeLessThanOrEqual(
      after(8 * dayMs + minuteMs).getTime(),
    );
    life.first.onOrder = async () => {};
    await life.clock.run(8 * dayMs + hourMs);
    expect((await life.only()).issued).toBeDefined();
  });

  const retry = { retryAfterMs: 30 * minuteMs };
  test.each([
    ['an outage', new AcmeError('acme.unavailable', 'Come back.', retry), 1],
    ['a limit without words', new AcmeError('acme.rate-limited', 'Too many.', retry), 1],
    ['a limit of the account', limited('too many new orders (300) from this account'), 1],
    ['a limit of a name', limited('too many failed authorizations for "s0.hub.example"'), 20],
    ['a limit of a domain', limited('too many certificates (50) for "hub.example"'), 20],
    ['a limit of a set', limited('too many for this exact set of identifiers'), 20],
    ['a limit in parts', limited('no', [{ name: 's0.hub.example', detail: 'many' }]), 20],
  ])('for %s is kept for all names that it is about', async (_what, error, asked) => {
    const manager = await life.manage();
    life.first.onOrder = throwing(error);
    await manager.wishFor([wishFor('s0.hub.example')]);
    await life.clock.run(1000);
    await manager.wishFor(
      Array.from({ length: 20 }, (_, index) => wishFor(`s${index}.hub.example`)),
    );
    await life.clock.run(29 * minuteMs);
    expect(life.first.orders).toHaveLength(asked);
    life.first.onOrder = async () => {};
    await life.clock.run(hourMs);
    expect((await life.store.list()).filter(({ issued }) => issued === undefined)).toEqual([]);
  });
});

function outcomes(): string[] {
  return [...life.orders.records.values()].map(({ outcome }) => outcome);
}

async function forEver(): Promise<void> {
  await new Promise(() => {});
}

function asksToSign(then: () => Promise<void>): (order: AuthorityOrder) => Promise<void> {
  return async (order) => {
    await order.beforeSigning?.();
    await then();
  };
}

describe('an order', () => {
  test.each([
    ['counts as a certificate once its signature was asked for', asksToSign(forEver), 'issued'],
    ['is a failed one before that', forEver, 'failed'],
  ])('that is given up %s', async (_what, onOrder, outcome) => {
    life.first.onOrder = onOrder;
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    await manager.stop();
    expect(outcomes()).toEqual([outcome]);
  });

  test('of a process that died counts as a certificate once its signature was asked for', async () => {
    life.first.onOrder = asksToSign(forEver);
    const dying = await life.manage();
    await dying.wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    // Nothing of what it would do at its end.
    life.orders.close = async () => {};
    await dying.stop();
    life.first.onOrder = async () => {};
    await (await life.manage()).wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    expect(outcomes()[0]).toBe('issued');
    expect((await life.only()).issued).toBeDefined();
  });

  test('that was given up is not signed afterwards', async () => {
    let late: Promise<void> | undefined;
    life.first.onOrder = async (order, signal) => {
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
      late = order.beforeSigning?.();
      await late;
    };
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    await manager.stop();
    await expect(late).rejects.toThrow('the hub stops');
    expect(outcomes()).toEqual(['failed']);
  });

  test.each([
    ['that the authority refuses to sign failed', 'acme.refused', 'failed'],
    ['whose end nobody heard may be a certificate', 'acme.unreachable', 'issued'],
    ['that brought the wrong certificate brought one', 'acme.wrong-certificate', 'issued'],
  ] as const)('%s', async (_what, code, outcome) => {
    life.first.onOrder = asksToSign(throwing(new AcmeError(code, 'No.')));
    await (await life.manage()).wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    expect(outcomes()).toEqual([outcome]);
  });

  test('whose certificate could not be stored counts', async () => {
    life.store.saveIssued = throwing(new Error('the disk is full'));
    await (await life.manage()).wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    expect(outcomes()[0]).toBe('issued');
  });

  test('names the one that it replaces also outside its window, and then counts', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    const { id, issued } = await life.only();
    await life.store.hasten(id);
    await life.clock.run(minuteMs);
    expect(life.first.orders[1]?.replaces).toBe(issued?.ariId);
    expect([...life.orders.records.values()][1]).toMatchObject({ kind: 'renewal' });
  });

  test('names none where that may be why it failed three times', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    life.first.onOrder = async ({ replaces }) => {
      if (replaces !== undefined) throw new AcmeError('acme.refused', 'Not this one.');
    };
    await life.clock.run(62 * dayMs);
    expect(life.first.orders.at(-1)?.replaces).toBeUndefined();
    expect((await life.only()).issued?.notBefore.getTime()).toBeGreaterThan(
      after(59 * dayMs).getTime(),
    );
  });
});
