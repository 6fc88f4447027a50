// The process and its machine arrive; whether it has what it needs, and stands on nothing with a known hole, leaves (security row E-12).

import { join } from 'node:path';

import { snapshot } from '../../shared/doctor/advisories.ts';
import { descriptorVerdict } from '../../shared/doctor/descriptors.ts';
import { ok, warning, type Verdict } from '../../shared/doctor/finding.ts';
import type { Looks } from '../../shared/doctor/look.ts';
import { runningVersions, softwareVerdict } from '../../shared/doctor/software.ts';
import { newerOf, type FeedLook } from './advisory-feed.ts';
import { keptListPath } from './kept-list.ts';
import type { Premises, RunningHub } from './premises.ts';

const mebibyte = 1024 * 1024;
/** Hub and database take 250 MiB before anybody comes. */
const leastMemoryBytes = 512 * mebibyte;
/** Two for each exchange of a busy evening, and one for each agent: what the hub's own limits let in. */
const neededDescriptors = 8192;

export const machineLooks = {
  'software.versions': lookAtSoftware,
  'software.feed': lookAtFeed,
  'limits.memory': lookAtMemory,
} satisfies Looks<Premises>;

export const processLooks = {
  'limits.descriptors': ({ machine }) =>
    descriptorVerdict(neededDescriptors, join(machine.kernel, 'self')),
  'limits.load': ({ memory, config }) => {
    const { residentBytes, sheds } = memory();
    const message = `The hub takes ${inMebibytes(residentBytes)} of ${inMebibytes(config.memoryLimitBytes)}`;
    if (sheds)
      return warning(
        `${message}, and refuses new requests for it.`,
        'Raise HUB_LIMIT_MEMORY if the machine has more to give; the metrics say what takes it.',
      );
    return ok(`${message}.`);
  },
} satisfies Looks<RunningHub>;

async function lookAtSoftware({ machine, now, advisories }: Premises): Promise<Verdict> {
  const known = newerOf(await advisories?.());
  if (known === snapshot) return softwareVerdict(machine.software, snapshot, now);
  const packages = { ...runningVersions(known).packages, ...machine.software.packages };
  return softwareVerdict({ ...machine.software, packages }, known, now);
}

async function lookAtFeed({ advisories, config }: Premises): Promise<Verdict | undefined> {
  const look = await advisories?.();
  if (look === undefined) return undefined;
  const at = config.advisoryFeed?.url;
  const compared = comparedOf(look);
  if (look.kind === 'unusable')
    return warning(
      `The list of holes at ${at} is of no use: ${look.reason}. ${compared}`,
      'Look at HUB_ADVISORY_FEED and HUB_ADVISORY_SIGNER, and whether this machine reaches that address.',
    );
  if (look.asOf < look.newest.asOf)
    return warning(
      `${at} went back to a list of holes of ${look.asOf}; this hub has seen one of ${look.newest.asOf}. ${compared}`,
      `Find out who answers there: a former list hides the holes that came after it. If whoever signs it took the newer one back, remove ${keptListPath(config.dataDir)} and start the hub again.`,
    );
  if (look.asOf < snapshot.asOf)
    return warning(
      `The list of holes at ${at} is of ${look.asOf}, older than this version's own of ${snapshot.asOf}. ${compared}`,
      'Ask whoever signs it for a newer one, or unset HUB_ADVISORY_FEED and HUB_ADVISORY_SIGNER.',
    );
  return ok(`The list of holes at ${at} is signed, and of ${look.asOf}.`);
}

function comparedOf(look: FeedLook): string {
  const known = newerOf(look);
  if (known === snapshot) return 'What this version knows by itself is compared.';
  return `The one of ${known.asOf} is compared.`;
}

function lookAtMemory({ config, machine }: Premises): Verdict {
  const { memoryLimitBytes } = config;
  const { memoryBytes } = machine;
  if (memoryLimitBytes > memoryBytes)
    return warning(
      `HUB_LIMIT_MEMORY is ${inMebibytes(memoryLimitBytes)}, and the machine has ${inMebibytes(memoryBytes)}: the kernel kills the hub before it would shed load.`,
      'Unset HUB_LIMIT_MEMORY, or set it to three quarters of what there is.',
    );
  if (memoryBytes < leastMemoryBytes)
    return warning(
      `The machine has ${inMebibytes(memoryBytes)} of memory for hub and database.`,
      `Give it ${inMebibytes(leastMemoryBytes)} or more.`,
    );
  return ok(
    `The machine has ${inMebibytes(memoryBytes)} of memory; the hub sheds load at ${inMebibytes(memoryLimitBytes)}.`,
  );
}

function inMebibytes(bytes: number): string {
  return `${Math.round(bytes / mebibyte)} MiB`;
}
