// A running agent arrives; what the doctor looks at in it leaves, by part, and whether its media server takes connections.

import type { CheckupPart } from '../../shared/doctor/checkup.ts';
import type { Finding } from '../../shared/doctor/finding.ts';
import type { AgentConfig } from '../config.ts';
import { examine, looksOf } from './doctor.ts';
import { OriginQuestions } from './origin-question.ts';
import { Surroundings } from './surroundings.ts';

/** As `phlix-agent doctor` finds it, the line apart. */
export async function lookAt(config: AgentConfig, part: CheckupPart): Promise<readonly Finding[]> {
  const here = new Surroundings(config, enrolled, { measuresLine: part === 'line' });
  return examine(here, looksOf[part]);
}

/** Nothing is asked: a NAS whose disks sleep sleeps on. */
export async function takesConnections({ origin }: AgentConfig): Promise<boolean> {
  return new OriginQuestions(origin).reach().then(
    () => true,
    () => false,
  );
}

/** It needs no token any more. */
function enrolled(): undefined {
  return undefined;
}
