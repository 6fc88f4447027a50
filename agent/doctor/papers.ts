// Settings arrive; what lies in the state folder leaves: whether it is closed, and who this agent is.

import { lstat } from 'node:fs/promises';

import { explained, ok, warning, type Verdict } from '../../shared/doctor/finding.ts';
import type { AgentConfig } from '../config.ts';
import { openStateFolder, readIdentity, refuseOtherHub, type Enrolled } from '../credentials.ts';
import { asFailure } from '../failure.ts';

export interface Papers {
  readonly identity: Enrolled | undefined;
  readonly folder: Verdict;
  /** Undefined: the folder has to be mended first. */
  readonly enrolment: Verdict | undefined;
}

/** Looking makes no folder. */
export async function readPapers(config: AgentConfig): Promise<Papers> {
  const { stateFolder } = config;
  const isThere = await lstat(stateFolder).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
  if (!isThere) {
    const folder = warning(
      `${stateFolder} does not exist yet.`,
      'Start the agent with a token, or set PHLIX_STATE_DIR to the folder of the one that runs.',
    );
    return { identity: undefined, folder, enrolment: notEnrolled(config) };
  }
  try {
    await openStateFolder(stateFolder);
  } catch (error) {
    const folder = explained('failure', asFailure(error).message);
    return { identity: undefined, folder, enrolment: undefined };
  }
  const folder = ok(`${stateFolder} is closed to others.`);
  try {
    const stored = await readIdentity(stateFolder);
    if (stored !== undefined) refuseOtherHub(stored, config.hub.url, stateFolder);
    if (stored?.state !== 'enrolled')
      return { identity: undefined, folder, enrolment: notEnrolled(config) };
    const enrolment = ok(`Enrolled at ${stored.hubUrl} as server ${stored.serverId}.`);
    return { identity: stored, folder, enrolment };
  } catch (error) {
    const enrolment = explained('failure', asFailure(error).message);
    return { identity: undefined, folder, enrolment };
  }
}

function notEnrolled({ hub }: AgentConfig): Verdict {
  return warning(
    'This server is not enrolled yet.',
    `Set PHLIX_HUB_ENROLLMENT_TOKEN to what "phlix-hub enrol-token create" prints on ${hub.url}, and start the agent.`,
  );
}
