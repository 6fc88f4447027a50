// A certificate arrives; how long hub and agent take to start as they are built, and what they hold while nobody comes, leaves.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Program } from '../support/program.ts';
import type { Certificate } from './certificate.ts';
import type { Figure, Values } from './figures.ts';
import { startAgent, startHub, type BenchHub } from './hub-with-agent.ts';
import { childrenOf, sharedBytes } from './process-tree.ts';

export interface StartOptions {
  readonly rounds: number;
  /** Before memory is read: what a start needed is given back by then. */
  readonly restSeconds: number;
  readonly certificate: Certificate;
}

export interface Starts {
  /** With an empty folder: the database is made. */
  readonly firstMs: number;
  /** Each of the later ones, with that data. */
  readonly hubMs: readonly number[];
  /** From its start until it is connected and says so, with its key. */
  readonly agentMs: readonly number[];
  readonly hubBytes: number;
  readonly databaseBytes: number;
  readonly agentBytes: number;
}

export async function measureStarts(folder: string, options: StartOptions): Promise<Starts> {
  const { rounds, restSeconds, certificate } = options;
  const hubFolder = join(folder, 'hub');
  const begin = performance.now();
  let hub = await startHub(hubFolder, { certificate });
  const firstMs = performance.now() - begin;
  const hubMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await hub.program.stop();
    const again = performance.now();
    hub = await startHub(hubFolder, { certificate, ports: hub });
    hubMs.push(performance.now() - again);
  }
  const { agent, agentMs } = await startAgents(join(folder, 'agent'), { hub, certificate, rounds });
  await after(restSeconds * 1000);
  const resting = {
    hubBytes: hub.program.memory().bytes,
    databaseBytes: sharedBytes(childrenOf(hub.program.pid)),
    agentBytes: agent.memory().bytes,
  };
  for (const program of [agent, hub.program]) await program.stop();
  return { firstMs, hubMs, agentMs, ...resting };
}

async function startAgents(
  folder: string,
  { hub, certificate, rounds }: { hub: BenchHub; certificate: Certificate; rounds: number },
): Promise<{ agent: Program; agentMs: readonly number[] }> {
  const script = agentScript();
  const options = { hub, originPort: 9, certificate, ...(script !== undefined && { script }) };
  const enrolled = await startAgent(folder, options);
  let agent = enrolled.program;
  const agentMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await agent.stop();
    const begin = performance.now();
    agent = new Program({
      command: [process.execPath, script ?? builtAgent],
      env: { PATH: process.env['PATH'], ...enrolled.environment },
    });
    await agent.waitForLine(/"your server is reachable"/);
    agentMs.push(performance.now() - begin);
  }
  return { agent, agentMs };
}

const builtAgent = fileURLToPath(new URL('../../dist/agent/main.js', import.meta.url));

/** The one file that images hold. */
function agentScript(): string | undefined {
  const bundled = fileURLToPath(new URL('../../dist/agent/phlix-agent.mjs', import.meta.url));
  return existsSync(bundled) ? bundled : undefined;
}

export const startFigures: readonly Figure[] = [
  { id: 'start.first', title: 'start of a hub to ready, empty folder', unit: 's' },
  { id: 'start.hub', title: '  with its data', unit: 's', wanted: { atMost: 1.5 } },
  { id: 'start.agent', title: 'start of an agent to connected', unit: 's', wanted: { atMost: 1 } },
  { id: 'rest.hub', title: 'memory at rest: hub', unit: 'MB' },
  { id: 'rest.database', title: '  its database', unit: 'MB' },
  { id: 'rest.agent', title: '  agent', unit: 'MB' },
];

/** One set of values for each round: medians are the sheet's. */
export function startValues(starts: Starts): Values[] {
  const { firstMs, hubMs, agentMs, hubBytes, databaseBytes, agentBytes } = starts;
  const once = {
    'start.first': firstMs / 1000,
    'rest.hub': hubBytes / 1e6,
    'rest.database': databaseBytes / 1e6,
    'rest.agent': agentBytes / 1e6,
  };
  const rounds = hubMs.map((ms, round) => ({
    'start.hub': ms / 1000,
    'start.agent': (agentMs[round] ?? ms) / 1000,
  }));
  return [once, ...rounds];
}
