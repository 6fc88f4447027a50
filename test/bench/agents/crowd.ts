// Enrolled agents arrive; a few processes hold one link of each, and how many stand leaves, with what went wrong.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Program } from '../../support/program.ts';
import type { Certificate } from '../certificate.ts';
import type { BenchHub } from '../hub-with-agent.ts';
import type { EnrolledAgent } from './enrol.ts';

/** What each process prints whenever it changes. */
export interface CrowdReport {
  readonly linked: number;
  /** Failed attempts and lost links since its start, by the agent's codes. */
  readonly failures: Readonly<Record<string, number>>;
}

export interface CrowdOptions {
  readonly hub: BenchHub;
  readonly certificate: Certificate;
  readonly folder: string;
}

/** A link is a file descriptor, and a process may have 20,000 at most where this was written; half a second of pings is no work. */
const agentsPerProcess = 2500;

export class Crowd {
  readonly #programs: readonly Program[];
  readonly #reports: CrowdReport[];
  readonly #listeners = new Set<() => void>();

  constructor(agents: readonly EnrolledAgent[], { hub, certificate, folder }: CrowdOptions) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const shares = sharesOf(agents);
    this.#reports = shares.map(() => ({ linked: 0, failures: {} }));
    this.#programs = shares.map((share, index) => {
      const file = join(folder, `${index}.json`);
      writeFileSync(file, JSON.stringify(share), { mode: 0o600 });
      const settings = {
        '--hub-url': `https://hub.localhost:${hub.port}`,
        '--tunnel-url': `wss://hub.localhost:${hub.tunnelPort}/tunnel`,
        '--authority-file': certificate.authorityFile,
        '--agents-file': file,
      };
      const program = new Program({
        command: [process.execPath, agentsProgram, ...Object.entries(settings).flat()],
      });
      program.onLine((line) => this.#note(index, line));
      return program;
    });
  }

  get linked(): number {
    return this.#reports.reduce((sum, report) => sum + report.linked, 0);
  }

  /** Since the start, by code. */
  get failures(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const { failures } of this.#reports) {
      for (const [code, times] of Object.entries(failures)) sums[code] = (sums[code] ?? 0) + times;
    }
    return sums;
  }

  /** Resolves when so many are linked, or at the deadline with false. @throws when a process ends */
  async reaches(count: number, deadlineMs: number): Promise<boolean> {
    const reached = Promise.withResolvers<boolean>();
    const look = (): void => {
      if (this.linked === count) reached.resolve(true);
    };
    const timer = setTimeout(() => reached.resolve(false), deadlineMs);
    this.#listeners.add(look);
    look();
    const ends = this.#programs.map(async (program) => {
      const end = await program.ended;
      throw new Error(`a process of idle agents ended (${end}):\n${program.output.slice(-2000)}`);
    });
    try {
      return await Promise.race([reached.promise, ...ends]);
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(look);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()));
  }

  #note(index: number, line: string): void {
    if (!line.startsWith('{"linked":')) return;
    this.#reports[index] = JSON.parse(line) as CrowdReport;
    for (const look of this.#listeners) look();
  }
}

function sharesOf(agents: readonly EnrolledAgent[]): EnrolledAgent[][] {
  const count = Math.ceil(agents.length / agentsPerProcess);
  const size = Math.ceil(agents.length / count);
  return Array.from({ length: count }, (_, index) =>
    agents.slice(index * size, (index + 1) * size),
  );
}

const agentsProgram = fileURLToPath(new URL('main.ts', import.meta.url));
