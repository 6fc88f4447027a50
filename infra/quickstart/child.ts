// A program of ours arrives; it leaves as a child that logs to a file, can be waited for, and never outlives the quickstart.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Program {
  /** As the person at the screen knows it: hub, agent, media server. */
  readonly name: string;
  /** The `.ts` file and its arguments. */
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
}

export class Child {
  readonly name: string;
  readonly logFile: string;
  readonly #process: ChildProcess;
  #end: string | undefined;

  constructor(program: Program) {
    this.name = program.name;
    this.logFile = program.logFile;
    // Emptied at each start: what is shown after a failure is of this run. 0600, as logs name visitors' addresses.
    const log = openSync(program.logFile, 'w', 0o600);
    this.#process = spawn(process.execPath, ['--import', leash, ...program.command], {
      // A group of its own: Ctrl-C reaches the quickstart alone, which then stops its children in order.
      detached: true,
      env: program.env,
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.#process.once('error', (error) => (this.#end ??= error.message));
    this.#process.once('exit', (code, signal) => {
      this.#end ??= signal === null ? `exit code ${code}` : `signal ${signal}`;
    });
  }

  /** How it ended (`exit code 78`), or undefined while it runs. */
  get end(): string | undefined {
    return this.#end;
  }

  lastLines(count: number): string[] {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-count);
  }

  /** Resolves with how it ended. */
  async ended(): Promise<string> {
    if (this.#end === undefined) await once(this.#process, 'exit');
    return this.#end ?? '';
  }

  /** Asks it to stop; kills it when it has not within `patienceMs`. */
  async stop(patienceMs: number): Promise<void> {
    if (this.#end !== undefined) return;
    const deadline = new AbortController();
    this.#process.kill('SIGTERM');
    const inTime = await Promise.race([
      this.ended().then(() => true),
      sleep(patienceMs, false, { signal: deadline.signal }),
    ]);
    deadline.abort();
    if (inTime) return;
    this.kill();
    await this.ended();
  }

  /** With all that is still in its group: nobody else is left to end an ffmpeg or an initdb. */
  kill(): void {
    const { pid } = this.#process;
    if (pid === undefined || this.#end !== undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      this.#process.kill('SIGKILL');
    }
  }
}

const leash = new URL('leash.ts', import.meta.url).href;
