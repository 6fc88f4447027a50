// Settings arrive; what is well and what is not leaves, each trouble with its remedy. Asks, and changes nothing.

import type { CheckupPart } from '../../shared/doctor/checkup.ts';
import type { Finding } from '../../shared/doctor/finding.ts';
import { lookAtAll, type Looks } from '../../shared/doctor/look.ts';
import type { Environment } from '../../shared/settings/settings.ts';
import { readStateFolder } from '../config.ts';
import { readIdentity } from '../credentials.ts';
import { agentLooks } from './agent-looks.ts';
import { lineLooks } from './line-looks.ts';
import { originLooks } from './origin-looks.ts';
import type { Surroundings } from './surroundings.ts';
import { wayLooks } from './way-looks.ts';

/** In the order of the table: from this machine to the hub, and back to the media server. */
export const looks = {
  ...agentLooks,
  ...wayLooks,
  ...lineLooks,
  ...originLooks,
} satisfies Looks<Surroundings>;

/** What costs nobody anything, and what costs the line a few seconds. */
export const looksOf: Readonly<Record<CheckupPart, Looks<Surroundings>>> = {
  home: { ...agentLooks, ...wayLooks, ...originLooks },
  line: lineLooks,
};

/** Two ways of five seconds each, a line that stalls twice, and a NAS whose disks sleep. */
const patienceMs = 40_000;

export async function examine(
  here: Surroundings,
  wanted: Looks<Surroundings> = looks,
): Promise<readonly Finding[]> {
  return lookAtAll<Surroundings>(wanted, here, patienceMs);
}

/** Whoever is enrolled has told it once which hub is his: PHLIX_HUB_URL need not be there to ask how it is. */
export async function withStoredHub(environment: Environment): Promise<Environment> {
  const names = ['PHLIX_HUB_URL', 'PHLIX_HUB_URL_FILE'];
  if (names.some((name) => Boolean(environment[name]))) return environment;
  // Whatever is wrong with the folder is told by the looks, or by the settings.
  const stored = await readStored(environment).catch(() => undefined);
  return stored === undefined ? environment : { ...environment, PHLIX_HUB_URL: stored.hubUrl };
}

async function readStored(environment: Environment) {
  return readIdentity(readStateFolder(environment));
}
