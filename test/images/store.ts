// Words for buildah arrive; images leave, in a store of this tree's own that the machine's other images never meet.

import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { partPath } from '../support/parts.ts';

/** What an image says of itself, as far as it is run or judged here. */
export interface ImageConfig {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly WorkingDir?: string;
  readonly StopSignal?: string;
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly Healthcheck?: { readonly Test: readonly string[] };
}

export interface Built {
  readonly seconds: number;
  readonly log: string;
}

export class ImageStore {
  /** `overlay` where this kernel lends it, else `vfs`, which copies every layer whole: minutes in place of seconds. */
  readonly driver: 'overlay' | 'vfs';
  readonly #options: readonly string[];
  readonly #containers = new Set<string>();

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.driver = hasOverlay(folder) ? 'overlay' : 'vfs';
    const root = join(folder, this.driver);
    this.#options = ['--root', root, '--runroot', `${root}-run`, '--storage-driver', this.driver];
  }

  /** Whoever was killed left containers mounted; nobody else uses this store. */
  async tidy(): Promise<void> {
    await this.#run('rm', '--all');
  }

  has(image: string): boolean {
    const { status } = spawnSync(partPath('buildah'), [
      ...this.#options,
      'inspect',
      '--type=image',
      image,
    ]);
    return status === 0;
  }

  /** @throws with what the build said last */
  async build(
    image: string,
    file: string,
    context: string,
    options: readonly string[],
  ): Promise<Built> {
    const began = performance.now();
    // Healthchecks exist in Docker's format only.
    const fixed = ['--isolation=chroot', '--format=docker', '--layers', '--pull-never'];
    const words = ['build', ...fixed, ...options, '--tag', image, '--file', file, context];
    const log = await this.#said(words);
    return { seconds: (performance.now() - began) / 1000, log };
  }

  /** A container made of a folder's content alone, kept under a name. */
  async commitFolder(image: string, folder: string): Promise<void> {
    const container = await this.#run('from', 'scratch');
    await this.#run('add', '--quiet', container, folder, '/');
    await this.#run('config', '--cmd', 'node', container);
    await this.#run('commit', '--quiet', '--format=docker', container, image);
    await this.#run('rm', container);
  }

  async config(image: string): Promise<ImageConfig> {
    const inspected = JSON.parse(await this.#run('inspect', '--type=image', image)) as {
      Docker: { config: ImageConfig };
    };
    return inspected.Docker.config;
  }

  /** A folder with the image's files, until `close`. */
  async mount(image: string): Promise<string> {
    const container = await this.#run('from', '--pull-never', image);
    this.#containers.add(container);
    return this.#run('mount', container);
  }

  async close(): Promise<void> {
    for (const container of this.#containers) await this.#run('rm', container);
    this.#containers.clear();
  }

  async #run(...words: readonly string[]): Promise<string> {
    const { stdout } = await run(partPath('buildah'), [...this.#options, ...words], {
      maxBuffer: 2 ** 24,
    });
    return stdout.trim();
  }

  async #said(words: readonly string[]): Promise<string> {
    const child = spawn(partPath('buildah'), [...this.#options, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        log += text;
      });
    }
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (ended) => resolve(ended ?? -1));
    });
    if (code !== 0) throw new Error(`buildah ${words.join(' ')}: ${log.slice(-4000)}`);
    return log;
  }
}

const run = promisify(execFile);

/** Whether a kernel knows it says little: containers may not mount, and some file systems cannot lie below. */
function hasOverlay(folder: string): boolean {
  if (!readFileSync('/proc/filesystems', 'utf8').includes('overlay')) return false;
  const trial = mkdtempSync(join(folder, 'trial-'));
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) =>
    join(trial, name),
  );
  for (const path of [lower, upper, work, merged]) mkdirSync(path ?? '');
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  const script = 'mount -t overlay overlay -o "$1" "$2"';
  const { status } = spawnSync('unshare', [
    '--mount',
    'sh',
    '-c',
    script,
    'sh',
    options,
    merged ?? '',
  ]);
  rmSync(trial, { recursive: true, force: true });
  return status === 0;
}
