import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ask } from '../../hub/certificates/dns/query.ts';
import { AcmeHub } from '../support/acme-hub.ts';
import { hasParts } from '../support/parts.ts';
import { startPostgres, type ThrowawayPostgres } from '../support/postgres.ts';

const question = { name: 'movies.phlix.localhost', type: 'A', isRecursive: false } as const;
/** As often as a busy resolver. */
const everyMs = 20;

describe.skipIf(!hasParts('pebble', 'postgresql'))('a hub that takes the place of another', () => {
  let postgres: ThrowawayPostgres;
  let acme: AcmeHub;

  beforeAll(async () => {
    postgres = await startPostgres();
    const settings = {
      HUB_DATABASE_URL: await postgres.createDatabase(),
      HUB_SECRET_KEY: 'cq3vSmmS0vQd2f2KJ5mZ5Ck1lq9uXw6bPz0Yt8aE4hM=',
    };
    acme = await AcmeHub.start({ challenge: 'dns-01', hub: { settings } });
  }, 120_000);

  afterAll(async () => {
    await acme?.stop();
    await postgres?.stop();
  });

  test(
    'goes on answering for its zones while both run, and when the former is gone',
    { timeout: 150_000 },
    async () => {
      const line = await acme.hub.program.waitForLine(/^.*"dns responder ready".*$/);
      const { addresses } = JSON.parse(line[0]) as { addresses: { port: number }[] };
      const place = { host: '127.0.0.1', port: addresses[0]?.port ?? 0 };
      const told = { answered: 0, wrong: [] as string[] };
      const askOnce = async (): Promise<void> => {
        const reply = await ask(place, question, AbortSignal.timeout(20_000));
        if (reply.rcode === 'NOERROR' && reply.answers.length === 1) told.answered += 1;
        else told.wrong.push(reply.rcode);
      };
      const asked: Promise<void>[] = [];
      const timer = setInterval(() => {
        asked.push(askOnce().catch((error: Error) => void told.wrong.push(error.message)));
      }, everyMs);
      try {
        const former = await acme.hub.takeOver();
        await former.end();
        const answeredUntilNow = told.answered;
        // The new one alone.
        await expect
          .poll(() => told.answered, { timeout: 20_000 })
          .toBeGreaterThan(answeredUntilNow + 20);
      } finally {
        clearInterval(timer);
      }
      await Promise.all(asked);
      expect(told.wrong).toEqual([]);
    },
  );
});
