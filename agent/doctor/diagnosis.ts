// The environment of `phlix-agent doctor` arrives; what the doctor found leaves, for people or for programs, and whether all is well.

import { isHealthy } from '../../shared/doctor/finding.ts';
import { describeFindings } from '../../shared/doctor/table.ts';
import type { Environment } from '../../shared/settings/settings.ts';
import { readConfig, readToken } from '../config.ts';
import { examine, withStoredHub } from './doctor.ts';
import { Surroundings } from './surroundings.ts';

export interface Diagnosis {
  readonly healthy: boolean;
  readonly text: string;
}

/** @throws SettingsError */
export async function diagnose(
  environment: Environment,
  { json }: { json: boolean },
): Promise<Diagnosis> {
  const config = readConfig(await withStoredHub(environment));
  const findings = await examine(new Surroundings(config, () => readToken(environment)));
  const healthy = isHealthy(findings);
  return {
    healthy,
    text: json ? JSON.stringify({ healthy, findings }) : describeFindings(findings),
  };
}
