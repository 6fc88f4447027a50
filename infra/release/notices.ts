// Installed packages arrive; one text leaves with the licence of each, as their authors want it in every copy.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { lockedPackages, neededAtRunTime, type LockedPackage } from './lockfile.ts';

interface Installed {
  readonly license?: string;
  readonly author?: string | { readonly name?: string };
  readonly contributors?: readonly (string | { readonly name?: string })[];
}

/** @throws when a package has neither a licence's text nor a licence whose text is known */
export async function thirdPartyNotices(root: string): Promise<string> {
  const packages = (await lockedPackages(root)).filter(neededAtRunTime);
  const parts: string[] = [];
  for (const locked of packages) parts.push(await noticeOf(root, locked));
  const bundled = await readFile(join(import.meta.dirname, 'bundled-with-postgresql.txt'), 'utf8');
  return `${head}\n${parts.join('\n')}\n${rule}\n${bundled}`;
}

const rule = '-'.repeat(80);

const head = `Phlix Hub is under the MIT licence, see LICENSE. A hub at work needs the packages below, its agent some of them; the text
for the libraries that come with the embedded PostgreSQL stands at the end.
`;

async function noticeOf(root: string, locked: LockedPackage): Promise<string> {
  const { name, version, path } = locked;
  const folder = join(root, path);
  const installed = await readInstalled(folder);
  const license = installed?.license ?? locked.license ?? '';
  const text = (await licenceIn(folder)) ?? knownText(license, installed);
  if (text === undefined)
    throw new Error(`${name}@${version} (${license}) has no text of its licence: add it by hand`);
  return `${rule}\n${name} ${version} (${license})\n\n${text.trim()}\n`;
}

/** Undefined: it is for another processor, and its twin for this one has the same text. */
async function readInstalled(folder: string): Promise<Installed | undefined> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Installed);
}

async function licenceIn(folder: string): Promise<string | undefined> {
  const entries = await readdir(folder).catch(() => []);
  const file = entries.find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  return file === undefined ? undefined : readFile(join(folder, file), 'utf8');
}

/** Some packages name their licence and leave its text out. */
function knownText(license: string, installed: Installed | undefined): string | undefined {
  const [author] = [installed?.author, ...(installed?.contributors ?? [])];
  const who = (typeof author === 'string' ? author : author?.name) ?? 'its authors';
  if (license === 'MIT') return `Copyright (c) ${who}\n\n${mit}`;
  if (license === 'Apache-2.0')
    return `Copyright ${who}\n\nLicensed under the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0 (its whole text stands below other packages of this list).`;
  return installed === undefined ? `As of its twin for another processor: ${license}.` : undefined;
}

const mit = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;
