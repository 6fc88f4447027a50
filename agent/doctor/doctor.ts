// Settings arrive; a table of what is well and what is not leaves, each trouble with its remedy. Asks, and changes nothing.

import { lstat } from 'node:fs/promises';

import type { Secret } from '../../shared/settings/secret.ts';
import type { AgentConfig } from '../config.ts';
import { openStateFolder, readIdentity, refuseOtherHub, type Enrolled } from '../credentials.ts';
import { examineHub } from './hub.ts';
import { examineOrigin } from './origin.ts';
import { asFailure } from '../failure.ts';
import { findingOf, type Finding } from './finding.ts';
import { readStatus } from '../status.ts';

export interface Diagnosis {
  /** Nothing is wrong. */
  readonly isHealthy: boolean;
  readonly findings: readonly Finding[];
}

export async function examine(
  config: AgentConfig,
  readToken: () => Secret | undefined,
): Promise<Diagnosis> {
  const { identity, findings } = await examineIdentity(config);
  const [agent, hub, origin] = await Promise.all([
    examineAgent(config),
    examineHub({ config, identity, readToken }),
    examineOrigin(config.origin),
  ]);
  const all = [...findings, ...agent, ...hub, ...origin];
  return { isHealthy: all.every(({ state }) => state !== 'wrong'), findings: all };
}

/** For people: a row for each check, and below it what mends it. */
export function describeDiagnosis({ findings, isHealthy }: Diagnosis): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, state, found, remedy }) => [
    `${marks[state]}  ${check.padEnd(width)}  ${found}`,
    ...(remedy === undefined ? [] : [`${' '.repeat(marks[state].length + width + 4)}-> ${remedy}`]),
  ]);
  const wrong = findings.filter(({ state }) => state === 'wrong').length;
  const sum = isHealthy
    ? 'nothing is wrong'
    : `${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong`;
  return [...lines, '', sum].join('\n');
}

const marks: Readonly<Record<Finding['state'], string>> = {
  ok: 'ok     ',
  warning: 'warning',
  wrong: 'WRONG  ',
  unknown: '?      ',
};

interface Papers {
  readonly identity: Enrolled | undefined;
  readonly findings: Finding[];
}

async function examineIdentity(config: AgentConfig): Promise<Papers> {
  const { stateFolder, hub } = config;
  const check = 'state folder';
  const isThere = await lstat(stateFolder).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
  if (!isThere) {
    const found = `${stateFolder} does not exist yet`;
    const remedy =
      'start the agent with a token, or set PHLIX_STATE_DIR to the folder of the one that runs';
    return { identity: undefined, findings: [{ check, state: 'warning', found, remedy }] };
  }
  const findings: Finding[] = [];
  try {
    await openStateFolder(stateFolder);
    findings.push({ check, state: 'ok', found: `${stateFolder} is closed to others` });
    const stored = await readIdentity(stateFolder);
    if (stored !== undefined) refuseOtherHub(stored, hub.url, stateFolder);
    if (stored?.state === 'enrolled') {
      const found = `enrolled at ${stored.hubUrl} as server ${stored.serverId}`;
      return {
        identity: stored,
        findings: [...findings, { check: 'identity', state: 'ok', found }],
      };
    }
    const found = 'this server is not enrolled yet';
    const remedy = `set PHLIX_HUB_ENROLLMENT_TOKEN to what "phlix-hub enrol-token create" prints on ${hub.url}, and start the agent`;
    findings.push({ check: 'identity', state: 'warning', found, remedy });
  } catch (error) {
    findings.push(findingOf(findings.length === 0 ? check : 'identity', asFailure(error).message));
  }
  return { identity: undefined, findings };
}

async function examineAgent({ stateFolder }: AgentConfig): Promise<Finding[]> {
  const check = 'running agent';
  const status = await readStatus(stateFolder).catch(() => undefined);
  if (status === undefined) {
    const remedy = 'start phlix-agent, or set PHLIX_STATE_DIR to the folder of the one you mean';
    return [{ check, state: 'warning', found: `no agent runs with ${stateFolder}`, remedy }];
  }
  if (status.state === 'connected') {
    const found = `connected since ${status.since}: ${status.addresses.join(' ') || 'no name yet'}`;
    return [{ check, state: 'ok', found }];
  }
  const trouble = status.lastFailure?.message;
  if (trouble !== undefined) return [findingOf(check, trouble)];
  return [{ check, state: 'warning', found: `${status.state} since ${status.since}` }];
}
