// The environment of `phlix-agent doctor` arrives; what the doctor found leaves, for people or for programs, and whether all is well.

import { failure, isHealthy, whole, type Finding } from '../../shared/doctor/finding.ts';
import { describeFindings } from '../../shared/doctor/table.ts';
import { SettingsError, type Environment } from '../../shared/settings/settings.ts';
import { readConfig, readToken } from '../config.ts';
import { examine, withStoredHub } from './doctor.ts';
import { Surroundings } from './surroundings.ts';

export interface Diagnosis {
  readonly healthy: boolean;
  readonly text: string;
}

export async function diagnose(
  environment: Environment,
  { json }: { json: boolean },
): Promise<Diagnosis> {
  const findings = await findingsIn(environment);
  const healthy = isHealthy(findings);
  return {
    healthy,
    text: json ? JSON.stringify({ healthy, findings }) : describeFindings(findings),
  };
}

/** Without settings there is nothing to look at but them. */
async function findingsIn(environment: Environment): Promise<readonly Finding[]> {
  try {
    const config = readConfig(await withStoredHub(environment));
    return await examine(new Surroundings(config, () => readToken(environment)));
  } catch (error) {
    if (error instanceof SettingsError) return findingsOf(error);
    throw error;
  }
}

function findingsOf({ problems }: SettingsError): Finding[] {
  return problems.map(({ name, expected, remedy }) => ({
    check: 'config.settings',
    ...failure(`${name}: ${expected}.`, whole(remedy)),
  }));
}
