// The agent's sources arrive; one file leaves that needs Node and nothing beside it, with the licences of all that is in it.

import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build, type Metafile } from 'esbuild';

export interface AgentBundle {
  readonly path: string;
  readonly bytes: number;
  /** What it still asks of its surroundings when it runs: names of Node's own modules only. */
  readonly imports: readonly string[];
  /** npm packages whose code is inside. */
  readonly packages: readonly string[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** @throws when something in it would be looked for outside: the file runs in empty folders. */
export async function bundleAgent(path: string): Promise<AgentBundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['agent/main.ts'],
    outfile: path,
    write: false,
    bundle: true,
    metafile: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // Half of the text, which stays in memory for as long as the program runs. Names stay: a stack in a bug report can be read.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'eof',
    // Packages of the CommonJS kind ask for Node's own modules by `require`, which a module of the newer kind does not have.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
    // Faster parts of `ws` in C would be looked for in whatever folder the file lies in.
    define: { 'process.env.WS_NO_BUFFER_UTIL': '"1"', 'process.env.WS_NO_UTF_8_VALIDATE': '"1"' },
    logLevel: 'warning',
  });
  const [bundle] = outputFiles;
  if (bundle === undefined) throw new Error('esbuild made nothing');
  const imports = importsOf(metafile);
  const foreign = imports.filter((name) => !isBuiltin(name));
  if (foreign.length > 0) throw new Error(`the agent's one file lacks ${foreign.join(', ')}`);
  const packages = packagesOf(metafile);
  const text = `${bundle.text}\n${await licences(packages)}`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  await chmod(path, 0o755);
  return { path, bytes: Buffer.byteLength(text), imports, packages };
}

function importsOf({ outputs }: Metafile): string[] {
  const imports = Object.values(outputs).flatMap((output) => output.imports);
  return [...new Set(imports.map(({ path }) => path))].toSorted();
}

function packagesOf({ outputs }: Metafile): string[] {
  const sources = Object.values(outputs).flatMap(({ inputs }) =>
    // What was only looked at and left out needs no licence.
    Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0),
  );
  const names = sources.flatMap(
    ([source]) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1] ?? [],
  );
  return [...new Set(names)].toSorted();
}

/** MIT and its like want their text in every copy, so it travels inside the one file. */
async function licences(packages: readonly string[]): Promise<string> {
  const texts = [await noticeOf('phlix-agent', root)];
  for (const name of packages) texts.push(await noticeOf(name, join(root, 'node_modules', name)));
  return `/*!\nThis file contains:\n\n${texts.join('\n\n').replaceAll('*/', '* /')}\n*/\n`;
}

async function noticeOf(name: string, folder: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    version: string;
    license: string;
  };
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e(\.\w+)?$/i.test(entry));
  if (file === undefined) throw new Error(`${name} comes without the text of its licence`);
  const text = (await readFile(join(folder, file), 'utf8')).trim();
  return `-- ${name} ${manifest.version} (${manifest.license})\n\n${text}`;
}
