// A command arrives; it leaves as a running program whose lines can be waited for and which is gone, by its pid, when the test is.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

import { within } from './deadline.ts';

export interface ProgramOptions {
  /** First word the program, found on PATH. */
  readonly command: readonly [string, ...string[]];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Enough to explain a failure; a program that prints more loses its beginning. */
const maxOutputChars = 1024 * 1024;
/** A start takes two seconds alone, and many times that beside the other suites on two cores. */
const defaultDeadlineMs = 60_000;
const stopPatienceMs = 10_000;
const running = new Set<Program>();
process.once('exit', killAll);

export class Program {
  readonly pid: number;
  /** Resolves once the process is gone and its output complete: exit code, or the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals>;
  readonly #process: ChildProcess;
  readonly #name: string;
  readonly #listeners = new Set<() => void>();
  readonly #lineListeners = new Set<(line: string) => void>();
  #output = '';
  #unfinishedLine = '';
  #end: number | NodeJS.Signals | undefined;

  constructor({ command: [file, ...args], env, cwd }: ProgramOptions) {
    this.#name = [file, ...args].join(' ');
    this.#process = spawn(file, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    this.pid = this.#process.pid ?? 0;
    running.add(this);
    this.ended = new Promise((resolve) => {
      this.#process.once('error', (error) => this.#append(`${error.message}\n`));
      this.#process.once('close', (code, signal) => {
        running.delete(this);
        this.#end = signal ?? code ?? 1;
        this.#wake();
        resolve(this.#end);
      });
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#append(text));
    }
    this.#process.stdout?.on('data', (text: string) => this.#split(text));
  }

  /** Each whole line of its standard output from now on, however much there is. */
  onLine(listener: (line: string) => void): void {
    this.#lineListeners.add(listener);
  }

  /** What it printed, both streams as they came. */
  get output(): string {
    return this.#output;
  }

  /**
   * The first line that matches, printed already or yet to come.
   * @throws with all output when the program ends, or the deadline passes, without one
   */
  waitForLine(pattern: RegExp, deadlineMs = defaultDeadlineMs): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const finish = (conclude: () => void): void => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        conclude();
      };
      const fail = (why: string): void => {
        finish(() => reject(new Error(`${this.#name}: ${why}\n${this.#output}`)));
      };
      const look = (): void => {
        const found = firstMatch(this.#output, pattern);
        if (found !== undefined) finish(() => resolve(found));
        else if (this.#end !== undefined) fail(`ended (${this.#end}) without ${pattern}`);
      };
      const timer = setTimeout(() => fail(`no ${pattern} within ${deadlineMs} ms`), deadlineMs);
      this.#listeners.add(look);
      look();
    });
  }

  /** `ended`, for a program that was told to end. @throws with all output when it does not */
  async end(deadlineMs = defaultDeadlineMs): Promise<number | NodeJS.Signals> {
    return within(this.ended, deadlineMs, () => `the end of ${this.#name}\n${this.#output}`);
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** SIGTERM, then SIGKILL for one that does not listen. Resolves with how it ended. */
  async stop(): Promise<number | NodeJS.Signals> {
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), stopPatienceMs);
    try {
      return await this.end();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resident memory now, and at its highest, from /proc. */
  memory(): { bytes: number; peakBytes: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const kilobytes = (field: string): number =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
    return { bytes: kilobytes('VmRSS') * 1024, peakBytes: kilobytes('VmHWM') * 1024 };
  }

  /** From here on `peakBytes` counts anew: proc(5), clear_refs. */
  forgetPeakMemory(): void {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
  }

  #split(text: string): void {
    if (this.#lineListeners.size === 0) return;
    const lines = (this.#unfinishedLine + text).split('\n');
    this.#unfinishedLine = lines.pop() ?? '';
    for (const line of lines) for (const listener of this.#lineListeners) listener(line);
  }

  #append(text: string): void {
    this.#output = (this.#output + text).slice(-maxOutputChars);
    this.#wake();
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
  }
}

function firstMatch(output: string, pattern: RegExp): RegExpExecArray | undefined {
  for (const line of output.split('\n')) {
    const match = pattern.exec(line);
    if (match !== null) return match;
  }
  return undefined;
}

function killAll(): void {
  for (const program of running) program.kill('SIGKILL');
}
