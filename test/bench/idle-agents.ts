// A count arrives; what so many idle agents cost one hub leaves: memory, processor time at rest, and how long they take to come back when it was killed.

import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';

import { Crowd } from './agents/crowd.ts';
import { enrolAgents } from './agents/enrol.ts';
import type { Certificate } from './certificate.ts';
import { startHub, type BenchHub } from './hub-with-agent.ts';
import { meterCpu } from './process-tree.ts';
import { Watched } from './watched.ts';

export interface IdleAgents {
  readonly bytesPerLink: number;
  readonly life: LifeOfCrowd | undefined;
}

interface LifeOfCrowd {
  /** Of the hub and its database, while nothing but pings goes by. */
  readonly cpuSecondsPerMinute: number;
  readonly comeback: Comeback;
}

interface Comeback {
  /** From the kill until the last agent is linked again. */
  readonly seconds: number;
  /** The same from the moment when the hub was ready again. */
  readonly secondsOfReadyHub: number;
  readonly missing: number;
  /** Attempts that failed meanwhile, by the agent's codes: those before the hub was back are among them. */
  readonly failedAttempts: Readonly<Record<string, number>>;
  readonly peakBytes: number;
}

export interface IdleAgentsOptions {
  readonly count: number;
  /** 0: only their memory is measured. */
  readonly restSeconds: number;
  readonly certificate: Certificate;
  readonly say: (line: string) => void;
}

/** One address stands for as many homes: what the hub grants to one would be met first. Arrivals per second stay as they are. */
export const limitsOfCrowd = {
  HUB_LIMIT_AGENT_CONNECTIONS_PER_ADDRESS: '65535',
  HUB_LIMIT_AGENT_FAILURES: '65535',
};

/** Before anything is counted, code is compiled and pools are filled. */
const warmUpCount = 200;
/** Twenty a second would be a hub that hangs. */
const deadlineMsFor = (count: number): number => 60_000 + count * 50;

export async function measureIdleAgents(
  folder: string,
  options: IdleAgentsOptions,
): Promise<IdleAgents> {
  const { certificate, count, restSeconds, say } = options;
  const hubFolder = join(folder, 'hub');
  const started = { certificate, limits: limitsOfCrowd };
  const hub = await startHub(hubFolder, { ...started, isInspected: true });
  const watched = await Watched.attach(hub.program);
  const gather = (size: number): Promise<Crowd> =>
    gatherCrowd(size, { hub, certificate, folder: join(folder, `${size}-agents`) });
  const first = await gather(warmUpCount);
  const before = await watched.bytes();
  const crowd = await gather(count);
  const bytesPerLink = ((await watched.bytes()) - before) / count;
  watched.detach();
  await first.stop();
  if (restSeconds === 0) {
    for (const one of [crowd, hub.program]) await one.stop();
    return { bytesPerLink, life: undefined };
  }
  say(`${count} agents are linked: ${(bytesPerLink / 1000).toFixed(1)} KB each; at rest now`);
  const cpuSecondsPerMinute = await cpuAtRest(hub, restSeconds);
  const restart = async (): Promise<BenchHub> => {
    await killed(hub);
    return startHub(hubFolder, { ...started, ports: hub });
  };
  const { comeback, hub: secondHub } = await measureComeback(crowd, count, restart);
  await crowd.stop();
  await secondHub.program.stop();
  return { bytesPerLink, life: { cpuSecondsPerMinute, comeback } };
}

async function gatherCrowd(
  count: number,
  place: { hub: BenchHub; certificate: Certificate; folder: string },
): Promise<Crowd> {
  const crowd = new Crowd(await enrolAgents(place.hub, count), place);
  if (await crowd.reaches(count, deadlineMsFor(count))) return crowd;
  const { linked, failures } = crowd;
  await crowd.stop();
  throw new Error(`${linked} of ${count} idle agents came: ${JSON.stringify(failures)}`);
}

async function cpuAtRest({ program }: BenchHub, seconds: number): Promise<number> {
  const cpu = meterCpu({ hub: program });
  const from = performance.now();
  await after(seconds * 1000);
  return ((cpu.read()['hub'] ?? 0) / (performance.now() - from)) * 60_000;
}

/** As a power cut or an overdue page of the kernel does it: nobody says goodbye. */
async function killed({ program }: BenchHub): Promise<void> {
  program.kill('SIGKILL');
  await program.ended;
}

async function measureComeback(
  crowd: Crowd,
  count: number,
  restart: () => Promise<BenchHub>,
): Promise<{ comeback: Comeback; hub: BenchHub }> {
  const failedBefore = crowd.failures;
  const from = performance.now();
  const lost = crowd.reaches(0, deadlineMsFor(0));
  const hub = await restart();
  const readyAt = performance.now();
  await lost;
  const isWhole = await crowd.reaches(count, deadlineMsFor(count));
  const to = performance.now();
  const failures = Object.entries(crowd.failures);
  const comeback = {
    seconds: (to - from) / 1000,
    secondsOfReadyHub: (to - readyAt) / 1000,
    missing: isWhole ? 0 : count - crowd.linked,
    failedAttempts: Object.fromEntries(
      failures.map(([code, times]) => [code, times - (failedBefore[code] ?? 0)]),
    ),
    peakBytes: hub.program.memory().peakBytes,
  };
  return { comeback, hub };
}
