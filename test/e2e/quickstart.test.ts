import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { print } from '../support/figures.ts';
import { hasParts } from '../support/parts.ts';
import type { Program } from '../support/program.ts';
import {
  pressCtrlC,
  printedAddress,
  printedCurlLine,
  QuickstartPlace,
} from '../support/quickstart.ts';
import { openTrustingBrowser } from '../support/trusting-browser.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const hasPrograms = hasParts('chromium', 'certutil', 'curl');

let place: QuickstartPlace;
let quickstart: Program;
let browser: Browser;
let address: string;

describe.skipIf(!hasPrograms)('npm run quickstart', () => {
  beforeAll(async () => {
    place = new QuickstartPlace();
    const startedAt = performance.now();
    quickstart = place.start();
    address = await printedAddress(quickstart);
    print('quickstart', `ready after ${seconds(startedAt)}, the first start`);
    browser = await openTrustingBrowser(place.caFile, place.inside);
  });

  afterAll(async () => {
    await browser?.close();
    quickstart?.kill('SIGKILL');
    place?.remove();
  });

  test('the printed curl line works as it is printed', async () => {
    const { status, stdout } = place.shell(await printedCurlLine(quickstart));
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ title: expect.any(String) });
  });

  test.each([
    [390, 844],
    [1280, 800],
  ])('in a browser of %i x %i the film plays, is sought, and the clock ticks', async (...size) => {
    const [width, height] = size;
    const page = await browser.newPage({ viewport: { width, height } });
    const complaints = complaintsOf(page);
    await page.goto(address);
    await vi.waitFor(
      async () => expect(await page.locator('#protocol').textContent()).toBe('HTTP/2'),
      patience,
    );
    await play(page);
    await seekToMiddle(page);
    await seeClockTick(page);
    const { scrollWidth } = await page
      .locator('html')
      .evaluate((html: { scrollWidth: number }) => ({ scrollWidth: html.scrollWidth }));
    expect(scrollWidth).toBeLessThanOrEqual(width);
    // Beside the repository, for whoever wants to look.
    const picture = join(mkdtempSync(join(tmpdir(), 'phlix-screenshot-')), `film-${width}.png`);
    await page.screenshot({ path: picture });
    print('quickstart', `screenshot: ${picture}`);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('Ctrl-C stops everything, and a second run has the same address', async () => {
    expect(place.processes().length).toBeGreaterThan(3);
    // Its clock holds a stream open, as the tab of whoever presses Ctrl-C does.
    const page = await browser.newPage();
    await page.goto(address);
    await seeClockTick(page);
    expect(await interrupt()).toBeLessThan(agentDrainMs);
    await page.close();
    const startedAt = performance.now();
    quickstart = place.start();
    expect(await printedAddress(quickstart)).toBe(address);
    expect(quickstart.output).toContain('is known to the hub');
    print('quickstart', `ready after ${seconds(startedAt)}, the second start`);
  });

  test('nothing is left running behind one that was killed', async () => {
    const main = place
      .processes()
      .find(({ command }) => /^\S*node \S*quickstart\/main\.ts /.test(command));
    process.kill(main?.pid ?? NaN, 'SIGKILL');
    await vi.waitFor(() => expect(place.processes()).toEqual([]), patience);
  });
});

/** What an agent grants to running streams when it is stopped alone. */
const agentDrainMs = 9000;

/** Returns how long it took, in milliseconds. */
async function interrupt(): Promise<number> {
  const startedAt = performance.now();
  pressCtrlC(quickstart);
  await quickstart.ended;
  const tookMs = performance.now() - startedAt;
  print('quickstart', `stopped after ${seconds(startedAt)}`);
  expect(quickstart.output).toContain('Stopped; nothing is left running.');
  expect(place.processes()).toEqual([]);
  return tookMs;
}

async function play(page: Page): Promise<void> {
  const before = await page.locator('video').evaluate((video: FilmElement) => {
    void video.play();
    return video.currentTime;
  });
  await vi.waitFor(
    async () => expect((await film(page)).currentTime).toBeGreaterThan(before),
    patience,
  );
}

async function seekToMiddle(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Jump to the middle' }).click();
  await vi.waitFor(async () => {
    const { currentTime, duration, readyState, paused } = await film(page);
    expect(duration).toBeGreaterThan(5);
    expect(currentTime).toBeGreaterThan(duration / 2);
    expect(currentTime).toBeLessThan(duration);
    // HAVE_FUTURE_DATA: it goes on from there.
    expect(readyState).toBeGreaterThanOrEqual(3);
    expect(paused).toBe(false);
  }, patience);
}

async function seeClockTick(page: Page): Promise<void> {
  const ticks = async () => Number(await page.locator('#clock').getAttribute('data-ticks'));
  const before = await ticks();
  await vi.waitFor(async () => expect(await ticks()).toBeGreaterThan(before + 1), patience);
  await vi.waitFor(
    async () => expect(await page.locator('#trip').textContent()).toContain('there and back in'),
    patience,
  );
}

const patience = { timeout: 20_000, interval: 100 };

/** What is asked of the page's HTMLMediaElement; the tests have no types of browsers. */
interface FilmElement {
  readonly currentTime: number;
  readonly duration: number;
  readonly readyState: number;
  readonly paused: boolean;
  play(): Promise<void>;
}

async function film(page: Page): Promise<Omit<FilmElement, 'play'>> {
  return page.locator('video').evaluate((video: FilmElement) => {
    const { currentTime, duration, readyState, paused } = video;
    return { currentTime, duration, readyState, paused };
  });
}

function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  return complaints;
}

function seconds(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}
