// A plan arrives; all contenders are started on each line, measured in turn, the hub alone is measured after them, and a sheet of figures leaves.

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
import { measureCost, type CostPoint } from './cost.ts';
import { Sheet, type Figure, type Values } from './figures.ts';
import { handshakeFigures, measureHandshakes } from './handshakes.ts';
import { raisedLimits, startHubWithAgent } from './hub-with-agent.ts';
import { limitsOfCrowd, measureIdleAgents } from './idle-agents.ts';
import { measureIdleStreams } from './idle-streams.ts';
import {
  costFigures,
  costValues,
  idleAgentFigures,
  idleAgentValues,
  idleStreamFigures,
  type Measurement,
} from './measurements.ts';
import { startNginxAlone } from './nginx-alone.ts';
import type { Part, Plan } from './plan.ts';
import { profiled } from './profile.ts';
import { startSshBehindNginx } from './ssh-behind-nginx.ts';
import { measureStarts, startFigures, startValues } from './start.ts';
import { stagesOf, type Stage, type StageOrigin } from './stages.ts';
import { visitorTls } from './surroundings.ts';

export interface BenchOptions {
  readonly plan: Plan;
  /** Where profiles of hub and agent go, if they are wanted. */
  readonly profileFolder: string | undefined;
  readonly sshCipher: string | undefined;
  readonly say: (line: string) => void;
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
  /** Of the steps of load, for their chart. */
  cost: readonly CostPoint[] = [];
  readonly #options: BenchOptions;
  readonly #folder = temporaryFolder('bench');
  readonly #startedAt = performance.now();

  constructor(options: BenchOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { plan } = this.#options;
    const certificate = await makeCertificate(this.#folder.path);
    for (const stage of stagesOf(plan, certificate)) await this.#stage(stage, certificate);
    await this.#hubAlone('streams', () => this.#idleStreams(certificate));
    for (const count of plan.idleAgents)
      await this.#hubAlone('agents', () => this.#idleAgents(count, certificate));
    await this.#handshakes();
    await this.#hubAlone('cost', () => this.#cost(certificate));
    await this.#hubAlone('start', () => this.#starts(certificate));
    this.sheet.addRatios(this.figures);
    this.#folder.remove();
  }

  async #stage(stage: Stage, certificate: Certificate): Promise<void> {
    const { title, measurements, rounds, warmUp } = stage;
    const { plan, say } = this.#options;
    const origin = await stage.startOrigin();
    if (stage.isIntroduced)
      say(`\norigin, and the film it serves:\n${indented(origin.configuration)}`);
    const contenders = await this.#start(stage, origin, certificate);
    this.figures.push(...measurements.flatMap(({ figures }) => figures));
    const startedAt = this.#elapsedMs();
    if (warmUp !== undefined) await this.#warmUp(warmUp, contenders);
    for (let round = 1; round <= rounds; round += 1) {
      if (round > 1 && this.#elapsedMs() - startedAt > plan.budgetMs) {
        say('the time is used up: fewer rounds than planned');
        break;
      }
      this.#step(`${title}: round ${round} of ${rounds}`);
      for (const measurement of measurements) {
        for (const contender of contenders) await this.#take(measurement, contender);
      }
    }
    for (const contender of contenders) await contender.stop();
    await origin.stop();
  }

  /** Only the first stage says how they are set up: on the other lines ports differ, and nothing else. */
  async #start(
    { id, line, isIntroduced }: Stage,
    { port: originPort }: StageOrigin,
    certificate: Certificate,
  ): Promise<Contender[]> {
    const { profileFolder, sshCipher, say } = this.#options;
    const isInspected = profileFolder !== undefined;
    const contenders: Contender[] = [];
    for (const [name, start] of Object.entries(starts)) {
      const folder = join(this.#folder.path, id, name);
      mkdirSync(folder, { recursive: true });
      const options = { originPort, certificate, line, isInspected, sshCipher };
      const contender = await start(folder, options);
      contenders.push(contender);
      if (!isIntroduced) continue;
      say(`${contenderTitles[contender.name]}: ${await visitorTls(contender, certificate)}`);
      say(indented(contender.configuration));
    }
    if (isIntroduced) say(`raised for one client: ${Object.keys(raisedLimits).join(', ')}\n`);
    return contenders;
  }

  /** A hub runs for months: what its first seconds cost while code is being compiled is no figure of anything. */
  async #warmUp(measurement: Measurement, contenders: readonly Contender[]): Promise<void> {
    this.#step('some seconds of work for each that do not count');
    for (const contender of contenders) await measurement.take(contender);
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

  async #hubAlone(part: Part, measure: () => Promise<Values>): Promise<void> {
    if (!this.#options.plan.parts.has(part)) return;
    try {
      this.sheet.add('hub', await measure());
    } catch (error) {
      this.#miss(part, error);
    }
  }

  async #idleStreams(certificate: Certificate): Promise<Values> {
    const streams = this.#options.plan.idleStreams;
    this.#step(`memory of ${streams} idle streams`);
    this.figures.push(...idleStreamFigures);
    const folder = join(this.#folder.path, 'streams');
    const memory = await measureIdleStreams(folder, { streams, certificate });
    return {
      'memory.stream.hub': memory.hubBytesPerStream / 1000,
      'memory.stream.agent': memory.agentBytesPerStream / 1000,
    };
  }

  async #idleAgents(count: number, certificate: Certificate): Promise<Values> {
    const { plan, say } = this.#options;
    this.#step(`${count} idle agents; raised: ${Object.keys(limitsOfCrowd).join(', ')}`);
    this.figures.push(...idleAgentFigures(count));
    const folder = join(this.#folder.path, `agents-${count}`);
    const { restSeconds } = plan;
    const taken = await measureIdleAgents(folder, { count, restSeconds, certificate, say });
    if (taken.life !== undefined) {
      const { missing, failedAttempts } = taken.life.comeback;
      const failed = JSON.stringify(failedAttempts);
      say(`${count - missing} came back; failed attempts by code: ${failed}`);
    }
    return idleAgentValues(count, taken);
  }

  async #handshakes(): Promise<void> {
    const { plan, say } = this.#options;
    if (!plan.parts.has('handshakes')) return;
    const { handshakeCertificates: counts, handshakeRounds, handshakeSeconds } = plan;
    this.#step(`handshakes with ${counts.join(' and ')} certificates loaded, X25519 at both`);
    this.figures.push(...handshakeFigures(counts));
    try {
      await measureHandshakes(join(this.#folder.path, 'handshakes'), {
        counts,
        rounds: handshakeRounds,
        seconds: handshakeSeconds,
        add: (contender, values) => this.sheet.add(contender, values),
        say,
      });
    } catch (error) {
      this.#miss('handshakes', error);
    }
  }

  async #cost(certificate: Certificate): Promise<Values> {
    const { costSteps: steps, costSeconds: seconds } = this.#options.plan;
    this.#step(`cost of ${steps.join(', ')} streams`);
    this.figures.push(...costFigures(steps));
    const folder = join(this.#folder.path, 'cost');
    const { say } = this.#options;
    this.cost = await measureCost(folder, { steps, seconds, certificate, say });
    return costValues(this.cost);
  }

  async #starts(certificate: Certificate): Promise<Values> {
    const { startRounds: rounds, startRestSeconds: restSeconds } = this.#options.plan;
    this.#step(`${rounds} starts of hub and agent, and what they hold at rest`);
    this.figures.push(...startFigures);
    const folder = join(this.#folder.path, 'start');
    const [once = {}, ...each] = startValues(
      await measureStarts(folder, { rounds, restSeconds, certificate }),
    );
    for (const values of each) this.sheet.add('hub', values);
    return once;
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

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^(?=.)/gm, '    ');
}
