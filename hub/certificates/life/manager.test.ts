import { setImmediate } from 'node:timers/promises';

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
import { AcmeError } from '../acme/problem.ts';
import { KeyRing } from './sealing.ts';

let life: CertificateLife;

beforeEach(async () => {
  life = await CertificateLife.open();
});

afterEach(async () => {
  await life.stop();
});

const unreachable = async (): Promise<never> => {
  throw new AcmeError('acme.unreachable', 'Nobody answers there.');
};
const after = (ms: number): Date => new Date(start.getTime() + ms);

describe('a manager', () => {
  test('gets what is wished for, keeps its key sealed, and reports it', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    const { id, issued } = await life.only();
    expect(issued?.authority).toBe(firstAuthority);
    expect(issued?.sealedKey.toString('latin1')).not.toContain('PRIVATE');
    expect(life.keyRing.open(issued?.sealedKey ?? Buffer.alloc(0), id)).toContain('PRIVATE KEY');
    expect(life.reports.map(({ outcome }) => outcome.kind)).toEqual(['issued', 'asked']);
    expect(manager.states()).toMatchObject([{ names: ['films.example'] }]);
    expect([...life.orders.records.values()]).toMatchObject([{ kind: 'new', outcome: 'issued' }]);
  });

  test('renews in time, tells the authority which one is replaced, and keeps the row', async () => {
    const manager = await life.manage();
    life.first.onAsk = async () => ({
      start: after(60 * dayMs),
      end: after(61 * dayMs),
      explanationUrl: undefined,
      retryAfterMs: 6 * hourMs,
    });
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(60 * dayMs - 1);
    const { id, issued } = await life.only();
    expect(life.first.orders).toHaveLength(1);
    await life.clock.run(1000);
    expect(life.first.orders[1]?.replaces).toBe(issued?.ariId);
    const renewed = await life.only();
    expect(renewed.id).toBe(id);
    expect(renewed.issued?.notAfter).toEqual(after(150 * dayMs));
    expect([...life.orders.records.values()][1]).toMatchObject({ kind: 'replacement' });
  });

  test('renews as soon as the authority moves the window into the past', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    life.first.onAsk = async () => ({
      start: after(-2 * dayMs),
      end: after(-dayMs),
      explanationUrl: 'https://authority.example/incident',
      retryAfterMs: 6 * hourMs,
    });
    await life.clock.run(2 * dayMs);
    // Past its window an order counts; and though the authority says the same of each new certificate, there are four a day and
    // not ten a second.
    expect([...life.orders.records.values()][1]).toMatchObject({ kind: 'renewal' });
    expect(life.first.orders.length).toBeGreaterThan(2);
    expect(life.first.orders.length).toBeLessThan(10);
  });

  test('tries again after 1, 10 and 100 minutes, then daily, and serves the old one meanwhile', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    const { issued } = await life.only();
    life.first.onOrder = unreachable;
    await life.clock.runUntil(after(60 * dayMs + 3 * dayMs));
    const times = [...life.orders.records.values()].slice(1).map(({ at }) => at.getTime());
    const waits = times
      .slice(1)
      .map((time, index) => Math.round((time - (times[index] ?? 0)) / minuteMs));
    expect(waits).toEqual([1, 10, 100, 1440, 1440]);
    const row = await life.only();
    expect(row.issued).toEqual(issued);
    expect(row.attempts).toMatchObject({ failures: 6, lastError: { code: 'acme.unreachable' } });
  });

  test('leaves an authority alone for as long as it asks, and holds no lease meanwhile', async () => {
    const manager = await life.manage();
    life.first.onOrder = async () => {
      throw new AcmeError('acme.rate-limited', 'Too many.', { retryAfterMs: 34 * hourMs });
    };
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    const { id, attempts } = await life.only();
    expect(attempts.nextTryAt?.getTime()).toBeGreaterThanOrEqual(after(34 * hourMs).getTime());
    const lease = await life.store.takeLease(id, 1000);
    expect(lease).toBeDefined();
    if (lease !== undefined) await life.store.dropLease(lease);
    await life.clock.runUntil(after(34 * hourMs - 1));
    expect(life.first.orders).toHaveLength(1);
    await life.clock.run(minuteMs);
    expect(life.first.orders).toHaveLength(2);
  });

  test('tells a mistake of its own as one, and tries again', async () => {
    const manager = await life.manage();
    life.first.onOrder = async () => {
      throw new TypeError('nobody foresaw this');
    };
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(3 * minuteMs);
    expect((await life.only()).attempts.lastError?.code).toBe('certificate.unexpected');
    expect(life.first.orders.length).toBeGreaterThan(1);
  });

  test('orders nothing while the database keeps nothing', async () => {
    const manager = await life.manage();
    life.store.probe = async () => {
      throw new Error('the disk is full');
    };
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(hourMs);
    expect(life.first.orders).toEqual([]);
    expect((await life.only()).attempts.lastError?.code).toBe('certificate.storage');
  });

  test('keeps a certificate in hand until a database that was away takes it', async () => {
    const manager = await life.manage();
    const save = life.store.saveIssued.bind(life.store);
    let refusals = 3;
    life.store.saveIssued = async (...given) => {
      refusals -= 1;
      if (refusals >= 0) throw new Error('the connection is gone');
      return save(...given);
    };
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    expect(life.first.orders).toHaveLength(1);
    expect((await life.only()).issued).toBeDefined();
  });

  test('asks the preflight before an order, and not in an emergency', async () => {
    let isWrong = false;
    const preflight = async (): Promise<void> => {
      if (isWrong) throw new AcmeError('acme.caa', 'A CAA record forbids it.');
    };
    const manager = await life.manage({ preflight });
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    isWrong = true;
    await life.clock.runUntil(after(85 * dayMs));
    expect(life.first.orders).toHaveLength(1);
    expect((await life.only()).attempts.lastError?.message).toBe('A CAA record forbids it.');
    await life.clock.runUntil(after(87 * dayMs));
    expect(life.first.orders).toHaveLength(2);
  });

  test('gives up an order that never ends, and tries again', async () => {
    const manager = await life.manage();
    life.first.onOrder = async () => new Promise(() => {});
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(20 * minuteMs);
    expect((await life.only()).attempts.lastError?.code).toBe('certificate.timeout');
    life.first.onOrder = async () => {};
    await life.clock.run(2 * minuteMs);
    expect((await life.only()).issued).toBeDefined();
  });

  test('stops when the order that it gives up has taken its proofs away', async () => {
    const manager = await life.manage();
    let isCleared = false;
    life.first.onOrder = async (_order, signal) => {
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
      // A row of the database: the reason is known before it is gone.
      await setImmediate();
      isCleared = true;
      signal.throwIfAborted();
    };
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    await manager.stop();
    expect(isCleared).toBe(true);
  });

  test('stops within a second in the middle of an order, and leaves it to the next process', async () => {
    const manager = await life.manage();
    life.first.onOrder = async () => new Promise(() => {});
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    expect(life.first.orders).toHaveLength(1);
    const before = performance.now();
    await manager.stop();
    expect(performance.now() - before).toBeLessThan(8000);
    const row = await life.only();
    expect(row.attempts.failures).toBe(0);
    life.first.onOrder = async () => {};
    await life.manage();
    await life.clock.run(1000);
    expect((await life.only()).issued).toBeDefined();
  });

  test('makes what is due by the hastened row, though the authority says later', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    const { id } = await life.only();
    await life.store.hasten(id);
    await life.clock.run(1000);
    expect(life.first.orders).toHaveLength(2);
  });
});

describe('several hubs on one store', () => {
  test('make one order, the first time and at each renewal', async () => {
    const managers = [
      await life.manage(),
      await life.manage(),
      await life.manage(),
      await life.manage(),
    ];
    life.first.onOrder = async () => life.clock.sleep(20_000);
    await Promise.all(managers.map(async (each) => each.wishFor([wishFor('films.example')])));
    await life.clock.run(5 * minuteMs);
    expect(life.first.orders).toHaveLength(1);
    await life.clock.runUntil(after(61 * dayMs));
    expect(life.first.orders).toHaveLength(2);
    expect(await life.store.list()).toHaveLength(1);
  });

  test('look again when they have the lease: what another has done meanwhile is not done twice', async () => {
    life.first.onOrder = async () => life.clock.sleep(5000);
    await life.store.reconcile([wishFor('films.example')], start);
    await life.manage();
    // The second hears of nothing: it has seen a row without a certificate, and waits for its turn.
    life.store.watch = async () => async () => {};
    await life.manage();
    await life.clock.run(5 * minuteMs);
    expect((await life.only()).issued).toBeDefined();
    expect(life.first.orders).toHaveLength(1);
  });

  test('wait together after a failure: a second one that heard of nothing does not try before its time', async () => {
    life.first.onOrder = async () => {
      await life.clock.sleep(5000);
      throw new AcmeError('acme.unreachable', 'Nobody answers there.');
    };
    await life.store.reconcile([wishFor('films.example')], start);
    await life.manage();
    life.store.watch = async () => async () => {};
    await life.manage();
    await life.clock.run(60_000);
    expect(life.first.orders).toHaveLength(1);
    await life.clock.run(20_000);
    expect(life.first.orders).toHaveLength(2);
  });

  test('take over from one that died with the lease, within minutes', async () => {
    await life.store.reconcile([wishFor('films.example')], start);
    const { id } = await life.only();
    // Never heard of again.
    await life.store.takeLease(id, minuteMs);
    await life.manage();
    await life.clock.run(30_000);
    expect(life.first.orders).toEqual([]);
    await life.clock.run(minuteMs);
    expect(life.first.orders).toHaveLength(1);
  });

  test('throw away what was made after the lease was lost', async () => {
    const manager = await life.manage();
    life.first.onOrder = async () => {
      const [row] = await life.store.list();
      // As after a minute in which this process stood still.
      life.store.extendLease = async () => false;
      life.store.saveIssued = async () => false;
      expect(row).toBeDefined();
    };
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    expect((await life.only()).issued).toBeUndefined();
    expect(life.lines.map(({ msg }) => msg)).toContain(
      'certificate thrown away, its lease was lost',
    );
  });

  test('stop an order whose lease cannot be kept alive', async () => {
    const manager = await life.manage();
    let hasStopped = false;
    life.first.onOrder = async (_order, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          hasStopped = true;
          reject(signal.reason);
        });
      });
    life.store.extendLease = async () => {
      throw new Error('the database is away');
    };
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(44_000);
    expect(hasStopped).toBe(false);
    await life.clock.run(2000);
    expect(hasStopped).toBe(true);
  });
});

describe('with two kinds of key for the same names', () => {
  test('one order is made after the other', async () => {
    const manager = await life.manage();
    let open = 0;
    let most = 0;
    life.first.onOrder = async () => {
      open += 1;
      most = Math.max(most, open);
      await life.clock.sleep(10_000);
      open -= 1;
    };
    await manager.wishFor([wishFor('films.example'), wishFor('films.example', { keyKind: 'rsa' })]);
    await life.clock.run(5 * minuteMs);
    expect(most).toBe(1);
    expect(life.first.orders).toHaveLength(2);
    expect((await life.store.list()).every(({ issued }) => issued !== undefined)).toBe(true);
  });
});

describe('a second authority', () => {
  test('takes over after three failures of the first, and the next renewal asks the first again', async () => {
    const manager = await life.manage({ fallback: secondAuthority });
    life.first.onOrder = unreachable;
    await manager.wishFor([wishFor('films.example', { profile: 'tlsserver' })]);
    await life.clock.run(12 * minuteMs);
    expect(life.second.orders).toEqual([]);
    await life.clock.run(2 * hourMs);
    expect(life.second.orders).toMatchObject([{ profile: undefined, replaces: undefined }]);
    expect((await life.only()).issued?.authority).toBe(secondAuthority);
    life.first.onOrder = async () => {};
    await life.clock.run(61 * dayMs);
    expect((await life.only()).issued?.authority).toBe(firstAuthority);
    expect(life.first.orders.at(-1)?.replaces).toBeUndefined();
  });

  test('takes over at once where the first asks for hours of patience', async () => {
    const manager = await life.manage({ fallback: secondAuthority });
    life.first.onOrder = async () => {
      throw new AcmeError('acme.rate-limited', 'Too many.', { retryAfterMs: 34 * hourMs });
    };
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(1000);
    expect((await life.only()).issued?.authority).toBe(secondAuthority);
  });

  test('is asked again by itself while the first wants to be left alone', async () => {
    const manager = await life.manage({ fallback: secondAuthority });
    life.first.onOrder = async () => {
      throw new AcmeError('acme.rate-limited', 'Too many.', { retryAfterMs: 34 * hourMs });
    };
    life.second.onOrder = unreachable;
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(15 * minuteMs);
    expect(life.first.orders).toHaveLength(1);
    expect(life.second.orders).toHaveLength(3);
    const { message } = (await life.only()).attempts.lastError ?? {};
    expect(message).toContain('Nobody answers there.');
  });
});

describe('a key that cannot be opened', () => {
  test('is never replaced, and the row stays as it is', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    await manager.stop();
    const before = await life.only();
    const keyRing = await KeyRing.open({ secrets: ['a wrong one'], dataDir: '' });
    await life.manage({ keyRing });
    await life.clock.run(70 * dayMs);
    expect(life.first.orders).toHaveLength(1);
    const row = await life.only();
    expect(row.issued).toEqual(before.issued);
    expect(row.attempts).toEqual(before.attempts);
    const line = life.lines.find(({ code }) => code === 'certificate.sealed');
    expect(line?.['message']).toContain('set the former one again');
  });
});

describe('two kinds of key for one name', () => {
  test('are ordered one after the other, the second as soon as the first has ended', async () => {
    const manager = await life.manage();
    const { promise: signed, resolve: sign } = Promise.withResolvers<void>();
    life.first.onOrder = async () => signed;
    await manager.wishFor([wishFor('films.example'), wishFor('films.example', { keyKind: 'rsa' })]);
    await life.clock.run(2000);
    expect(life.first.orders).toHaveLength(1);
    sign();
    await life.clock.run(1000);
    expect(life.first.orders).toHaveLength(2);
    expect(life.clock.now().getTime()).toBeLessThan(after(10_000).getTime());
  });
});

describe('a certificate that has to wait for a limit', () => {
  test('is said once, with names, limit and moment, and counted', async () => {
    const limits = {
      pace: { count: 10, periodMs: 10_000 },
      orders: { count: 1, periodMs: hourMs },
    };
    const others = { certificatesOfDomain: undefined, certificatesOfNames: undefined };
    const manager = await life.manage({
      limitsOf: () => ({ ...limits, ...others, failuresOfName: undefined }),
    });
    await manager.wishFor([wishFor('a.example'), wishFor('b.example')]);
    await life.clock.run(50 * minuteMs);
    const lines = life.lines.filter(({ limit }) => limit === 'orders');
    expect(lines).toMatchObject([{ keyKind: 'ecdsa', until: after(hourMs).toISOString() }]);
    const waiting = life.reports.filter(({ outcome }) => outcome.kind === 'waiting');
    expect(waiting).toHaveLength(1);
    const rows = await life.store.list();
    expect(rows.map(({ attempts }) => attempts.lastError?.code)).toContain('certificate.limit');
  });
});

describe('when the clock jumps', () => {
  test('ahead, as after a night in suspend, what became due is done at the next look', async () => {
    const manager = await life.manage();
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    life.clock.jump(75 * dayMs);
    await life.clock.run(11 * minuteMs);
    expect(life.first.orders).toHaveLength(2);
  });

  test('back, after failures in the future, nothing waits for that future', async () => {
    const manager = await life.manage();
    life.clock.jump(400 * dayMs);
    life.first.onOrder = unreachable;
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(25 * minuteMs);
    life.clock.jump(-400 * dayMs);
    life.first.onOrder = async () => {};
    await life.clock.run(2 * hourMs);
    expect((await life.only()).issued).toBeDefined();
  });
});

describe('a store that is away', () => {
  test('and never answers does not keep the hub from stopping', async () => {
    life.store.watch = async () => async () => new Promise(() => {});
    const manager = await life.manage();
    const before = performance.now();
    await manager.stop();
    expect(performance.now() - before).toBeLessThan(8000);
  });

  test('is not told the same wishes again and again', async () => {
    const manager = await life.manage();
    let told = 0;
    const reconcile = life.store.reconcile.bind(life.store);
    life.store.reconcile = async (...given) => {
      told += 1;
      return reconcile(...given);
    };
    for (let turn = 0; turn < 5; turn += 1) await manager.wishFor([wishFor('films.example')]);
    expect(told).toBe(1);
    await manager.wishFor([wishFor('films.example', { profile: 'tlsserver' })]);
    expect(told).toBe(2);
  });

  test('is told of the wishes when it is back', async () => {
    const manager = await life.manage();
    const reconcile = life.store.reconcile.bind(life.store);
    life.store.reconcile = async () => {
      throw new Error('the connection is gone');
    };
    await manager.wishFor([wishFor('films.example')]);
    life.store.reconcile = reconcile;
    await life.clock.run(11 * minuteMs);
    expect((await life.only()).issued).toBeDefined();
  });

  test('does not end the manager', async () => {
    const manager = await life.manage();
    const takeLease = life.store.takeLease.bind(life.store);
    life.store.takeLease = async () => {
      throw new Error('the connection is gone');
    };
    await manager.wishFor([wishFor('films.example')]);
    await life.clock.run(minuteMs);
    life.store.takeLease = takeLease;
    await life.clock.run(3 * minuteMs);
    expect((await life.only()).issued).toBeDefined();
  });
});

test('five thousand names that wait for a limit cost one question each, and then none until there is room', async () => {
  const count = 5000;
  const limits = {
    pace: { count: 10_000, periodMs: 1000 },
    orders: undefined,
    certificatesOfDomain: { count: 10, periodMs: 7 * dayMs },
    certificatesOfNames: undefined,
    failuresOfName: undefined,
  };
  let questions = 0;
  const open = life.orders.open.bind(life.orders);
  life.orders.open = async (...given) => {
    questions += 1;
    return open(...given);
  };
  const manager = await life.manage({ limitsOf: () => limits, pollMs: hourMs });
  await manager.wishFor(
    Array.from({ length: count }, (_, index) => wishFor(`s${index}.hub.example`)),
  );
  await life.clock.run(dayMs);
  expect(life.first.orders).toHaveLength(10);
  expect(questions).toBe(count);
  await life.clock.run(7 * dayMs);
  expect(life.first.orders).toHaveLength(20);
  // Those that were at it when the place was taken, and no more.
  expect(questions).toBeLessThan(count + 40);
});
