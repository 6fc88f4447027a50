// A plan arrives; all contenders are started on each line, measured in turn, and a sheet of figures leaves.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeCertificate, type Certificate } from './certificate.ts';
import {
  contenderTitles,
  type Contender,
  type ContenderName,
  type ContenderOptions,
} from './contender.ts';
import { Sheet, type Figure } from './figures.ts';
import { raisedLimits, startHubWithAgent } from './hub-with-agent.ts';
import {
  memoryFigures,
  requestsOf,
  throughputOf,
  underLoadOn,
  type Measurement,
} from './measurements.ts';
import { measureIdleMemory } from './memory.ts';
import { startNginxAlone } from './nginx-alone.ts';
import { startBenchOrigin, type BenchOrigin } from './origin.ts';
import type { Plan } from './plan.ts';
import { profiled } from './profile.ts';
import { measureRequests } from './requests.ts';
import { shapedLines, unshaped, type LineSpec } from './shaped-line.ts';
import { startSshBehindNginx } from './ssh-behind-nginx.ts';
import { visitorTls } from './surroundings.ts';

export interface BenchOptions {
  readonly plan: Plan;
  /** Where profiles of hub and agent go, if they are wanted. */
  readonly profileFolder: string | undefined;
  readonly sshCipher: string | undefined;
  readonly say: (line: string) => void;
}

interface Stage {
  readonly line: LineSpec;
  readonly measurements: readonly Measurement[];
  readonly rounds: number;
}

const starts: Record<
  ContenderName,
  (folder: string, options: ContenderOptions) => Promise<Contender>
> = { nginx: startNginxAlone, ssh: startSshBehindNginx, hub: startHubWithAgent };

export class Bench {
  readonly sheet = new Sheet();
  readonly figures: Figure[] = [];
  /** What could not be measured, and why. */
  readonly problems: string[] = [];
  readonly #options: BenchOptions;
  readonly #folder = temporaryFolder('bench');
  readonly #startedAt = performance.now();

  constructor(options: BenchOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { plan, say } = this.#options;
    const certificate = await makeCertificate(this.#folder.path);
    const origin = await startBenchOrigin();
    say(`\norigin of all contenders, and the film it serves:\n${indented(origin.configuration)}`);
    for (const stage of stagesOf(plan, certificate)) await this.#stage(stage, origin, certificate);
    await origin.stop();
    await this.#memory(certificate);
    this.#folder.remove();
  }

  async #stage(stage: Stage, origin: BenchOrigin, certificate: Certificate): Promise<void> {
    const { line, measurements, rounds } = stage;
    const { plan, say } = this.#options;
    const contenders = await this.#start(line, origin, certificate);
    this.figures.push(...measurements.flatMap(({ figures }) => figures));
    if (line === unshaped) await this.#warmUp(contenders);
    for (let round = 1; round <= rounds; round += 1) {
      if (round > 1 && this.#elapsedMs() > plan.budgetMs) {
        say('the time is used up: fewer rounds than planned');
        break;
      }
      this.#step(`${line.title}: round ${round} of ${rounds}`);
      for (const measurement of measurements) {
        for (const contender of contenders) await this.#take(measurement, contender);
      }
    }
    for (const contender of contenders) await contender.stop();
  }

  /** Only the first stage says how they are set up: on the other lines ports differ, and nothing else. */
  async #start(
    line: LineSpec,
    { port: originPort }: BenchOrigin,
    certificate: Certificate,
  ): Promise<Contender[]> {
    const { profileFolder, sshCipher, say } = this.#options;
    const isInspected = profileFolder !== undefined;
    const contenders: Contender[] = [];
    for (const [name, start] of Object.entries(starts)) {
      const folder = join(this.#folder.path, line.id, name);
      mkdirSync(folder, { recursive: true });
      const options = { originPort, certificate, line, isInspected, sshCipher };
      const contender = await start(folder, options);
      contenders.push(contender);
      if (line !== unshaped) continue;
      say(`${contenderTitles[contender.name]}: ${await visitorTls(contender, certificate)}`);
      say(indented(contender.configuration));
    }
    if (line === unshaped) say(`raised for one client: ${Object.keys(raisedLimits).join(', ')}\n`);
    return contenders;
  }

  /** A hub runs for months: what its first seconds cost while code is being compiled is no figure of anything. */
  async #warmUp(contenders: readonly Contender[]): Promise<void> {
    const seconds = this.#options.plan.requestSeconds;
    this.#step(`${seconds} s of requests to each that do not count`);
    for (const contender of contenders)
      await measureRequests(contender, { connections: 32, seconds });
  }

  async #take(measurement: Measurement, contender: Contender): Promise<void> {
    const { profileFolder } = this.#options;
    try {
      const take = (): ReturnType<Measurement['take']> => measurement.take(contender);
      const isProfiled = profileFolder !== undefined && contender.name === 'hub';
      const values = isProfiled
        ? await profiled(contender, { take, prefix: join(profileFolder, measurement.id) })
        : await take();
      this.sheet.add(contender.name, values);
    } catch (error) {
      this.#miss(`${measurement.id} of ${contenderTitles[contender.name]}`, error);
    }
  }

  async #memory(certificate: Certificate): Promise<void> {
    const { plan } = this.#options;
    const { idleTunnels: tunnels, idleStreams: streams } = plan;
    this.#step(`memory of ${tunnels} idle tunnels and ${streams} idle streams`);
    this.figures.push(...memoryFigures);
    try {
      const folder = join(this.#folder.path, 'memory');
      const memory = await measureIdleMemory(folder, { tunnels, streams, certificate });
      this.sheet.add('hub', {
        'memory.tunnel': memory.hubBytesPerTunnel / 1000,
        'memory.stream.hub': memory.hubBytesPerStream / 1000,
        'memory.stream.agent': memory.agentBytesPerStream / 1000,
      });
    } catch (error) {
      this.#miss('memory', error);
    }
  }

  #elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  #step(what: string): void {
    this.#options.say(`${(this.#elapsedMs() / 1000).toFixed(0).padStart(4)} s  ${what}`);
  }

  #miss(what: string, error: unknown): void {
    const problem = `${what}: ${error instanceof Error ? error.message : String(error)}`;
    this.problems.push(problem);
    this.#options.say(problem);
  }
}

function stagesOf(plan: Plan, certificate: Certificate): Stage[] {
  const throughput = { seconds: plan.throughputSeconds, certificate };
  const requests = { seconds: plan.requestSeconds };
  const load = { seconds: plan.loadSeconds, certificate };
  const rows = [
    ...[1, 16].map((streams) => throughputOf(streams, throughput)),
    ...[1, 32, 256].map((connections) => requestsOf(connections, requests)),
    ...(plan.hasUnshapedLoad ? [underLoadOn(unshaped, load)] : []),
  ];
  return [
    { line: unshaped, measurements: rows, rounds: plan.rounds },
    ...shapedLines.map((line) => ({
      line,
      measurements: [underLoadOn(line, load)],
      rounds: plan.loadRounds,
    })),
  ];
}

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^(?=.)/gm, '    ');
}
