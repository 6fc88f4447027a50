// Numbers of streams arrive; what so many cost hub and agent leaves, in processor time and memory, while the processors have time left.

import { mkdirSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Program } from '../support/program.ts';
import type { Certificate } from './certificate.ts';
import { visitedHost, type Contender } from './contender.ts';
import { startHubWithAgent } from './hub-with-agent.ts';
import { idlePath, pacedPath, startBenchOrigin } from './origin.ts';
import { mainThreadSeconds } from './process-tree.ts';
import { unshaped } from './shaped-line.ts';
import { Watched } from './watched.ts';

/** What one number of streams costs. `streams` play at one rate, and as many more are idle. */
export interface CostPoint {
  readonly streams: number;
  readonly bytesPerSecond: number;
  /** Of the main thread of each, which is where bytes pass, in a second. */
  readonly cpu: Ends;
  /** Resident, above what they took without a stream. */
  readonly bytes: Ends;
}

interface Ends {
  readonly hub: number;
  readonly agent: number;
}

export interface CostOptions {
  readonly steps: readonly number[];
  readonly seconds: number;
  readonly certificate: Certificate;
  readonly say: (line: string) => void;
}

/** Heads and first pieces have gone by, and everybody is at his rate. */
const settleMs = 2000;
/**
 * Before anything is counted, code is compiled and pools are filled. What these streams took stays with the process, so that up
 * to as many cost hardly any memory afterwards.
 */
export const warmUpCount = 100;

export async function measureCost(folder: string, options: CostOptions): Promise<CostPoint[]> {
  const { steps, certificate, say } = options;
  mkdirSync(folder, { recursive: true });
  const origin = await startBenchOrigin();
  const served = { originPort: origin.port, certificate, line: unshaped, isInspected: true };
  const contender = await startHubWithAgent(folder, served);
  const meter = await CostMeter.attach(contender, options);
  await meter.read(warmUpCount);
  const before = await meter.read(0);
  const points: CostPoint[] = [];
  for (const streams of steps) {
    say(`cost of ${streams} streams that play and ${streams} idle ones`);
    const { cpu, bytes, bytesPerSecond } = await meter.read(streams);
    points.push({
      streams,
      bytesPerSecond,
      cpu: { hub: cpu.hub - before.cpu.hub, agent: cpu.agent - before.cpu.agent },
      bytes: { hub: bytes.hub - before.bytes.hub, agent: bytes.agent - before.bytes.agent },
    });
  }
  meter.detach();
  await contender.stop();
  await origin.stop();
  return points;
}

/** 1 where twice the streams cost twice as much, more where they cost more than that: the slope between two points, both axes logarithmic. */
export function growth(from: CostPoint, to: CostPoint, of: (point: CostPoint) => number): number {
  return Math.log(of(to) / of(from)) / Math.log(to.streams / from.streams);
}

export const cpuOf = ({ cpu }: CostPoint): number => cpu.hub + cpu.agent;
export const memoryOf = ({ bytes }: CostPoint): number => bytes.hub + bytes.agent;

class CostMeter {
  readonly #contender: Contender;
  readonly #options: CostOptions;
  readonly #hub: Watched;
  readonly #agent: Watched;

  static async attach(contender: Contender, options: CostOptions): Promise<CostMeter> {
    const { hub, agent } = programsOf(contender);
    return new CostMeter(contender, options, [
      await Watched.attach(hub),
      await Watched.attach(agent),
    ]);
  }

  private constructor(
    contender: Contender,
    options: CostOptions,
    [hub, agent]: [Watched, Watched],
  ) {
    this.#contender = contender;
    this.#options = options;
    this.#hub = hub;
    this.#agent = agent;
  }

  /** While so many play. */
  async read(streams: number): Promise<Omit<CostPoint, 'streams'>> {
    const players = new Players(this.#contender, streams, this.#options.certificate);
    await players.arePlaying;
    await after(settleMs);
    const programs = programsOf(this.#contender);
    const now = (): Ends & { bytes: number } => ({
      hub: mainThreadSeconds(programs.hub.pid),
      agent: mainThreadSeconds(programs.agent.pid),
      bytes: players.bytes,
    });
    const [from, before] = [performance.now(), now()];
    await after(this.#options.seconds * 1000);
    const [seconds, used] = [(performance.now() - from) / 1000, now()];
    const bytes = { hub: await this.#hub.bytes(), agent: await this.#agent.bytes() };
    await players.stop();
    return {
      bytesPerSecond: (used.bytes - before.bytes) / seconds,
      cpu: { hub: (used.hub - before.hub) / seconds, agent: (used.agent - before.agent) / seconds },
      bytes,
    };
  }

  detach(): void {
    for (const watched of [this.#hub, this.#agent]) watched.detach();
  }
}

class Players {
  readonly arePlaying: Promise<unknown>;
  bytes = 0;
  readonly #program: Program;

  constructor(contender: Contender, streams: number, { authorityFile }: Certificate) {
    const options = {
      '--host': visitedHost,
      '--port': String(contender.port),
      '--authority': authorityFile,
    };
    const reads = [`${streams}:${idlePath}`, `${streams}:${pacedPath}`];
    this.#program = new Program({
      command: [
        process.execPath,
        playersProgram,
        ...Object.entries(options).flat(),
        ...reads.flatMap((read) => ['--read', read]),
      ],
    });
    this.#program.onLine((line) => {
      if (line.startsWith('{')) this.bytes = (JSON.parse(line) as { bytes: number }).bytes;
    });
    this.arePlaying = this.#program.waitForLine(/^all playing$/, 120_000);
  }

  /** @throws when it ended before: then some were not served */
  async stop(): Promise<void> {
    const end = await this.#program.stop();
    if (end !== 'SIGTERM') throw new Error(`players were cut off:\n${this.#program.output}`);
  }
}

function programsOf({ programs }: Contender): { hub: Program; agent: Program } {
  const { hub, agent } = programs;
  if (hub === undefined || agent === undefined) throw new Error('only the product has both ends');
  return { hub, agent };
}

const playersProgram = fileURLToPath(new URL('players/main.ts', import.meta.url));
