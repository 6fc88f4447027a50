// A folder that holds a Linux arrives, such as this machine's own; a machine leaves that can be changed, whose changes nobody else sees and that is gone with its process.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { temporaryFolder } from '../support/temporary-folder.ts';

export interface Ran {
  readonly code: number;
  readonly output: string;
}

const systemctl = fileURLToPath(new URL('systemctl.sh', import.meta.url));

export class Machine {
  readonly #pid: number;
  readonly #root: string;
  readonly #end: () => Promise<void>;

  /**
   * Needs root. `lower` is looked through, and never written to; `folders` are seen inside at the same place, read-only. With
   * `runsSystemd` the machine has what install.sh takes for systemd.
   */
  static async start(options: {
    lower?: string;
    folders?: readonly string[];
    runsSystemd?: boolean;
  }): Promise<Machine> {
    const { lower = '/', folders = [], runsSystemd = false } = options;
    const folder = temporaryFolder('machine');
    const root = `${folder.path}/root`;
    const script = [
      'set -e',
      `mount -t tmpfs none ${folder.path}`,
      `mkdir ${folder.path}/upper ${folder.path}/work ${root}`,
      `mount -t overlay overlay -o lowerdir=${lower},upperdir=${folder.path}/upper,workdir=${folder.path}/work ${root}`,
      `mount -t proc proc ${root}/proc`,
      `mount -t tmpfs none ${root}/tmp && chmod 1777 ${root}/tmp`,
      `mount -t tmpfs none ${root}/run`,
      // Of the devices those that programs ask for, as the kernel has them.
      `mount --bind /dev ${root}/dev`,
      ...folders.map(
        (path) =>
          `mkdir -p ${root}${path} && mount --bind ${path} ${root}${path} && mount -o remount,bind,ro ${root}${path}`,
      ),
      'ip link set lo up',
      ...(runsSystemd
        ? [
            `mkdir -p ${root}/run/systemd/system`,
            `install -m 0755 ${systemctl} ${root}/usr/bin/systemctl`,
          ]
        : []),
      'echo up',
      // Process 1 has to bury what nobody else waits for, or what was stopped would seem to live on.
      'sleep infinity & wait',
    ].join('\n');
    const child = spawn(
      'unshare',
      ['--mount', '--net', '--pid', '--fork', '--kill-child', 'sh', '-c', script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const over = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), over]);
    if (child.exitCode !== null) throw new Error(`no machine could be made on ${lower}`);
    return new Machine(innerPid(child.pid ?? 0), root, async () => {
      child.kill('SIGKILL');
      await over;
      folder.remove();
    });
  }

  private constructor(pid: number, root: string, end: () => Promise<void>) {
    this.#pid = pid;
    this.#root = root;
    this.#end = end;
  }

  /** A command in it, as root, with an environment of its own. */
  async run(command: readonly string[], environment: Record<string, string> = {}): Promise<Ran> {
    const words = [
      '--target',
      String(this.#pid),
      '--mount',
      '--net',
      '--pid',
      'chroot',
      this.#root,
    ];
    const env = {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ...environment,
    };
    return new Promise((resolve) => {
      execFile('nsenter', [...words, ...command], { env }, (error, stdout, stderr) => {
        const code = typeof error?.code === 'number' ? error.code : error === null ? 0 : 1;
        resolve({ code, output: `${stdout}${stderr}` });
      });
    });
  }

  async sh(script: string): Promise<Ran> {
    return this.run(['sh', '-c', script]);
  }

  async stop(): Promise<void> {
    await this.#end();
  }
}

/** `unshare --fork` waits outside; its child is process 1 inside. */
function innerPid(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}
