// A rate arrives; the agent's one file carries films at that rate to visitors who read no faster, and what memory it took leaves.

import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { Program } from '../../support/program.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { type Certificate, makeCertificate } from '../certificate.ts';
import { startAgent, startHub } from '../hub-with-agent.ts';
import { startBenchOrigin } from '../origin.ts';
import { meterCpu } from '../process-tree.ts';
import { curl, filmFrom } from '../throughput.ts';

export interface RelayOptions {
  readonly megabits: number;
  /** Films that share the rate. */
  readonly films: number;
  readonly seconds: number;
}

export interface Relayed extends RelayOptions {
  readonly measuredMegabits: number;
  readonly idleBytes: number;
  /** While films run: looked at four times a second. */
  readonly meanBytes: number;
  readonly peakBytes: number;
  /** Of the agent, for a second of this. */
  readonly cpuShare: number;
}

const agentScript = fileURLToPath(new URL('../../../dist/agent/phlix-agent.mjs', import.meta.url));
const lookMs = 250;
/** Dockerfile.agent; and it has no authorities of a system beside Node's own, which cost some megabytes where there are hundreds. */
const asInTheImage = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_MMAP_THRESHOLD_: '131072',
  SSL_CERT_DIR: '',
  SSL_CERT_FILE: '',
  NODE_EXTRA_CA_CERTS: '',
};

export async function relay(options: readonly RelayOptions[]): Promise<Relayed[]> {
  const folder = temporaryFolder('relay').path;
  const certificate = await makeCertificate(folder);
  const origin = await startBenchOrigin();
  const hub = await startHub(join(folder, 'hub'), { certificate });
  const { program: agent } = await startAgent(join(folder, 'agent'), {
    hub,
    originPort: origin.port,
    certificate,
    script: agentScript,
    settings: asInTheImage,
  });
  try {
    // Its second link, and the first collection of what starting took.
    await after(2000);
    const results: Relayed[] = [];
    for (const each of options) results.push(await measure(agent, hub.port, certificate, each));
    return results;
  } finally {
    await agent.stop();
    await hub.program.stop();
    await origin.stop();
  }
}

async function measure(
  agent: Program,
  port: number,
  certificate: Certificate,
  options: RelayOptions,
): Promise<Relayed> {
  const { megabits, films, seconds } = options;
  const idleBytes = agent.memory().bytes;
  agent.forgetPeakMemory();
  const cpu = meterCpu({ agent });
  const looks: number[] = [];
  const timer = setInterval(() => looks.push(agent.memory().bytes), lookMs);
  const pace = String(Math.round((megabits * 1e6) / 8 / films));
  const film = { ...filmFrom(port, seconds, certificate), arguments: ['--limit-rate', pace] };
  const transferred = await Promise.all(Array.from({ length: films }, () => curl(film)));
  clearInterval(timer);
  const measured = transferred.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0);
  return {
    ...options,
    measuredMegabits: Math.round((measured * 8) / 1e6),
    idleBytes,
    meanBytes: looks.reduce((sum, bytes) => sum + bytes, 0) / Math.max(1, looks.length),
    peakBytes: agent.memory().peakBytes,
    cpuShare: (cpu.read()['agent'] ?? 0) / seconds,
  };
}
