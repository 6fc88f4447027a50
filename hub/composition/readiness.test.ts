import { describe, expect, test } from 'vitest';

import { Readiness, type ReadinessOptions } from './readiness.ts';

const inAnHour = () => ({ notAfter: new Date(Date.now() + 3_600_000) });

function start(options: Partial<ReadinessOptions> = {}) {
  const clock = { ms: 0 };
  const readiness = new Readiness({
    askDatabase: async () => undefined,
    certificate: inAnHour,
    hubHost: 'hub.example',
    nowMs: () => clock.ms,
    ...options,
  });
  readiness.opened();
  return { readiness, clock };
}

describe('a hub', () => {
  test('is ready when database, certificate and doors are', async () => {
    const { readiness } = start();
    expect(await readiness.answer()).toEqual({
      status: 200,
      body: { database: { ready: true }, certificates: { ready: true }, gateway: { ready: true } },
    });
  });

  test('is not before its doors are open, nor while it drains, whatever came before', async () => {
    const opening = new Readiness({
      askDatabase: async () => undefined,
      certificate: inAnHour,
      hubHost: 'hub.example',
    });
    expect((await opening.answer()).status).toBe(503);
    opening.opened();
    expect((await opening.answer()).status).toBe(200);
    opening.drain();
    opening.opened();
    expect((await opening.report()).gateway).toMatchObject({ ready: false });
  });

  test('is not without a certificate for its own name, or with one that has ended', async () => {
    const missing = start({ certificate: () => undefined }).readiness;
    expect((await missing.report()).certificates.reason).toMatch(/no certificate for hub\.example/);
    const ended = start({ certificate: () => ({ notAfter: new Date(0) }) }).readiness;
    expect((await ended.answer()).status).toBe(503);
  });
});

describe('the database', () => {
  test('is asked once a second, however many ask, and believed again when it is back', async () => {
    let asked = 0;
    let isAway = false;
    const { readiness, clock } = start({
      askDatabase: async () => {
        asked += 1;
        if (isAway) throw new Error('away');
      },
    });
    await Promise.all(Array.from({ length: 100 }, () => readiness.report()));
    expect(asked).toBe(1);
    isAway = true;
    clock.ms = 999;
    expect((await readiness.report()).database.ready).toBe(true);
    clock.ms = 1001;
    expect((await readiness.report()).database).toMatchObject({ ready: false });
    isAway = false;
    clock.ms = 2002;
    expect((await readiness.report()).database).toEqual({ ready: true });
    expect(asked).toBe(3);
  });

  test('that hangs is told of in time, and gets no second question while the first is open', async () => {
    const answer = Promise.withResolvers<void>();
    let asked = 0;
    const { readiness, clock } = start({
      patienceMs: 10,
      askDatabase: () => {
        asked += 1;
        return answer.promise;
      },
    });
    for (const ms of [0, 5000, 10_000]) {
      clock.ms = ms;
      expect((await readiness.report()).database.reason).toMatch(/too long/);
    }
    expect(asked).toBe(1);
    answer.resolve();
    await expect.poll(async () => (await readiness.report()).database.ready).toBe(true);
  });
});
