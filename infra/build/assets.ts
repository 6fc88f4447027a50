// What tsc leaves behind arrives here: every file of the built folders that is not TypeScript is copied to its place in the output.

import { cp, readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** The folders that tsconfig.build.json compiles. */
const folders = ['shared', 'hub', 'agent'];
/** Sources and prose: neither is read at run time. */
const leftOut = new Set(['.ts', '.md']);

export async function copyAssets(output: string): Promise<void> {
  for (const folder of folders) {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (!entry.isFile() || leftOut.has(extname(entry.name))) continue;
      const source = join(entry.parentPath, entry.name);
      await cp(source, join(output, source.slice(root.length)));
    }
  }
}
