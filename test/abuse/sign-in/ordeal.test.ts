import { availableParallelism, loadavg } from 'node:os';

import { describe, expect, it } from 'vitest';

import { tableOf } from '../report.ts';
import { complaintsOfSignIns, runSignInOrdeals } from './ordeal.ts';

/** Where others use the cores, how long something took says nothing of the hub; `npm run abuse` judges that in any case. */
const isQuiet = (loadavg()[0] ?? 0) < availableParallelism();
const isOfTime = /waited \d+ ms|stood still for/;

describe('a hub at whose sign-in fifty passwords a second are tried', () => {
  it(
    'shows its film without a break, and lets in whom it knows within two seconds',
    { timeout: 180_000 },
    async () => {
      const lines: string[] = [];
      const { ordeals, films, complaints } = await runSignInOrdeals({
        seconds: 5,
        isWanted: () => true,
        say: (line) => lines.push(line),
      });
      process.stdout.write(`${lines.join('\n')}\n${tableOf(ordeals)}\n`);
      const judged = complaints.filter((words) => isQuiet || !isOfTime.test(words));
      expect(judged).toEqual([]);
      expect(films).toMatchObject([
        { isExact: true, isCut: false },
        { isExact: true, isCut: false },
      ]);
      const [, many, one] = ordeals.map(({ ends }) => ends);
      expect([many?.['attempts'], one?.['attempts']]).toEqual([250, 250]);
      expect(many?.['answered 200']).toBeUndefined();
      // Others are answered meanwhile, but not by taking the cores from films.
      expect(many?.['answered 401']).toBeGreaterThan(10);
      // Its first ten are looked at; the rest costs the hub no hash.
      expect(one?.['answered 401']).toBeLessThanOrEqual(10);
      expect(one?.['answered 429']).toBeGreaterThanOrEqual(200);
    },
  );
});

describe('what is complained of', () => {
  const signIns = { done: 9, refused: [], medianMs: 100, worstMs: 300 };

  it('is nothing, where everybody was let in soon', () => {
    expect(complaintsOfSignIns('stuffing', signIns)).toEqual([]);
  });

  it.each([
    ['waited 2100 ms', { ...signIns, worstMs: 2100 }],
    ['answered 503 login.busy', { ...signIns, refused: ['503 login.busy', '503 login.busy'] }],
    ['nobody signed in', { ...signIns, done: 0 }],
  ])('is that somebody %s', (words, lived) => {
    expect(complaintsOfSignIns('stuffing', lived)).toEqual([expect.stringContaining(words)]);
  });
});
