import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { hasNamespaces } from '../support/namespace.ts';
import { hasParts } from '../support/parts.ts';
import { Program } from '../support/program.ts';
import {
  pressCtrlC,
  printedAddress,
  printedCurlLine,
  QuickstartPlace,
} from '../support/quickstart.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { openTrustingBrowser } from '../support/trusting-browser.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const patience = { timeout: 60_000, interval: 20 };
const clip = readFileSync(new URL('../../infra/quickstart/demo/clip.mp4', import.meta.url));

let place: QuickstartPlace;
let quickstart: Program;

// One home for all of them, each run after the other: what an interrupted one left is what the next one starts with.
describe.skipIf(!hasNamespaces() || !hasParts('curl', 'ffmpeg', 'chromium', 'certutil'))(
  'the quickstart',
  () => {
    beforeAll(() => {
      // As a person may have called it: every printed line has to survive a shell.
      place = new QuickstartPlace("it's my films");
    });

    afterEach(async () => {
      await vi.waitFor(() => killAll(), patience);
    });

    afterAll(() => place?.remove());

    test('that is stopped while it starts leaves nothing running, not even what makes the film', async () => {
      quickstart = place.start();
      await appeared('ffmpeg');
      await appeared('initdb');
      await stopByCtrlC();
      expect(place.processes()).toEqual([]);
    });

    test('whose Ctrl-C is pressed twice while it starts ends at once', async () => {
      quickstart = place.start();
      await appeared('postgres');
      pressCtrlC(quickstart);
      await quickstart.waitForLine(/Stopping/);
      const pressedAt = performance.now();
      pressCtrlC(quickstart);
      await quickstart.ended;
      expect(performance.now() - pressedAt).toBeLessThan(6000);
      expect(quickstart.output).toContain('Stopped at once');
      await vi.waitFor(() => expect(place.processes()).toEqual([]), patience);
    });

    test('without ffmpeg plays the clip that comes with it, from data that two interrupted runs left', async () => {
      // Nor does it ask the proxy that a company's machine may name for everything.
      const proxy = { https_proxy: 'http://127.0.0.1:9', http_proxy: 'http://127.0.0.1:9' };
      quickstart = place.start({ PATH: pathWithout('ffmpeg'), ...proxy });
      const address = await printedAddress(quickstart);
      const line = await printedCurlLine(quickstart);
      expect(JSON.parse(place.shell(line, proxy).stdout)).toMatchObject({
        madeBy: 'the project',
        sources: [{ type: 'video/mp4', url: '/film.mp4' }],
      });
      const ranged = place.shell(
        `${line.replace(/\S+$/, `${address}film.mp4`)} -sr 100-199 | base64`,
      );
      expect(Buffer.from(ranged.stdout, 'base64')).toEqual(clip.subarray(100, 200));
      const page = place.shell(
        `${line.replace(/\S+$/, address)} -s -o /dev/null -w '%{http_code}'`,
      );
      expect(page.stdout).toBe('200');
      await expect(playedSeconds(address)).resolves.toBeGreaterThan(0);
      await stopByCtrlC();
      expect(place.processes()).toEqual([]);
    });

    test('serves the media server that is there already, on other ports where the usual ones are taken', async () => {
      const others = await otherProgram(takenPorts);
      quickstart = place.start();
      const address = await printedAddress(quickstart);
      expect(quickstart.output).toContain('what listens on port 8096 already');
      expect(quickstart.output).toContain('is known to the hub');
      expect(place.processes().filter(({ command }) => command.includes('demo/main'))).toEqual([]);
      for (const port of [443, 80, 8802]) {
        expect(quickstart.output).toMatch(new RegExp(`\\b${port} is not to be had: \\d+ instead`));
      }
      expect(address).toMatch(/^https:\/\/movies\.phlix\.localhost:\d+\/$/);
      expect(['443', '8443']).not.toContain(new URL(address).port);
      const { status, stdout } = place.shell(await printedCurlLine(quickstart));
      expect([status, stdout]).toEqual([0, 'another media server\n']);

      const second = place.start();
      expect(await second.ended).toBe(1);
      expect(second.output).toContain('A quickstart runs with this data already');
      expect(place.shell(await printedCurlLine(quickstart)).status).toBe(0);
      await stopByCtrlC();
      expect(place.processes()).toEqual([]);
      await others.stop();
    });

    test('says so when what listens on 8096 is no web server', async () => {
      const other = await otherProgram(noWebServer);
      quickstart = place.start();
      await printedAddress(quickstart);
      expect(quickstart.output).toMatch(
        /8096 does not answer like a web\s+server \(origin\.[a-z-]+\)/,
      );
      await stopByCtrlC();
      await other.stop();
    });
  },
);

async function stopByCtrlC(): Promise<void> {
  pressCtrlC(quickstart);
  await quickstart.ended;
  expect(quickstart.output).toContain('Stopped; nothing is left running.');
}

/** A media server on 8096, and whoever else has the usual ports of a hub. */
const takenPorts = `
const media = require('node:http').createServer((request, response) => response.end('another media server\\n'));
const others = [443, 8443, 80, 8080, 8802].map((port) => [require('node:net').createServer((socket) => socket.destroy()), port]);
let left = others.length + 1;
for (const [server, port] of [[media, 8096], ...others]) {
  server.listen(port, '127.0.0.1', () => { left -= 1; if (left === 0) console.log('all listen'); });
}`;

const noWebServer = `
require('node:net').createServer((socket) => socket.end('SSH-2.0-nothing to watch here\\r\\n'))
  .listen(8096, '127.0.0.1', () => console.log('all listen'));`;

/** Chromium plays it, as far as half a second in. */
async function playedSeconds(address: string): Promise<number> {
  const browser = await openTrustingBrowser(place.caFile, place.inside);
  try {
    const page = await browser.newPage();
    await page.goto(address);
    const video = page.locator('video');
    await video.evaluate((element: { play(): Promise<void> }) => element.play());
    return await vi.waitFor(async () => {
      const seconds = await video.evaluate(
        (element: { currentTime: number }) => element.currentTime,
      );
      if (seconds < 0.5) throw new Error(`played ${seconds} s`);
      return seconds;
    }, patience);
  } finally {
    await browser.close();
  }
}

async function otherProgram(code: string): Promise<Program> {
  const program = new Program({ command: place.inside([process.execPath, '-e', code]) });
  await program.waitForLine(/^all listen$/);
  return program;
}

/** Waits for a program that the quickstart starts: there is no event for another process's child. */
async function appeared(name: string): Promise<void> {
  const pattern = new RegExp(`(^|/)${name} `);
  await vi.waitFor(
    () => expect(place.processes().filter(({ command }) => pattern.test(command))).not.toEqual([]),
    { ...patience, interval: 5 },
  );
}

/** All programs of this machine but one. */
function pathWithout(program: string): string {
  const folder = join(temporaryFolder('path').path, 'bin');
  mkdirSync(folder);
  const found = new Map<string, string>();
  for (const path of (process.env['PATH'] ?? '').split(delimiter).toReversed()) {
    for (const name of namesIn(path)) found.set(name, join(path, name));
  }
  found.delete(program);
  for (const [name, path] of found) symlinkSync(path, join(folder, name));
  return folder;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** @throws while some are left */
function killAll(): void {
  const left = place.processes();
  for (const { pid } of left) kill(pid);
  if (left.length > 0) throw new Error(`${left.length} processes are left`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was faster.
  }
}
