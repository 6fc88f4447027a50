// A duration arrives; hub, agent and origin carry mixed traffic for so long, and what it did to them leaves.

import { availableParallelism } from 'node:os';
import { setTimeout as after } from 'node:timers/promises';

import { inspectFlag } from '../bench/inspector.ts';
import { meterCpu } from '../bench/process-tree.ts';
import { OriginProcess } from '../chaos/origin-process.ts';
import { doorOf } from '../chaos/visitors/visit.ts';
import { type Deployment, deploy } from '../support/deployment.ts';
import { Guests } from './guests.ts';
import { Watched } from './watched.ts';

/** Of the machine's processors. */
const wantedLoad = 0.7;
const tolerance = 0.05;
/** Below what one address may have open, 64. */
const mostGuests = 48;
const lookMs = 2000;
/** Buffers, caches and the compiler's code grow at first. */
const warmShare = 0.4;

export interface SoakResult {
  readonly seconds: number;
  /** Of the machine, taken by everything that belongs to the soak, on average. */
  readonly load: number;
  readonly mostGuests: number;
  readonly completed: number;
  readonly aborted: number;
  readonly failed: readonly string[];
  readonly leaks: readonly string[];
  readonly memory: Readonly<Record<string, ReturnType<Watched['memory']>>>;
}

export interface SoakOptions {
  readonly seconds: number;
  readonly onLook: (line: string) => void;
}

export async function soak({ seconds, onLook }: SoakOptions): Promise<SoakResult> {
  const origin = await OriginProcess.start();
  // As in the images: else the C library's own ups and downs are larger than a leak.
  const settings = { NODE_OPTIONS: inspectFlag, MALLOC_ARENA_MAX: '2' };
  const deployment = await deploy({
    originPort: origin.port,
    hub: { settings: { ...settings, HUB_LOG_LEVEL: 'info' } },
    agent: { settings },
  });
  try {
    const watched = await Promise.all([
      Watched.begin('hub', deployment.hub.program),
      Watched.begin('agent', deployment.agent.program),
    ]);
    const guests = new Guests(doorOf(deployment));
    const carried = await carry(guests, watched, { seconds, onLook });
    await guests.leave();
    const leaks = (await Promise.all(watched.map((one) => one.leaks()))).flat();
    const streams = await streamsOf(deployment);
    if (streams > 0) leaks.push(`agent: ${streams} streams`);
    for (const one of watched) one.detach();
    const { completed, aborted, failed } = guests;
    return {
      ...carried,
      seconds,
      completed,
      aborted,
      failed,
      leaks,
      memory: Object.fromEntries(watched.map((one) => [one.name, one.memory(seconds * warmShare)])),
    };
  } finally {
    await deployment.stop();
    await origin.stop();
  }
}

/** As many guests as keep the machine at its load. */
async function carry(
  guests: Guests,
  watched: readonly Watched[],
  { seconds, onLook }: SoakOptions,
): Promise<Pick<SoakResult, 'load' | 'mostGuests'>> {
  const beganAt = performance.now();
  const whole = meterAll();
  let most = 0;
  guests.want(4);
  for (;;) {
    const meter = meterAll();
    const lookedAt = performance.now();
    await after(lookMs);
    const load = meter(performance.now() - lookedAt);
    const passed = (performance.now() - beganAt) / 1000;
    for (const one of watched) one.sample(passed);
    if (passed >= seconds) return { load: whole(passed * 1000), mostGuests: most };
    guests.want(Math.min(mostGuests, Math.max(1, guests.wanted + changeFor(load))));
    most = Math.max(most, guests.wanted);
    onLook(
      `${Math.round(passed)} s  ${guests.wanted} guests  ${Math.round(load * 100)} % of the machine`,
    );
  }
}

/** Quickly up to half of it, then one by one. */
function changeFor(load: number): number {
  if (load < wantedLoad / 2) return 4;
  if (load < wantedLoad - tolerance) return 1;
  return load > wantedLoad + tolerance ? -1 : 0;
}

/** Everything was started by this process, so its tree holds all of it. */
function meterAll(): (ms: number) => number {
  const meter = meterCpu({ all: process });
  return (ms) => (meter.read()['all'] ?? 0) / (ms / 1000) / availableParallelism();
}

async function streamsOf({ agent }: Deployment): Promise<number> {
  const { stdout } = await agent.status('--json');
  return (JSON.parse(stdout) as { streams: number }).streams;
}
