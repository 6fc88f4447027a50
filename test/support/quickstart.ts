// A folder and a loopback of their own arrive; `npm run quickstart` leaves, started, interrupted and looked at as a person would.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { hasNamespaces, Namespace } from './namespace.ts';
import { Program } from './program.ts';
import { temporaryFolder } from './temporary-folder.ts';

type Command = [string, ...string[]];

const root = fileURLToPath(new URL('../..', import.meta.url));
/** It makes its film at the first start. */
const startDeadlineMs = 110_000;

/** Where quickstarts run one after the other on the same data. */
export class QuickstartPlace {
  readonly home: string;
  /** A loopback of its own, where 443 and 8096 are free whatever else runs on this machine. */
  readonly #namespace: Namespace | undefined;

  /** `subfolder`: how the home is called by whoever chose its name. */
  constructor(subfolder = '') {
    this.home = join(temporaryFolder('quickstart').path, subfolder);
    mkdirSync(this.home, { recursive: true, mode: 0o755 });
    if (hasNamespaces()) this.#namespace = new Namespace();
  }

  get caFile(): string {
    return join(this.home, 'phlix-hub-quickstart', 'hub', 'local-ca', 'ca.pem');
  }

  readonly inside = (command: Command): Command =>
    this.#namespace === undefined ? command : this.#namespace.inside(...command);

  /** A session of its own, so that a signal can go to all of it, as Ctrl-C in a terminal does. */
  start(environment: NodeJS.ProcessEnv = {}): Program {
    const foreign = Object.entries(process.env).filter(([name]) => !/^(HUB|PHLIX)_/.test(name));
    return new Program({
      command: this.inside(['setsid', 'npm', 'run', 'quickstart']),
      cwd: root,
      env: {
        ...Object.fromEntries(foreign),
        HOME: this.home,
        XDG_STATE_HOME: this.home,
        ...environment,
      },
    });
  }

  /** Runs a printed line as a person would who copies it into a shell beside the quickstart. */
  shell(
    line: string,
    environment: NodeJS.ProcessEnv = {},
  ): { status: number | null; stdout: string; stderr: string } {
    const [file, ...args] = this.inside(['sh', '-c', line]);
    const env = { ...process.env, ...environment };
    return spawnSync(file, args, { encoding: 'utf8', timeout: 60_000, env });
  }

  /** Every process with our folder in its environment or its command, whoever its parent is now. */
  processes(): { pid: number; command: string }[] {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const isOurs = environment.includes(this.home) || command.includes(this.home);
        return isOurs && command !== '' ? [{ pid: Number(pid), command }] : [];
      } catch {
        return [];
      }
    });
  }

  remove(): void {
    for (const { pid } of this.processes()) process.kill(pid, 'SIGKILL');
    this.#namespace?.remove();
  }
}

/** Resolves when everything is printed. */
export async function printedAddress(quickstart: Program): Promise<string> {
  const [, printed = ''] = await quickstart.waitForLine(/^ {4}(https:\S+)$/, startDeadlineMs);
  await quickstart.waitForLine(/Ctrl-C stops everything/);
  return printed;
}

export async function printedCurlLine(quickstart: Program): Promise<string> {
  const [, line = ''] = await quickstart.waitForLine(/^ {4}(curl .*)$/);
  return line;
}

/** Ctrl-C: the terminal sends it to everybody in its session's foreground. */
export function pressCtrlC(quickstart: Program): void {
  process.kill(-quickstart.pid, 'SIGINT');
}
