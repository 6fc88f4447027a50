// A built tree arrives; the files that people download leave in a folder: the hub, the agent, what they consist of, their sums, and a signature.

import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { archive, filesBelow, type ArchiveFile } from './archive.ts';
import { readManifest } from './lockfile.ts';
import { thirdPartyNotices } from './notices.ts';
import { sbomOf } from './sbom.ts';
import { sign, writeSums } from './signature.ts';

export interface ReleaseOptions {
  readonly root: string;
  /** What `npm run build` made. */
  readonly dist: string;
  readonly out: string;
  /** Of the commit, since 1970: a release has no other time. */
  readonly seconds: number;
  /** Undefined: nobody signs. */
  readonly keyFile: string | undefined;
}

/** Names of the files that it made. */
export async function makeRelease(options: ReleaseOptions): Promise<string[]> {
  const { root, dist, out, seconds, keyFile } = options;
  const { version } = await readManifest(root);
  const names = {
    hub: `phlix-hub-${version}.tar.gz`,
    agent: `phlix-agent-${version}.mjs`,
    sbom: `phlix-hub-${version}.cdx.json`,
    notices: 'THIRD-PARTY-NOTICES.txt',
  };
  await mkdir(out, { recursive: true });
  const notices = await thirdPartyNotices(root);
  await writeFile(join(out, names.notices), notices);
  await writeFile(join(out, names.sbom), await sbomOf(root, seconds));
  await copyFile(join(dist, 'agent', 'phlix-agent.mjs'), join(out, names.agent));
  const hub = await hubFiles(root, dist, { prefix: `phlix-hub-${version}`, notices });
  await writeFile(join(out, names.hub), await archive(hub, seconds));
  await writeSums(out, Object.values(names));
  if (keyFile !== undefined) await sign(out, keyFile, `phlix-hub ${version}`);
  return Object.values(names);
}

/** With the lockfile, so that `npm ci --omit=dev` in it installs what was tested, by its hash. */
async function hubFiles(
  root: string,
  dist: string,
  { prefix, notices }: { prefix: string; notices: string },
): Promise<ArchiveFile[]> {
  const files = [
    ...(await filesBelow(join(dist, 'hub'), `${prefix}/dist/hub`)),
    ...(await filesBelow(join(dist, 'shared'), `${prefix}/dist/shared`)),
    ...(await filesBelow(join(root, 'infra', 'systemd'), `${prefix}/infra/systemd`)),
  ];
  for (const name of ['.npmrc', 'CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md'])
    files.push(plain(`${prefix}/${name}`, await readFile(join(root, name))));
  // What makes a service of it, and of the agent beside it.
  files.push(plain(`${prefix}/infra/install.sh`, await readFile(join(root, 'infra/install.sh'))));
  for (const name of ['package.json', 'package-lock.json'])
    files.push(plain(`${prefix}/${name}`, await readFile(join(root, name))));
  files.push(plain(`${prefix}/THIRD-PARTY-NOTICES.txt`, Buffer.from(notices)));
  return files.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

function plain(name: string, content: Buffer): ArchiveFile {
  return { name, content, isProgram: false };
}
