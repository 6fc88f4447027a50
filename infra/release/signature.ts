// Files of a release arrive; their sums leave, signed by minisign with the maintainers' key, or the answer whether both are right.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const sumsName = 'SHA256SUMS';

/** As `sha256sum --check` reads them. */
export async function writeSums(folder: string, names: readonly string[]): Promise<void> {
  const lines: string[] = [];
  for (const name of names.toSorted()) lines.push(`${await sumOf(join(folder, name))}  ${name}\n`);
  await writeFile(join(folder, sumsName), lines.join(''));
}

/** `comment` is signed too. A key with a password has minisign ask for it. @throws when minisign does not sign */
export async function sign(folder: string, keyFile: string, comment: string): Promise<void> {
  const words = ['-S', '-s', keyFile, '-m', join(folder, sumsName), '-t', comment];
  await run('minisign', words);
}

/** What is wrong with a release in a folder, in sentences; none is good. `publicKeyFile` undefined: nobody looks at the signature. */
export async function faultsOf(
  folder: string,
  publicKeyFile: string | undefined,
): Promise<string[]> {
  const faults: string[] = [];
  if (publicKeyFile !== undefined) {
    const words = ['-V', '-q', '-p', publicKeyFile, '-m', join(folder, sumsName)];
    await run('minisign', words).catch(() => faults.push(`${sumsName} is not signed with the key`));
  }
  const lines = (await readFile(join(folder, sumsName), 'utf8')).trimEnd().split('\n');
  const listed = new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
  for (const [name, sum] of listed) {
    const found = await sumOf(join(folder, name)).catch(() => undefined);
    if (found === undefined) faults.push(`${name} is missing`);
    else if (found !== sum) faults.push(`${name} is not what ${sumsName} says`);
  }
  const unlisted = (await readdir(folder)).filter(
    (name) => !name.startsWith(sumsName) && !listed.has(name),
  );
  return [...faults, ...unlisted.map((name) => `${name} stands in no sum`)];
}

async function sumOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
