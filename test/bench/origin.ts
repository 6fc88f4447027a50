// Nothing arrives; the media server of the benchmark leaves: nginx, serving one endless film and one small answer from memory.

import { chmodSync, existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startNginx, type Nginx } from './nginx.ts';

export const bulkPath = '/film';
export const smallPath = '/small';
/** The film at one rate, as a camera or a transcoder sends it. */
export const pacedPath = '/paced';
/** Its first pages, and then nothing for an hour: nginx sends whole pages, and works each off at a byte a second. */
export const idlePath = '/idle';
/** Half a megabit: a thousand of them leave a good part of two processors idle, client and origin among those who work. */
const pacedBytesPerSecond = 64_000;

export interface BenchOrigin extends Pick<Nginx, 'port' | 'configuration'> {
  stop(): Promise<void>;
}

/** More than the fastest contender carries in a row. A hole in a file of tmpfs takes no memory, whatever its length. */
const filmBytes = 64 * 1024 ** 3;
/** A segment list, a progress report: what players ask for all the time. */
const smallBytes = 200;

export async function startBenchOrigin(): Promise<BenchOrigin> {
  const folder = memoryFolder();
  writeHole(join(folder, bulkPath));
  writeFileSync(join(folder, smallPath), 'x'.repeat(smallBytes));
  const { port, program, configuration } = await startNginx(
    folder,
    (port) => `
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=16;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${folder};
    location = ${pacedPath} {
      limit_rate ${pacedBytesPerSecond};
      try_files ${bulkPath} =404;
    }
    location = ${idlePath} {
      limit_rate 1;
      limit_rate_after 16k;
      try_files ${bulkPath} =404;
    }
  }`,
  );
  return {
    port,
    configuration,
    async stop() {
      await program.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

let hole: string | undefined;

/** As long as the film, for whoever wants to send it. */
export function endlessFile(): string {
  hole ??= writeHole(join(memoryFolder(), 'upload'));
  return hole;
}

function writeHole(path: string): string {
  writeFileSync(path, '');
  truncateSync(path, filmBytes);
  return path;
}

const folders = new Set<string>();
process.once('exit', removeFolders);

function memoryFolder(): string {
  const shared = '/dev/shm';
  const folder = mkdtempSync(join(existsSync(shared) ? shared : tmpdir(), 'phlix-bench-'));
  chmodSync(folder, 0o755);
  folders.add(folder);
  return folder;
}

function removeFolders(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
