import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createDemoServer } from '../../infra/quickstart/demo/server.ts';
import { AcmeHub } from '../support/acme-hub.ts';
import { Curl } from '../support/curl.ts';
import { AgentProcess } from '../support/deployment.ts';
import { Download } from '../support/download.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { openTrustingBrowser } from '../support/trusting-browser.ts';

const movies = 'movies.phlix.localhost';
/** The film is longer than a certificate lives, so that it is renewed in the middle of it, and once more. */
const filmSeconds = 45;
const certificateLifeSeconds = 36;
const soon = { timeout: 60_000, interval: 250 };

describe.skipIf(!hasParts('pebble', 'curl', 'ffmpeg', 'chromium', 'certutil'))(
  'while a film plays',
  () => {
    let file: string;
    let origin: Server;
    let acme: AcmeHub;
    let agent: AgentProcess;
    let browser: Browser;

    beforeAll(async () => {
      file = makeFilm();
      origin = createDemoServer({
        mp4: file,
        hls: undefined,
        seconds: filmSeconds,
        madeBy: 'ffmpeg',
      });
      origin.listen(0, '127.0.0.1');
      await once(origin, 'listening');
      acme = await AcmeHub.start({ challenge: 'http-01', pebble: { certificateLifeSeconds } });
      const token = await acme.hub.createToken('--label', 'movies');
      const settings = { PHLIX_HUB_CA_FILE: acme.rootFile };
      const { port: originPort } = origin.address() as AddressInfo;
      agent = new AgentProcess({ hub: acme.hub, originPort, token, settings });
      await agent.reachable();
      await agent.program.waitForLine(/"slot":1.*"link up"/);
      browser = await openTrustingBrowser(acme.rootFile);
    }, 180_000);

    afterAll(async () => {
      await browser?.close();
      await agent?.stop();
      await acme?.stop();
      origin?.closeAllConnections();
      origin?.close();
    });

    const serial = async (): Promise<string | undefined> =>
      (await acme.shown(movies))?.serialNumber;

    test('its certificate is renewed, and no connection drops', { timeout: 240_000 }, async () => {
      await expect.poll(() => acme.shown(movies), soon).toBeDefined();
      const film = readFileSync(file);
      const rate = Math.ceil(film.length / filmSeconds);
      const url = `${acme.hub.addressOf('movies')}/film.mp4`;
      const slowly = ['--limit-rate', String(rate), '--max-time', '200'];
      const download = new Download(new Curl(acme.rootFile).start(url, ...slowly));
      const page = await browser.newPage();
      const lost = lossesOf(page);
      await page.goto(acme.hub.addressOf('movies'));
      await play(page);
      const former = await serial();

      await expect.poll(serial, { ...soon, timeout: 90_000 }).not.toBe(former);
      const playedAtRenewal = await playedSeconds(page);
      await expect.poll(() => playedSeconds(page), soon).toBeGreaterThan(playedAtRenewal + 5);
      const { exitCode, status, body } = await download.done;
      expect([exitCode, status, sha256(body)]).toEqual([0, 200, sha256(film)]);
      expect(lost).toEqual([]);
      expect(agent.program.output.match(/"link up"/g)).toHaveLength(2);
      // Whoever comes now is shown the new one, and trusts it.
      expect((await new Curl(acme.rootFile).get(url, '--range', '0-9')).status).toBe(206);
    });
  },
);

/** What a browser says of connections that broke: requests that failed, and sockets of the page that closed. */
function lossesOf(page: Page): string[] {
  const lost: string[] = [];
  page.on('requestfailed', (request) => {
    // A player gives up a range of its own accord when it has read enough of it.
    const why = request.failure()?.errorText ?? '';
    if (why !== 'net::ERR_ABORTED') lost.push(`${request.url()}: ${why}`);
  });
  page.on('websocket', (socket) => {
    socket.on('close', () => lost.push(`${socket.url()} closed`));
  });
  return lost;
}

async function play(page: Page): Promise<void> {
  await page.locator('video').evaluate(async (video: { play(): Promise<void> }) => video.play());
}

async function playedSeconds(page: Page): Promise<number> {
  return page.locator('video').evaluate((video: { currentTime: number }) => video.currentTime);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Noise, so that it has the size of a film; its index in front, so that it plays from the first bytes. */
function makeFilm(): string {
  const film = join(temporaryFolder('film').path, 'film.mp4');
  const picture = `testsrc2=size=640x360:rate=24:duration=${filmSeconds},noise=alls=40:allf=t`;
  const input = ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', picture];
  const codec = ['-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '4M', '-pix_fmt', 'yuv420p'];
  const output = [...codec, '-g', '48', '-movflags', '+faststart', film];
  const { status, stderr } = spawnSync(partPath('ffmpeg'), [...input, ...output]);
  if (status !== 0) throw new Error(`ffmpeg: ${String(stderr)}`);
  return film;
}
