import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { isListening } from '../../infra/quickstart/ports.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { Program } from '../support/program.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const shell = promisify(execFile);
/** A first start makes a database and a film. */
const startDeadlineMs = 180_000;

let state: TemporaryFolder;
let home: TemporaryFolder;
beforeAll(() => {
  state = temporaryFolder('quickstart');
  home = temporaryFolder('home');
});
afterAll(() => {
  state.remove();
  home.remove();
});

async function quickstart(): Promise<Program> {
  const program = new Program({
    command: [process.execPath, join(root, 'infra/quickstart/main.ts')],
    env: { ...process.env, XDG_STATE_HOME: state.path },
  });
  await program.waitForLine(/Ctrl-C stops everything/, startDeadlineMs);
  return program;
}

/** The one line that is to be copied. */
const printed = (program: Program, start: string): string =>
  program.output
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line.startsWith(start)) ?? '';

/** What `phlix-hub local-ca trust` does for the browser; as root it would change this machine's own store as well. */
async function trustIn(homePath: string, ca: string): Promise<void> {
  const database = join(homePath, '.pki', 'nssdb');
  mkdirSync(database, { recursive: true });
  const certutil = (...words: string[]) =>
    shell(partPath('certutil'), ['-d', `sql:${database}`, ...words]);
  await certutil('-N', '--empty-password');
  await certutil('-A', '-t', 'C,,', '-n', 'phlix', '-i', ca);
}

/** Programs that the quickstart started, or their children did, and that still run. */
function left(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(state.path);
    } catch {
      return false;
    }
  });
}

const isWhole = hasParts('curl', 'chromium', 'certutil') && !(await isListening(8096));

describe.skipIf(!isWhole)('npm run quickstart', () => {
  let program: Program;
  let address: string;

  beforeAll(async () => {
    program = await quickstart();
    address = printed(program, 'https://');
  }, startDeadlineMs);

  test('prints a curl line that works as it is', async () => {
    const { stdout } = await shell('/bin/sh', ['-c', `${printed(program, 'curl')} -sS`]);
    expect(JSON.parse(stdout)).toMatchObject({ title: 'Into the Mandelbrot set' });
  });

  test('a browser that trusts the hub plays the film, seeks, and sees the clock tick', async () => {
    const env = { ...process.env, HOME: home.path };
    await trustIn(home.path, /--cacert (\S+)/.exec(printed(program, 'curl'))?.[1] ?? '');
    const browser = await chromium.launch({
      executablePath: partPath('chromium'),
      args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'],
      env,
    });
    try {
      const page = await browser.newPage();
      await page.goto(address);
      await page.waitForFunction("Number(document.querySelector('#clock').dataset.ticks) > 2");
      await page.click('#middle');
      const [film, middle] = [
        "document.querySelector('#film')",
        "document.querySelector('#film').duration / 2",
      ];
      await page.waitForFunction(`${film}.currentTime > ${middle} + 0.5 && !${film}.seeking`);
      expect(await page.evaluate(`${film}.error`)).toBeNull();
      expect(await page.textContent('#protocol')).toBe('HTTP/2');
      // For whoever wants to look; `reports` is not in the repository.
      await page.screenshot({ path: join(root, 'reports', 'quickstart.png') });
    } finally {
      await browser.close();
    }
  }, 60_000);

  test(
    'stops cleanly, and comes back with the same address and no new token',
    async () => {
      program.kill('SIGINT');
      expect(await program.ended).toBe(0);
      expect(left()).toEqual([]);
      program = await quickstart();
      expect(printed(program, 'https://')).toBe(address);
      expect(program.output).toContain('is known to the hub');
    },
    startDeadlineMs,
  );

  test('leaves nothing running, even when it is killed', async () => {
    program.kill('SIGKILL');
    await program.ended;
    const deadline = Date.now() + 20_000;
    while (left().length > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(left()).toEqual([]);
  }, 30_000);
});
