// This machine arrives; whether an agent runs on it, with what it needs, leaves.

import { join } from 'node:path';

import { snapshot } from '../../shared/doctor/advisories.ts';
import { descriptorVerdict } from '../../shared/doctor/descriptors.ts';
import { diskVerdict } from '../../shared/doctor/disk.ts';
import { explained, ok, warning, type Verdict } from '../../shared/doctor/finding.ts';
import type { Looks } from '../../shared/doctor/look.ts';
import { softwareVerdict } from '../../shared/doctor/software.ts';
import { readStatus } from '../status.ts';
import type { Surroundings } from './surroundings.ts';

const mebibyte = 1024 * 1024;
/** Two for each exchange of a full house, and some. */
const neededDescriptors = 1024;

export const agentLooks = {
  'state.folder': async (here) => (await here.papers()).folder,
  'state.identity': async (here) => (await here.papers()).enrolment,
  'agent.running': lookAtAgent,
  'disk.space': async ({ config, machine, papers }) =>
    (await papers()).folder.state === 'ok'
      ? diskVerdict(config.stateFolder, {
          // It writes a key of a kilobyte, and draws it afresh beside the old one.
          warnBytes: 16 * mebibyte,
          failBytes: mebibyte,
          otherwise: 'a full disk keeps no key',
          look: machine.disk,
        })
      : undefined,
  'limits.descriptors': ({ machine }) =>
    descriptorVerdict(neededDescriptors, join(machine.kernel, 'self')),
  'software.versions': ({ machine, now }) => softwareVerdict(machine.software, snapshot, now),
} satisfies Looks<Surroundings>;

async function lookAtAgent({ config: { stateFolder } }: Surroundings): Promise<Verdict> {
  const status = await readStatus(stateFolder).catch(() => undefined);
  if (status === undefined)
    return warning(
      `No agent runs with ${stateFolder}.`,
      'Start phlix-agent, or set PHLIX_STATE_DIR to the folder of the one you mean.',
    );
  if (status.state === 'connected')
    return ok(`Connected since ${status.since}: ${status.addresses.join(' ') || 'no name yet'}.`);
  const trouble = status.lastFailure?.message;
  if (trouble !== undefined) return explained('failure', trouble);
  return warning(
    `It is ${status.state} since ${status.since}.`,
    'Look again in a minute; the rows below say what may keep it.',
  );
}
