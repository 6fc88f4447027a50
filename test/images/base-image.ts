// A store arrives; an image like `node:24-slim` is in it: a small Debian from its own packages, with the Node that npm brings.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { partPath } from '../support/parts.ts';
import type { ImageStore } from './store.ts';

export const baseImage = 'localhost/phlix-test/node:24-slim';

const suite = 'bookworm';
const mirror = 'http://deb.debian.org/debian';
/** As in the slim images: documents and translations nobody reads in a container. */
const unread = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/locale',
  'usr/share/info',
  'var/cache/apt/archives',
  'var/lib/apt/lists',
  'var/log',
];

/** No registry is asked: everything comes from Debian and from this tree's own packages. Minutes once, nothing afterwards. */
export async function ensureBaseImage(store: ImageStore, folder: string): Promise<boolean> {
  if (store.has(baseImage)) return false;
  await mkdir(folder, { recursive: true });
  const root = await mkdtemp(join(folder, 'base-'));
  try {
    await run(partPath('debootstrap'), ['--variant=minbase', suite, root, mirror]);
    for (const path of unread) {
      await rm(join(root, path), { recursive: true, force: true });
      await mkdir(join(root, path), { recursive: true });
    }
    await addNode(root);
    await addNpm(root);
    await store.commitFolder(baseImage, root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
  return true;
}

/** The very program that runs this: npm's own Node 24 (see DESIGN), in the place where the official image has it. */
async function addNode(root: string): Promise<void> {
  await cp(process.execPath, join(root, 'usr/local/bin/node'), { dereference: true });
}

async function addNpm(root: string): Promise<void> {
  const target = join(root, 'usr/local/lib/node_modules/npm');
  await mkdir(dirname(target), { recursive: true });
  await cp(await npmFolder(), target, { recursive: true, verbatimSymlinks: true });
  for (const name of ['npm', 'npx']) {
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, 'usr/local/bin', name));
  }
  await addAuthorities(root);
}

/** Of the npm that runs this script, else of the one on PATH: `bin/npm-cli.js` is its program. */
async function npmFolder(): Promise<string> {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'npm'));
  const programs = [process.env['npm_execpath'] ?? '', ...onPath];
  const program = programs.find((path) => path !== '' && existsSync(path));
  if (program === undefined) throw new Error('npm is not on PATH, and the images are built by it');
  return dirname(dirname(await realpath(program)));
}

/** Where a company's own authority stands between this machine and the registry, npm in the image has to know it too. */
async function addAuthorities(root: string): Promise<void> {
  const file = process.env['NODE_EXTRA_CA_CERTS'];
  if (file === undefined || file === '') return;
  const inside = '/usr/local/etc/authorities.pem';
  await mkdir(join(root, 'usr/local/etc'), { recursive: true });
  await writeFile(join(root, inside), await readFile(file));
  await writeFile(join(root, 'usr/local/etc/npmrc'), `cafile=${inside}\n`);
}

const run = promisify(execFile);
