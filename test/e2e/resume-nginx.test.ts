import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { type Nginx, startNginx } from '../bench/nginx.ts';
import { contentBytes } from '../support/content.ts';
import { Curl } from '../support/curl.ts';
import { deploy, type Deployment } from '../support/deployment.ts';
import { Download } from '../support/download.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { Program } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// Real programs that are killed and started, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 60_000 });

const filmBytes = 6_000_000;
const film = contentBytes('film', 0, filmBytes);
/** Of which nginx has sent a third, by its own pace, while the fault strikes. */
const third = filmBytes / 3;
const weekMs = 7 * 86_400_000;

let folder: string;
let nginx: Nginx;
let server: Program;
let deployment: Deployment;
let curl: Curl;

/** As Jellyfin serves films: a date and no tag. */
const datesOnly = (port: number): string => `
  server {
    listen 127.0.0.1:${port};
    root ${folder};
    etag off;
    location / { limit_rate 3m; }
  }`;

function putFilm(bytes: Buffer, modifiedMs: number): void {
  const path = join(folder, 'film.mp4');
  writeFileSync(path, bytes);
  utimesSync(path, modifiedMs / 1000, modifiedMs / 1000);
}

async function underWay(): Promise<Download> {
  const download = new Download(curl.start(`${deployment.address}/film.mp4`));
  await download.reaches(third);
  return download;
}

async function restartAgent(): Promise<void> {
  deployment.agent.program.kill('SIGKILL');
  await deployment.agent.program.ended;
  deployment.agent.startAgain();
  await deployment.agent.reachable();
}

describe.skipIf(!hasParts('curl', 'nginx'))('a film of a server that knows dates only', () => {
  beforeAll(async () => {
    folder = temporaryFolder('dated').path;
    nginx = await startNginx(folder, datesOnly);
    server = nginx.program;
    deployment = await deploy({ originPort: nginx.port });
    curl = new Curl(deployment.hub.caFile);
  }, 90_000);
  beforeEach(() => putFilm(film, Date.now() - weekMs));
  afterAll(async () => {
    await deployment?.stop();
    await server?.stop();
  });

  test('is whole though the agent is killed', async () => {
    const download = await underWay();
    await restartAgent();
    const { exitCode, body } = await download.done;
    expect([exitCode, body.equals(film)]).toEqual([0, true]);
  });

  test('is whole though the server is started anew', async () => {
    const download = await underWay();
    await server.stop();
    const configuration = join(folder, 'nginx.conf');
    server = new Program({ command: [partPath('nginx'), '-e', 'stderr', '-c', configuration] });
    const { exitCode, body } = await download.done;
    expect([exitCode, body.equals(film)]).toEqual([0, true]);
  });

  test('ends where it was cut when the file was replaced by another of the same length', async () => {
    const download = await underWay();
    putFilm(contentBytes('another film', 0, filmBytes), Date.now() - weekMs + 1000);
    await restartAgent();
    const { exitCode, body } = await download.done;
    expect(exitCode).toBe(92);
    expect(body.equals(film.subarray(0, body.length))).toBe(true);
  });

  test('ends where it was cut when it had just been written', async () => {
    putFilm(film, Date.now());
    const download = await underWay();
    await restartAgent();
    const { exitCode, body } = await download.done;
    expect(exitCode).toBe(92);
    expect(body.length).toBeLessThan(filmBytes);
  });
});
