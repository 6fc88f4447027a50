// Settings arrive; the rooms of people leave with them, on a database of the hub's own kind.

import { afterAll, beforeAll } from 'vitest';

import { AccountError } from '../../hub/accounts/account-error.ts';
import type { HubConfig } from '../../hub/config.ts';
import { databaseKinds, type TestDatabase } from '../support/databases.ts';
import { TestPeople } from '../support/people.ts';
import { missing } from './behaviour.ts';

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

let opened: TestDatabase | undefined;

/** For the whole of a test file. */
export function useDatabase(): void {
  beforeAll(async () => {
    opened = await (databaseKinds['the embedded PostgreSQL'] ?? missing)();
  }, 120_000);
  afterAll(async () => opened?.close());
}

export function database(): TestDatabase['database'] {
  return opened?.database ?? missing();
}

/** Nobody is in them but the owner Robin and the admin Ada. */
export async function peopleOf({ people, travel }: HubConfig): Promise<TestPeople> {
  const { limits, stepUp: policy } = people;
  const { action: travelAction, limits: travelLimits } = travel;
  const made = new TestPeople(database(), { limits, policy, travelAction, travelLimits });
  await made.clear();
  await made.add('robin');
  await made.add('ada', { role: 'admin' });
  return made;
}

/** `code`, or what came of it. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: unknown) => (error instanceof AccountError ? error.code : 'another failure'),
  );
}
