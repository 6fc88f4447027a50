// Settings arrive; a real hub with an agent, a film and its viewers leaves, and what each of them lived through between two looks.

import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { deploy, type Deployment, type DeploymentOptions } from '../support/deployment.ts';
import { Program } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startFilmOrigin, type FilmOrigin } from './film.ts';
import type { Welcome } from './newcomer.ts';
import type { Second } from './watch.ts';

const meterScript = new URL('meter/main.ts', import.meta.url).href;
const viewerScript = fileURLToPath(new URL('viewer/main.ts', import.meta.url));

/** Of the hub's process. */
export interface HubFigures {
  readonly beforeMb: number;
  readonly peakMb: number;
  readonly afterMb: number;
  /** Of it in use: what a collection leaves of the heap, and what objects hold outside of it. */
  readonly heldMb: number;
  readonly loopP99Ms: number;
  readonly loopWorstMs: number;
  readonly descriptors: number;
}

/** Of two viewers and of whoever came meanwhile. */
export interface ViewerFigures {
  readonly seconds: number;
  readonly stalls: number;
  readonly worstGapMs: number;
  readonly frozenSeconds: number;
  readonly newcomers: number;
  readonly newcomersRefused: number;
  readonly newcomerWorstMs: number;
}

export interface WatchedDeployment extends Deployment {
  /** Whom viewers trust. */
  readonly caFile: string;
}

export class WatchedHub {
  readonly deployment: Deployment;
  readonly #origin: FilmOrigin;
  readonly #viewer: Program;
  readonly #meterPath: string;
  #linesTold = 0;
  #beforeMb = 0;

  static async start(
    settings: Readonly<Record<string, string>>,
    deployAs: (options: DeploymentOptions) => Promise<WatchedDeployment> = deployForTrial,
  ): Promise<WatchedHub> {
    const origin = await startFilmOrigin();
    const meterPath = join(temporaryFolder('meter').path, 'socket');
    const deployment = await deployAs({
      originPort: origin.port,
      hub: {
        settings: {
          HUB_LOG_LEVEL: 'info',
          NODE_OPTIONS: `--import=${meterScript}`,
          ABUSE_METER: meterPath,
          ...settings,
        },
      },
    });
    const { caFile, address } = deployment;
    const command = [process.execPath, viewerScript, address, caFile, '/film'] as const;
    const viewer = new Program({ command: [...command] });
    await viewer.waitForLine(/^watching$/);
    return new WatchedHub(deployment, origin, viewer, meterPath);
  }

  private constructor(
    deployment: Deployment,
    origin: FilmOrigin,
    viewer: Program,
    meterPath: string,
  ) {
    this.deployment = deployment;
    this.#origin = origin;
    this.#viewer = viewer;
    this.#meterPath = meterPath;
  }

  /** From here on things count. */
  async beginLook(): Promise<void> {
    const { program } = this.deployment.hub;
    await this.#askMeter('collect');
    program.forgetPeakMemory();
    this.#beforeMb = megabytes(program.memory().bytes);
    await this.#askMeter('look');
    this.#linesTold = this.#viewerLines().length;
  }

  async endLook(): Promise<{ hub: HubFigures; viewer: ViewerFigures }> {
    const { program } = this.deployment.hub;
    const { p99Ms, worstMs } = await this.#askMeter('look');
    const { peakBytes } = program.memory();
    const { heapUsed, external } = await this.#askMeter('collect').then(() =>
      this.#askMeter('look'),
    );
    const hub = {
      beforeMb: this.#beforeMb,
      peakMb: megabytes(peakBytes),
      afterMb: megabytes(program.memory().bytes),
      heldMb: megabytes(heapUsed + external),
      loopP99Ms: Math.round(p99Ms),
      loopWorstMs: Math.round(worstMs),
      descriptors: this.descriptors(),
    };
    return { hub, viewer: sumOf(this.#viewerLines().slice(this.#linesTold)) };
  }

  /** Open files and sockets of the hub. */
  descriptors(): number {
    return readdirSync(`/proc/${this.deployment.hub.program.pid}/fd`).length;
  }

  /** Ends the films: whether every byte that came was right, and whether they had lasted until now. */
  async credits(): Promise<{ name: string; isExact: boolean; isCut: boolean }[]> {
    await this.#viewer.stop();
    return this.#lines<{ name: string; isExact: boolean; isCut: boolean }>('isExact');
  }

  async stop(): Promise<void> {
    await this.#viewer.stop();
    await this.deployment.stop();
    this.#origin.stop();
  }

  #viewerLines(): ViewerLine[] {
    return [...this.#lines<ViewerLine>('worstGapMs'), ...this.#lines<ViewerLine>('worstMs')].sort(
      (one, other) => one.at - other.at,
    );
  }

  #lines<Line>(mark: string): (Line & { at: number })[] {
    return this.#viewer.output
      .split('\n')
      .flatMap((line, at) =>
        line.includes(`"${mark}"`) ? [{ ...(JSON.parse(line) as Line), at }] : [],
      );
  }

  /** Of everything since the last time. */
  async #askMeter(question: 'look' | 'collect'): Promise<MeterReading> {
    const socket = connect(this.#meterPath).setEncoding('utf8');
    socket.write(question);
    let text = '';
    for await (const piece of socket) text += String(piece);
    return JSON.parse(text) as MeterReading;
  }
}

async function deployForTrial(options: DeploymentOptions): Promise<WatchedDeployment> {
  const deployment = await deploy(options);
  return { ...deployment, caFile: deployment.hub.caFile };
}

/** What meter/main.ts says. */
interface MeterReading {
  readonly p99Ms: number;
  readonly worstMs: number;
  readonly heapUsed: number;
  readonly external: number;
}

type ViewerLine = Partial<Second> &
  Partial<Welcome> & { readonly name: string; readonly at: number };

function sumOf(lines: readonly ViewerLine[]): ViewerFigures {
  const sum = (of: (line: ViewerLine) => number | undefined): number =>
    lines.reduce((total, line) => total + (of(line) ?? 0), 0);
  const most = (of: (line: ViewerLine) => number | undefined): number =>
    Math.max(0, ...lines.map((line) => of(line) ?? 0));
  return {
    seconds: lines.filter(({ name }) => name === 'newcomer').length,
    stalls: sum(({ stalls }) => stalls),
    worstGapMs: most(({ worstGapMs }) => worstGapMs),
    frozenSeconds: sum(({ isFrozen }) => (isFrozen === true ? 1 : 0)),
    newcomers: sum(({ answered }) => answered),
    newcomersRefused: sum(({ refused }) => refused),
    newcomerWorstMs: most(({ worstMs }) => worstMs),
  };
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
