// The agent's sources arrive; one file leaves that needs Node and nothing beside it, with the licences of all that is in it.

import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build, type Metafile, type Plugin } from 'esbuild';

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
  const builtins = new Set<string>();
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
    // Half of the text, which stays in memory for as long as the program runs. Names stay, and lines are short enough to be shown:
    // a stack in a bug report can be read.
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 200,
    legalComments: 'eof',
    banner: { js: prologue },
    plugins: [partsOfNode(builtins), englishOnly],
    // Faster parts of `ws` in C would be looked for in whatever folder the file lies in.
    define: { 'process.env.WS_NO_BUFFER_UTIL': '"1"', 'process.env.WS_NO_UTF_8_VALIDATE': '"1"' },
    logLevel: 'warning',
  });
  const [bundle] = outputFiles;
  if (bundle === undefined) throw new Error('esbuild made nothing');
  const foreign = importsOf(metafile);
  if (foreign.length > 0) throw new Error(`the agent's one file lacks ${foreign.join(', ')}`);
  const packages = packagesOf(metafile);
  const text = `${escaped(bundle.text)}\n${await licences(packages)}`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  await chmod(path, 0o755);
  return { path, bytes: Buffer.byteLength(text), imports: [...builtins].toSorted(), packages };
}

/**
 * Before anything else. An old Node would fail somewhere in the middle, with a stack that helps nobody. The flags are V8's for machines
 * with little memory, seen at 300 Mbit/s: a nursery of two megabytes in place of sixteen and leaner code, 6 MB less; without the last
 * and largest of its compilers 6 MB less again. That one costs a fifth more processor time for a byte (agent/README.md).
 */
const prologue = `if (Number.parseInt(process.versions.node, 10) < 24) {
process.stderr.write('phlix-agent: this is Node ' + process.versions.node + ', and the agent needs Node 24 or newer\\n');
process.exit(78);
}
for (const flag of ['--semi-space-growth-factor=1', '--optimize-for-size', '--no-opt']) process.getBuiltinModule('node:v8').setFlagsFromString(flag);`;

/**
 * Parts of Node are asked for when the code that wants them runs, and not by \`import\`: that reads all that a part exports, and of
 * node:http it loads a whole client that nobody here uses (measured: 5 MB), as it would load parts for commands that do not run.
 */
function partsOfNode(found: Set<string>): Plugin {
  return {
    name: 'parts-of-node',
    setup(build) {
      build.onResolve({ filter: /^[a-z]/ }, ({ path }) => {
        if (!isBuiltin(path)) return undefined;
        const name = path.startsWith('node:') ? path : `node:${path}`;
        found.add(name);
        return { path: name, namespace: 'node' };
      });
      build.onLoad({ filter: /./, namespace: 'node' }, ({ path }) => ({
        contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
        loader: 'js',
      }));
    },
  };
}

/** zod brings its sentences in fifty languages, a quarter of the file; the agent has its own, in one. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup(build) {
    build.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, ({ path }) => ({
      contents: "export { default as en } from './en.js';",
      loader: 'js',
      resolveDir: dirname(path),
    }));
  },
};

/** What is left to be imported when it runs: there should be nothing. */
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
  const text = texts.join('\n\n').replaceAll('*/', '* /');
  return `/*!\nThis file contains:\n\n${asciiOf(text)}\n*/\n`;
}

/**
 * A single letter from beyond Latin would double what the whole file takes in memory: V8 then keeps two bytes for each. esbuild
 * escapes those of strings, and leaves those of regular expressions.
 */
function escaped(code: string): string {
  return code.replace(
    /[\u0080-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The same for people's names in licences, where an escape would be no letter. */
function asciiOf(text: string): string {
  const plain = text
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/[\u201c\u201d]/g, '"')
    .replaceAll('\u00a9', '(c)');
  return plain
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[\u{80}-\u{10ffff}]/gu, '?');
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
