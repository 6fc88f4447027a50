// A hub arrives, running or not; what its doctor finds leaves, each with what to do: for the command, the API and the page of health.

import { statfs } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';

import { snapshot } from '../../shared/doctor/advisories.ts';
import type { Finding } from '../../shared/doctor/finding.ts';
import { ok } from '../../shared/doctor/finding.ts';
import { lookAtAll, type Looks } from '../../shared/doctor/look.ts';
import { runningVersions } from '../../shared/doctor/software.ts';
import { parseAddress } from '../../shared/net-address.ts';
import type { HubConfig } from '../config.ts';
import { examineDatabase } from '../db/examination.ts';
import { certificateLooks } from './certificate-looks.ts';
import { clockLooks, worldClockLooks } from './clock-looks.ts';
import { databaseLooks, sparingDatabase } from './database-looks.ts';
import { folderLooks } from './folder-looks.ts';
import { guardLooks } from './guard-looks.ts';
import { nameLooks } from './name-looks.ts';
import { boundPortLooks, freePortLooks } from './port-looks.ts';
import type { Premises, RunningHub } from './premises.ts';
import { machineLooks, processLooks } from './process-looks.ts';
import { reachLooks } from './reach-looks.ts';
import { proxyLooks, settingsLooks } from './settings-looks.ts';

/** Whether a hub runs or not. */
const anywhereLooks = {
  ...nameLooks,
  ...certificateLooks,
  ...worldClockLooks,
  ...databaseLooks,
  ...folderLooks,
  ...settingsLooks,
  ...machineLooks,
} satisfies Looks<Premises>;

/** In the order of the table: what people stumble over first comes first. */
export const runningLooks = {
  ...reachLooks,
  ...boundPortLooks,
  ...anywhereLooks,
  ...clockLooks,
  ...proxyLooks,
  ...guardLooks,
  ...processLooks,
} satisfies Looks<RunningHub>;

/** While no hub runs: could one? */
export const idleLooks = {
  ...freePortLooks,
  ...anywhereLooks,
} satisfies Looks<Premises>;

export async function examineRunning(hub: RunningHub): Promise<readonly Finding[]> {
  const runs = ok(`phlix-hub ${hub.version} runs at ${hub.publicUrl}.`);
  const found = await lookAtAll<RunningHub>(sparingDatabase<RunningHub>(runningLooks), hub);
  return [{ check: 'hub.running', ...runs }, ...found];
}

export async function examineIdle(premises: Premises): Promise<readonly Finding[]> {
  return lookAtAll<Premises>(sparingDatabase<Premises>(idleLooks), premises);
}

/** What is read from the machine itself, at each look anew. */
export function premisesOf(
  config: HubConfig,
  own: Pick<Premises, 'certificates' | 'advisories'> & {
    readonly memoryBytes: number;
    readonly now?: Date;
  },
): Premises {
  const { memoryBytes, certificates, advisories, now = new Date() } = own;
  const url = config.databaseUrl?.reveal();
  let asked: ReturnType<Premises['database']> | undefined;
  return {
    config,
    now,
    machine: {
      memoryBytes,
      addresses: ownAddresses(),
      kernel: '/proc',
      disk: statfs,
      software: runningVersions(snapshot),
    },
    certificates,
    advisories,
    // Several looks, one question.
    database: async () => (asked ??= examineDatabase({ url, dataDir: config.dataDir })),
  };
}

/** What others can reach it by. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  return all.flatMap(({ address, internal }) =>
    internal || address.startsWith('fe80') ? [] : [parseAddress(address) ?? address],
  );
}
