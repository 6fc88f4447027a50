// A folder arrives; a film lies in it and nginx serves it as media servers do; what players get of it leaves, to be compared.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { type Nginx, startNginx } from '../bench/nginx.ts';
import { partPath } from '../support/parts.ts';
import { withPrivateHosts } from '../support/private-hosts.ts';

const seconds = 10;
const picture = `testsrc2=size=640x360:rate=24:duration=${seconds}`;
const sound = `sine=frequency=440:duration=${seconds}`;

export class Film {
  readonly file: string;
  readonly #nginx: Nginx;

  static async make(folder: string): Promise<Film> {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'film.mp4');
    const input = ['-f', 'lavfi', '-i', picture, '-f', 'lavfi', '-i', sound];
    const codecs = ['-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '4M', '-c:a', 'aac'];
    // The index stays at the end: a player has to ask for ranges to find it.
    await run(partPath('ffmpeg'), ['-nostdin', '-v', 'error', '-y', ...input, ...codecs, file]);
    const nginx = await startNginx(
      folder,
      (port) => `
  types { video/mp4 mp4; }
  server { listen 127.0.0.1:${port}; root ${folder}; }`,
    );
    return new Film(file, nginx);
  }

  private constructor(file: string, nginx: Nginx) {
    this.file = file;
    this.#nginx = nginx;
  }

  get port(): number {
    return this.#nginx.port;
  }

  get bytes(): Buffer {
    return readFileSync(this.file);
  }

  async stop(): Promise<void> {
    await this.#nginx.program.stop();
  }

  /** One line for each decoded frame, with a hash of its pixels or samples. */
  async framesHere(): Promise<string[]> {
    return frames(this.file, []);
  }

  /** The same, as a player sees it who checks the certificate. */
  async framesAt(address: string, caFile: string): Promise<string[]> {
    const trusting = ['-tls_verify', '1', '-ca_file', caFile];
    return frames(`${address}/film.mp4`, trusting);
  }
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function frames(input: string, options: readonly string[]): Promise<string[]> {
  const { hostname } = URL.canParse(input) ? new URL(input) : { hostname: 'localhost' };
  const words = [
    '-nostdin',
    '-v',
    'error',
    ...options,
    '-i',
    input,
    '-map',
    '0',
    '-f',
    'framemd5',
    '-',
  ];
  const [file, ...rest] = withPrivateHosts([hostname], partPath('ffmpeg'), ...words);
  const { stdout } = await run(file, rest, { timeout: 120_000, maxBuffer: 2 ** 24 });
  return stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

const run = promisify(execFile);
