// A built tree arrives; whether a release of it would be right leaves, look by look: made twice with a key that is thrown away, verified, and damaged.

import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { lockedPackages, neededAtRunTime, readManifest } from './lockfile.ts';
import { makeRelease, type ReleaseOptions } from './release.ts';
import type { Sbom } from './sbom.ts';
import { faultsOf } from './signature.ts';

export interface Look {
  readonly name: string;
  /** In sentences; none: it is right. */
  readonly faults: readonly string[];
}

type CheckOptions = Omit<ReleaseOptions, 'out' | 'keyFile'>;

export async function checkRelease(options: CheckOptions): Promise<Look[]> {
  const folder = await mkdtemp(join(tmpdir(), 'phlix-release-'));
  try {
    const looks = [...(await looksAtFiles(options, folder)), await scripts(options.root)];
    return [...looks, await changelog(options.root)];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function looksAtFiles(options: CheckOptions, folder: string): Promise<Look[]> {
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  const key = await throwawayKey(folder);
  const names = await makeRelease({ ...options, out: first, keyFile: key?.secret });
  await makeRelease({ ...options, out: second, keyFile: undefined });
  const sums = await Promise.all([first, second].map((out) => readFile(join(out, 'SHA256SUMS'))));
  const isSame = sums[0]?.equals(sums[1] ?? Buffer.alloc(0)) === true;
  const looks = [
    {
      name: key === undefined ? 'sums (unsigned: minisign is not here)' : 'signature and sums',
      faults: await faultsOf(first, key?.public),
    },
    { name: 'made twice, the same', faults: isSame ? [] : ['two runs made different files'] },
    { name: 'list of parts (SBOM)', faults: await sbomFaults(options.root, first, names) },
  ];
  await appendFile(join(first, names[0] ?? ''), 'one byte more');
  const isFound = (await faultsOf(first, key?.public)).length > 0;
  looks.push({ name: 'damage is found', faults: isFound ? [] : ['a changed file went unnoticed'] });
  return looks;
}

/** Without a password, and never used again. Undefined: this machine has no minisign, and all but the signature can be looked at. */
async function throwawayKey(
  folder: string,
): Promise<{ secret: string; public: string } | undefined> {
  const key = { secret: join(folder, 'key'), public: join(folder, 'key.pub') };
  try {
    await promisify(execFile)('minisign', ['-G', '-W', '-s', key.secret, '-p', key.public]);
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function sbomFaults(
  root: string,
  folder: string,
  names: readonly string[],
): Promise<string[]> {
  const name = names.find((each) => each.endsWith('.cdx.json')) ?? '';
  const sbom = JSON.parse(await readFile(join(folder, name), 'utf8')) as Sbom;
  const listed = new Set(sbom.components.map((one) => `${one.name}@${one.version}`));
  const locked = (await lockedPackages(root)).filter(neededAtRunTime);
  return locked
    .filter((one) => !listed.has(`${one.name}@${one.version}`))
    .map((one) => `${one.name}@${one.version} is not in the list`);
}

/** Row A-26: what wants to run a program at its installation is denied by its name and version, and nothing else is asked. */
export async function scripts(root: string): Promise<Look> {
  const { allowScripts } = await readManifest(root);
  const settings = await readFile(join(root, '.npmrc'), 'utf8');
  const wanting = (await lockedPackages(root)).filter(({ hasInstallScript }) => hasInstallScript);
  const faults = wanting
    .map(({ name, version }) => `${name}@${version}`)
    .filter((name) => allowScripts[name] !== false)
    .map((name) => `${name} has an install script that nobody denied`);
  for (const [name, isAllowed] of Object.entries(allowScripts))
    if (isAllowed) faults.push(`${name} may run its install script`);
  if (!/^strict-allow-scripts=true$/m.test(settings))
    faults.push('.npmrc does not say strict-allow-scripts=true');
  return { name: 'install scripts denied by name', faults };
}

async function changelog(root: string): Promise<Look> {
  const { version } = await readManifest(root);
  const text = await readFile(join(root, 'CHANGELOG.md'), 'utf8');
  const isThere = text.split('\n').some((line) => line.startsWith(`## ${version}`));
  return {
    name: 'version in CHANGELOG',
    faults: isThere ? [] : [`CHANGELOG.md says nothing of ${version}`],
  };
}
