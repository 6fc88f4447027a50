// Files of a release arrive by name; one compressed archive leaves, the same bytes for the same files, whoever makes it and when.

import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

import { pack } from 'tar-stream';

export interface ArchiveFile {
  readonly name: string;
  readonly content: Buffer;
  readonly isProgram: boolean;
}

/** Every file below a folder, in the order of names. */
export async function filesBelow(folder: string, prefix: string): Promise<ArchiveFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  const files: ArchiveFile[] = [];
  for (const path of paths) {
    const content = await readFile(path);
    // What begins so is run by its name.
    const isProgram = content.subarray(0, 2).toString() === '#!';
    files.push({ name: `${prefix}/${relative(folder, path)}`, content, isProgram });
  }
  return files;
}

/** `seconds`: the time that all files have, since 1970. */
export async function archive(files: readonly ArchiveFile[], seconds: number): Promise<Buffer> {
  const tar = pack();
  const mtime = new Date(seconds * 1000);
  for (const { name, content, isProgram } of files) {
    const mode = isProgram ? 0o755 : 0o644;
    tar.entry({ name, mode, mtime, uid: 0, gid: 0, uname: 'root', gname: 'root' }, content);
  }
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  // zlib writes no time and no name of a machine into the head.
  return promisify(gzip)(Buffer.concat(parts), { level: 9 });
}
