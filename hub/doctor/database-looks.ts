// The database arrives as it is; whether a hub can work with it leaves.

import {
  explained,
  failure,
  ok,
  unknown,
  warning,
  type Verdict,
} from '../../shared/doctor/finding.ts';
import type { Look, Looks } from '../../shared/doctor/look.ts';
import { DatabaseError } from '../db/database-error.ts';
import type { DatabaseState } from '../db/examination.ts';
import { queryFailure } from '../db/query-failure.ts';
import type { Premises } from './premises.ts';

/** As hub/db/connect.ts demands. */
const oldestVersion = 15;
/** One answer of a database on the same host takes a millisecond or two, and a page of the dashboard asks a dozen times. */
const slowMs = 500;

export const databaseLooks = {
  'database.reachable': lookAtAnswer,
  'database.schema': lookAtSchema,
} satisfies Looks<Premises>;

/** One cause is one finding, that of `database.reachable`; and no finding quotes a query. */
export function sparingDatabase<Parts>(looks: Looks<Parts>): Looks<Parts> {
  const sparing = Object.entries(looks).map(([check, look]): [string, Look<Parts>] => [
    check,
    async (parts) => {
      try {
        return await look(parts);
      } catch (error) {
        const failed = queryFailure(error);
        if (failed === undefined) throw error;
        return failed.isSilence
          ? unknown('The database does not answer, so this is not known.')
          : failure(`The database refuses to tell: ${failed.reason}.`, 'See the log of the hub.');
      }
    },
  ]);
  return Object.fromEntries(sparing);
}

async function lookAtAnswer({ database, config }: Premises): Promise<Verdict> {
  let state: DatabaseState | undefined;
  try {
    state = await database();
  } catch (error) {
    if (error instanceof DatabaseError) return explained('failure', error.message);
    throw error;
  }
  if (state === undefined)
    return unknown(
      `The hub's own database is not running, since no hub runs with ${config.dataDir}: that is as it should be.`,
    );
  const { place, version, tookMs } = state;
  if (version < oldestVersion)
    return failure(
      `The database at ${place} is PostgreSQL ${version}.`,
      `The hub needs ${oldestVersion} or newer.`,
    );
  const message = `PostgreSQL ${version} at ${place} answers in ${tookMs.toFixed(0)} ms.`;
  if (tookMs > slowMs)
    return warning(message, 'Let it stand nearer to the hub, or find out what keeps it busy.');
  return ok(message);
}

/** What the tables are, beside those of this version. What does not answer is told of once. */
async function lookAtSchema({ database }: Premises): Promise<Verdict | undefined> {
  const state = await database().catch(() => undefined);
  return state && schemas[state.schema];
}

const schemas: Readonly<Record<DatabaseState['schema'], Verdict>> = {
  current: ok('Its tables are those of this version.'),
  none: unknown('It has no tables yet.', 'The hub makes them at its first start.'),
  older: warning(
    'Its tables are those of an older version.',
    'The hub changes them when it starts; a running one that finds them so was started before its database was put back: start it again.',
  ),
  newer: failure(
    'A newer phlix-hub has changed its tables.',
    'Start that version again, or go back to the state before it with phlix-hub rollback.',
  ),
};
