// Settings and a part of what the doctor looks at arrive; its hub knows what was found when this resolves, or has refused to.

import type { CheckupPart } from '../../shared/doctor/checkup.ts';
import type { Environment } from '../../shared/settings/settings.ts';
import type { CheckedUp } from '../checkups.ts';
import { readConfig, type AgentConfig } from '../config.ts';
import { AgentFailure } from '../failure.ts';
import { examine, looksOf, withStoredHub } from './doctor.ts';
import { Surroundings } from './surroundings.ts';
import { tellCheckup } from './tell-checkup.ts';

/** In the agent's own environment. @throws AgentFailure | CredentialError | SettingsError */
export async function tellFrom(environment: Environment, part: CheckupPart): Promise<CheckedUp> {
  return checkUp(readConfig(await withStoredHub(environment)), part);
}

/** For each step. */
const deadlineMs = 10_000;
/** Every door of the hub in turn. */
const tellMs = 40_000;

/** @throws AgentFailure | CredentialError */
async function checkUp(config: AgentConfig, part: CheckupPart): Promise<CheckedUp> {
  const here = new Surroundings(config, noToken, { measuresLine: part === 'line' });
  const findings = await examine(here, looksOf[part]);
  const { identity } = await here.papers();
  if (identity === undefined)
    throw new AgentFailure(
      'agent.misconfigured',
      'this agent is not enrolled, so its hub is told nothing: start it with a token',
    );
  const told = await tellCheckup({
    hub: config.hub,
    identity,
    trust: await here.trust(),
    deadlineMs,
    signal: AbortSignal.timeout(tellMs),
    part,
    findings,
  });
  const origin = findings.find(({ check }) => check === 'origin.reachable');
  return { told, reachesOrigin: origin && origin.state !== 'failure' };
}

/** An enrolled agent needs none. */
function noToken(): undefined {
  return undefined;
}
