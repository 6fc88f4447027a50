// An image's files and what it says of itself arrive; a process leaves that lives in them as it would in a container: hardened, and alone.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { Program } from '../support/program.ts';
import type { ImageConfig } from './store.ts';

export interface ContainerOptions {
  /** The image's files; nothing in there can be written to. */
  readonly root: string;
  readonly config: ImageConfig;
  /** Folders of this machine by the place where the container sees them. */
  readonly volumes: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** In place of what the image does by itself. */
  readonly words?: readonly string[];
}

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * What `read_only`, `cap_drop: [ALL]`, `no-new-privileges`, `tmpfs: /tmp` and a pid namespace of its own make of it; the network is the
 * machine's. Mounts go with the namespace, so a run that is killed leaves nothing behind.
 */
const script = `set -e
root=$1 user=$2 group=$3 folder=$4 count=$5; shift 5
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755,size=64k tmpfs "$root/dev"
for node in null zero random urandom; do : > "$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"; done
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/tmp"
for file in hosts resolv.conf; do [ ! -e "$root/etc/$file" ] || mount --bind "/etc/$file" "$root/etc/$file"; done
while [ "$count" -gt 0 ]; do mount --bind "$1" "$root$2"; shift 2; count=$((count - 1)); done
mount -o remount,bind,ro "$root"
exec chroot "$root" /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$folder" \\
  setpriv --reuid "$user" --regid "$group" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
`;

export class Container {
  readonly #options: ContainerOptions;
  readonly #program: Program;
  readonly startedAt = performance.now();

  constructor(options: ContainerOptions) {
    this.#options = options;
    const { root, config, volumes } = options;
    const [user = '0', group = user] = (config.User ?? '').split(':');
    const words = [...(config.Entrypoint ?? []), ...(options.words ?? [])];
    const mounts = Object.entries(volumes).flatMap(([inside, outside]) => [outside, inside]);
    const numbers = [config.WorkingDir ?? '/', String(Object.keys(volumes).length)];
    this.#program = new Program({
      command: [
        '/usr/bin/unshare',
        '--mount',
        '--pid',
        '--fork',
        '--kill-child',
        '--propagation=private',
        '/bin/sh',
        '-c',
        script,
        'sh',
        root,
        user,
        group,
        ...numbers,
        ...mounts,
        ...words,
      ],
      env: this.#environment(),
    });
  }

  get program(): Program {
    return this.#program;
  }

  /** Milliseconds from its start to this line. */
  async line(pattern: RegExp): Promise<{ ms: number; text: string }> {
    const [text] = await this.#program.waitForLine(pattern);
    return { ms: Math.round(performance.now() - this.startedAt), text };
  }

  /** Another command in the running container, as `docker exec` and healthchecks do. */
  async exec(...words: [string, ...string[]]): Promise<Ran> {
    const [user = '0', group = user] = (this.#options.config.User ?? '').split(':');
    const enter = ['--target', String(this.pid), '--mount', '--pid', '--root', '--wd'];
    const command = [...enter, 'setpriv', '--reuid', user, '--regid', group, '--clear-groups'];
    return new Promise((resolve) => {
      execFile(
        '/usr/bin/nsenter',
        [...command, '--no-new-privs', '--bounding-set=-all', ...words],
        { env: this.#environment(), timeout: 60_000 },
        (error, stdout, stderr) => {
          const exitCode = error === null ? 0 : Number(error.code ?? -1);
          resolve({ exitCode, stdout, stderr });
        },
      );
    });
  }

  /** What its own HEALTHCHECK says. @throws when it has none */
  async healthcheck(): Promise<Ran> {
    const [kind, program, ...words] = this.#options.config.Healthcheck?.Test ?? [];
    if (kind !== 'CMD' || program === undefined) throw new Error('the image has no healthcheck');
    return this.exec(program, ...words);
  }

  /** Process 1 of the container, as the machine knows it. */
  get pid(): number {
    const { pid } = this.#program;
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ', 1)[0]);
  }

  get residentBytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  }

  /** As the engine does: the image's own signal to process 1. Resolves with the exit code, and how long it took. */
  async stop(): Promise<{ exitCode: number | NodeJS.Signals; ms: number }> {
    const began = performance.now();
    process.kill(this.pid, this.#options.config.StopSignal ?? 'SIGTERM');
    const exitCode = await this.#program.end();
    return { exitCode, ms: Math.round(performance.now() - began) };
  }

  /** For one that nobody waits for any more. It is killed itself: changing its user, it forgot to end with its parent. */
  async kill(): Promise<void> {
    try {
      process.kill(this.pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
    await this.#program.stop();
  }

  #environment(): Record<string, string> {
    const own = (this.#options.config.Env ?? []).map((line) => {
      const equals = line.indexOf('=');
      return [line.slice(0, equals), line.slice(equals + 1)];
    });
    const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    return { PATH: path, ...Object.fromEntries(own), ...this.#options.env };
  }
}
