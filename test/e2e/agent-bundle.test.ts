// The agent as it is handed out: one file in an empty folder, with Node and nothing else.

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type AgentBundle, bundleAgent } from '../../infra/build/agent-bundle.ts';
import { version } from '../../shared/version.ts';
import { Curl } from '../support/curl.ts';
import { contentHash } from '../support/content.ts';
import { deploy, type Deployment } from '../support/deployment.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { hasParts } from '../support/parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder('bundle').path;
const path = join(folder, 'phlix-agent.mjs');
let bundle: AgentBundle;

beforeAll(async () => {
  bundle = await bundleAgent(path);
});

interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Without the machine's environment, in a folder that holds nothing but the file. */
async function run(...words: string[]): Promise<Ran> {
  const options = { cwd: folder, env: { PHLIX_STATE_DIR: join(folder, 'none') }, timeout: 60_000 };
  return new Promise((resolve) => {
    execFile(process.execPath, [path, ...words], options, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test('asks its surroundings for parts of Node, and for nothing else', () => {
  expect(readdirSync(folder)).toEqual(['phlix-agent.mjs']);
  expect(bundle.imports.length).toBeGreaterThan(10);
  expect(bundle.imports.filter((name) => !isBuiltin(name))).toEqual([]);
  // What a package would look up at run time, as `ws` does for faster parts in C.
  const looked = [...readFileSync(path, 'utf8').matchAll(/\brequire\(["']([^"']+)["']\)/g)];
  expect(looked.map(([, name = '']) => name).filter((name) => !isBuiltin(name))).toEqual([]);
});

test('is small enough for the weakest machine at home, and takes one byte of memory for each of its letters', () => {
  expect(bundle.bytes).toBeLessThan(1.5 * 1024 * 1024);
  const isAscii = [...readFileSync(path)].every((byte) => byte < 0x80);
  expect(isAscii).toBe(true);
});

test('carries the licences of all that is in it', () => {
  const end = readFileSync(path, 'utf8').split('This file contains:')[1] ?? '';
  expect(bundle.packages).toContain('ws');
  for (const name of ['phlix-agent', ...bundle.packages]) expect(end).toContain(`-- ${name} `);
  expect(end).toContain('THE SOFTWARE IS PROVIDED "AS IS"');
});

test('each of its commands works where there is nothing', async () => {
  expect(await run('--version')).toMatchObject({ exitCode: 0, stdout: `${version}\n` });
  const help = await run('--help');
  const names = [...help.stdout.matchAll(/^ {2}([a-z]+)(?: \[|\s{2,})/gm)].map(([, name]) => name);
  expect(names).toEqual(expect.arrayContaining(['start', 'status', 'doctor']));
  for (const name of names) {
    expect(await run(name ?? '', '--help')).toMatchObject({ exitCode: 0 });
  }
  expect(await run('status')).toMatchObject({ exitCode: 69 });
  // Settings that are missing are told as from the sources: that reading them works too.
  expect((await run()).stderr).toContain('PHLIX_HUB_URL');
});

describe.skipIf(!hasParts('curl'))('beside a media server', () => {
  let origin: Origin;
  let deployment: Deployment;

  beforeAll(async () => {
    origin = await startOrigin();
    deployment = await deploy({
      originPort: origin.port,
      agent: { wrap: ([node]) => [node, path] },
    });
  }, 120_000);
  afterAll(async () => {
    await deployment?.stop();
    await origin?.stop();
  });

  test('enrols, serves a film whole and by parts, and says that it is connected', async () => {
    const curl = new Curl(deployment.hub.caFile);
    const film = `${deployment.address}/content/film/3000000`;
    expect((await curl.get(film)).sha256).toBe(contentHash('film', 0, 3_000_000));
    const part = await curl.get(film, '--range', '1000-1999');
    expect(part).toMatchObject({ status: 206, sha256: contentHash('film', 1000, 2000) });
    const status = await deployment.agent.status('--json');
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'connected', version });
  });

  test('ends by itself when it is told to, with its streams done', async () => {
    expect(await deployment.agent.stop()).toBe(0);
  });
});
