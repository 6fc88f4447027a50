import { expect, test } from 'vitest';

import { MemoryChallengeStore } from '../../../test/support/memory-certificates.ts';
import { HttpSolver } from './http-01.ts';
import type { Challenge } from './solver.ts';

const asked: Challenge = {
  kind: 'http-01',
  name: 'a.example',
  token: 'token',
  keyAuthorization: 'token.thumb',
};

test('a proof is found by its token from present to cleanUp, and cleaning up twice is no error', async () => {
  const store = new MemoryChallengeStore();
  const solver = new HttpSolver(store);
  await solver.present(asked);
  expect(await store.listOpen()).toEqual([asked]);
  await solver.cleanUp(asked);
  await solver.cleanUp(asked);
  expect(await store.listOpen()).toEqual([]);
});

test('what a killed process left is taken away by the next one that proves the name', async () => {
  const store = new MemoryChallengeStore();
  await new HttpSolver(store).present(asked);
  const next = { ...asked, token: 'next', keyAuthorization: 'next.thumb' };
  await new HttpSolver(store).present(next);
  expect(await store.listByName('http-01', asked.name)).toEqual([next]);
});

test('what a killed process left ends by itself', async () => {
  let now = new Date();
  const store = new MemoryChallengeStore({ now: () => now });
  await new HttpSolver(store, () => now).present(asked);
  now = new Date(now.getTime() + 31 * 60_000);
  expect(await store.listOpen()).toEqual([]);
});
