// TypeScript files of the tree arrive; each leaves with its text and what it imports, ready for the rules.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SourceFile {
  /** From the root of the tree, with forward slashes: `hub/edge/front.ts`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export interface Import {
  /** A path from the root of the tree, a package's name (`hono`, `@hono/node-server`), or `node:net`. */
  readonly target: string;
  readonly isOurs: boolean;
  readonly isTypeOnly: boolean;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const folders = ['shared', 'hub', 'agent', 'infra', 'test'];

export function readSources(): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => {
        const absolute = join(entry.parentPath, entry.name);
        return sourceFile(absolute.slice(root.length), readFileSync(absolute, 'utf8'));
      }),
  );
}

export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, imports: importsOf(path, text) };
}

// Statements begin at the start of a line, so quoted code inside tests is not taken for an import.
const statement = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?['"]([^'"\n]+)['"]/gm;
const call = /\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g;

function importsOf(path: string, text: string): Import[] {
  const found: [specifier: string, isTypeOnly: boolean][] = [];
  for (const [, type, specifier] of text.matchAll(statement)) {
    if (specifier !== undefined) found.push([specifier, type !== undefined]);
  }
  for (const [, specifier] of text.matchAll(call)) {
    if (specifier !== undefined) found.push([specifier, false]);
  }
  return found.map(([specifier, isTypeOnly]) => {
    const isOurs = specifier.startsWith('.');
    const target = isOurs ? posix.join(dirname(path), specifier) : packageOf(specifier);
    return { target, isOurs, isTypeOnly };
  });
}

/** `drizzle-orm/pg-core` is `drizzle-orm`; a scope keeps its second part; `node:fs/promises` stays. */
function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  const depth = specifier.startsWith('@') ? 2 : 1;
  return specifier.split('/').slice(0, depth).join('/');
}
