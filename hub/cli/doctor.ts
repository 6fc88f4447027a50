// The wish to know what ails this hub arrives; a table of findings leaves, from the running hub itself or, where none runs, from its settings and its machine.

import { Command } from 'commander';

import {
  explained,
  failure,
  isHealthy,
  unknown,
  whole,
  type Finding,
} from '../../shared/doctor/finding.ts';
import { describeFindings } from '../../shared/doctor/table.ts';
import { SettingsError } from '../../shared/settings/settings.ts';
import type { HubConfig } from '../config.ts';
import type { Premises } from '../doctor/premises.ts';
import { ControlClient, type Patience } from '../process/control-client.ts';
import { ControlError } from '../process/control-words.ts';
import { memoryBytes } from '../process/machine.ts';
import { configOf, printJson, type CommandContext } from './command-context.ts';
import { exitCode } from './exit-code.ts';
import { certificatesOfHost } from './held-certificates.ts';

interface Options {
  readonly json?: boolean;
}

export function doctorCommand(
  context: CommandContext,
  finish: (exitCode: number) => void,
): Command {
  return new Command('doctor')
    .description(
      'look at names, ports, certificates, clock, database, disk and guards, and say what to mend; exit code 0 when nothing is wrong, 69 when something is',
    )
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => {
      const findings = await examine(context);
      const healthy = isHealthy(findings);
      if (options.json) printJson(context, { healthy, findings });
      else context.stdout.write(`${describeFindings(findings)}\n`);
      finish(healthy ? exitCode.ok : exitCode.unavailable);
    });
}

/** @throws ControlError control.no-permission: whose hub it is cannot be looked at by anybody else */
async function examine(context: CommandContext): Promise<readonly Finding[]> {
  let config: HubConfig;
  try {
    config = configOf(context);
  } catch (error) {
    if (error instanceof SettingsError) return findingsOf(error);
    throw error;
  }
  const { told, instead } = await askRunning(config);
  if (told !== undefined) return told;
  // What they need takes a while to load, and a running hub has it in memory already.
  const { examineIdle, premisesOf } = await import('../doctor/doctor.ts');
  const premises = premisesOf(config, {
    advisories: await advisoriesOf(config),
    memoryBytes: memoryBytes(),
    certificates: async () => certificatesOfHost(config, new Date()),
  });
  return [...instead, ...(await examineIdle(premises))];
}

async function advisoriesOf({ advisoryFeed, dataDir }: HubConfig): Promise<Premises['advisories']> {
  if (advisoryFeed === undefined) return undefined;
  const { openFeed } = await import('../doctor/advisory-feed.ts');
  const feed = openFeed(advisoryFeed, dataDir);
  return () => feed.look();
}

const check = 'hub.running';

interface Asked {
  /** What the running hub found. */
  readonly told?: readonly Finding[];
  /** Why it told nothing. */
  readonly instead: readonly Finding[];
}

/** Its findings, or what is to be said in their place. @throws ControlError control.no-permission */
export async function askRunning(
  { dataDir }: Pick<HubConfig, 'dataDir'>,
  patience?: Patience,
): Promise<Asked> {
  let hub: ControlClient | undefined;
  try {
    hub = await ControlClient.connect(dataDir, patience);
    const answer = await hub?.ask('doctor');
    if (answer?.event === 'examined') return { told: answer.findings, instead: [] };
  } catch (error) {
    // Another user's hub is looked at by nobody else: half a table would be taken for the whole.
    if (!(error instanceof ControlError) || error.code === 'control.no-permission') throw error;
    return { instead: [{ check, ...explained('failure', error.message) }] };
  } finally {
    hub?.close();
  }
  const stopped = unknown(
    `No hub runs with ${dataDir}: this is what one would find.`,
    'If one should be running, look at its log; if you mean another one, set HUB_DATA_DIR to its folder.',
  );
  return { instead: [{ check, ...stopped }] };
}

/** Placeholders in the place of secrets are told under a name of their own (security row E-02). */
function findingsOf({ problems }: SettingsError): Finding[] {
  return problems.map(({ name, expected, remedy }) => ({
    check: /placeholder|secret|password/i.test(expected) ? 'config.secrets' : 'config.settings',
    ...failure(`${name}: ${expected}.`, whole(remedy)),
  }));
}
