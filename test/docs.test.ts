import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const prosePaths = globSync(['*.md', '{shared,hub,agent,infra,test}/**/*.md'], { cwd: root });
const prose = prosePaths.map((path) => ({ path, text: read(path) }));
const readme = read('README.md');
const guidePath = 'infra/guides/troubleshooting.md';
const guide = read(guidePath);
const code = globSync('{shared,hub,agent}/**/*.ts', { cwd: root })
  .filter((path) => !path.endsWith('.test.ts'))
  .map(read)
  .join('\n');

/** First groups of all matches, each once, in order. */
function found(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, first = '']) => first))].toSorted();
}

/** `settings.invalid` and its like, in unions named ...Code and in CodedError<...>. */
function codesIn(source: string): string[] {
  const unions = [/type \w*Code\b[^=]*=\s*([^;]+);/g, /CodedError<\s*([^>]+)>/g];
  const texts = unions.flatMap((pattern) => [...source.matchAll(pattern)].map(([, text]) => text));
  return found(texts.join('\n'), /'([a-z0-9]+\.[a-z0-9-]+)'/g);
}

/** `dns.hub` and its like: what the doctors call what they look at. */
const checksOfDoctors = globSync('{hub,agent}/doctor/*.ts', { cwd: root }).flatMap((path) =>
  found(read(path), /'([a-z]+\.[a-z-]+)'/g),
);

const codeHeading = /^### `([a-z0-9]+\.[a-z0-9-]+)`$/gm;
const wholeParagraph =
  /^\*\*What happened:\*\* \S[^]*\n\*\*Why:\*\* \S[^]*\n\*\*What to do:\*\* \S[^]*\.$/m;

/** Each code of the guide with what stands below its heading. */
function codeParagraphs(): [code: string, text: string][] {
  return guide
    .split(/^(?=##)/m)
    .map((section): [string, string] => [
      /^### `([^`]+)`\n/.exec(section)?.[1] ?? '',
      section.trim(),
    ])
    .filter(([name]) => name !== '');
}

/** The two tables from a code to its status. */
function httpStatuses(): Map<string, string> {
  const tables = ['hub/edge/failure.ts', 'hub/api/problem/problem-table.ts'].map(read).join('\n');
  const rows = tables.matchAll(/'([a-z0-9]+\.[a-z0-9-]+)': \{\s+status: (\d+)/g);
  return new Map([...rows].map(([, name = '', status = '']) => [name, status]));
}

/** Keys of the settings schemas. */
const setting = /^ +((?:HUB|PHLIX)_[A-Z0-9_]+): /gm;
const settingFiles = [
  'hub/config.ts',
  'hub/settings/limits.ts',
  'agent/config.ts',
  ...globSync('hub/settings/*.ts', { cwd: root }).filter((path) => !path.endsWith('.test.ts')),
]
  .map(read)
  .join('\n');

describe('the guide of error codes', () => {
  test('has a heading for every code of the programs, and none that they lack', () => {
    const codes = codesIn(code);
    expect(codes.length).toBeGreaterThan(50);
    // Not each once: a heading that is there twice is a mistake too.
    const headings = [...guide.matchAll(codeHeading)].map(([, name = '']) => name);
    expect(headings.toSorted()).toEqual(codes);
  });

  test('says of each code what happened, why, and what to do', () => {
    const incomplete = codeParagraphs().filter(([, text]) => !wholeParagraph.test(text));
    expect(incomplete.map(([name]) => name)).toEqual([]);
  });

  test('gives each code that is answered over HTTP its status, and no other code one', () => {
    const statuses = httpStatuses();
    expect(statuses.size).toBeGreaterThan(100);
    const wrong = codeParagraphs().filter(
      ([name, text]) => /^HTTP status (\d+)\.$/m.exec(text)?.[1] !== statuses.get(name),
    );
    expect(wrong.map(([name]) => name)).toEqual([]);
  });

  test('is what README leads to', () => {
    expect(readme).toContain(`](${guidePath})`);
    expect(found(readme, /^\| `([a-z0-9]+\.[a-z0-9-]+)` \|/gm)).toEqual([]);
  });
});

describe('README', () => {
  test('lists every setting that the programs read, and none that they do not', () => {
    const tables = `${readme}\n${read('hub/README.md')}`;
    const listed = [...tables.matchAll(/^\| ((?:`[A-Z0-9_]+` ?)+)\|/gm)].map(([, names]) => names);
    expect(found(listed.join('\n'), /`((?:HUB|PHLIX)_[A-Z0-9_]+)`/g)).toEqual(
      found(settingFiles, setting),
    );
  });

  test('follows the byte through files that exist', () => {
    const section = readme.split("## The byte's path")[1]?.split('\n## ')[0] ?? '';
    const files = found(section, /\| `([\w./-]+\.ts)` \|/g);
    expect(files.length).toBeGreaterThan(12);
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });
});

describe.each(prose)('$path', ({ path, text }) => {
  test('names only files and folders that exist', () => {
    const quoted = found(text, /`((?:shared|hub|agent|infra|test|\.ci)\/[\w./-]*)`/g);
    const linked = found(text, /\]\((?!https?:|#)([^)#]+)/g).map((link) =>
      join(dirname(path), link),
    );
    const missing = [...quoted, ...linked].filter((name) => !existsSync(join(root, name)));
    expect(missing).toEqual([]);
  });

  test('names only npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = found(text, /npm run (?:--silent )?([a-z][a-z:-]*)/g);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

  test('names only commands that the programs have', () => {
    const named = found(text, /(?:phlix-hub|phlix-agent) ((?:[a-z][a-z-]+ ?)+)[`\n]/g);
    const words = new Set(named.flatMap((command) => command.trim().split(' ')));
    const unknown = [...words].filter((word) => !new RegExp(`ommand\\(\\s*'${word}'`).test(code));
    expect(unknown).toEqual([]);
  });

  test('names only settings that the programs read', () => {
    const known = new Set(found(settingFiles, setting));
    const named = found(text, /\b((?:HUB|PHLIX)_[A-Z0-9_]*[A-Z0-9])\b/g);
    expect(
      named.filter((name) => !known.has(name) && !known.has(name.replace(/_FILE$/, ''))),
    ).toEqual([]);
  });

  test('names only error codes that the programs have', () => {
    const areas = new Set(codesIn(code).map((name) => name.split('.')[0]));
    const quoted = found(text, /`([a-z]+\.[a-z][a-z-]+)`/g);
    const ours = quoted.filter((name) => areas.has(name.split('.')[0]) && !/\.(ts|md)$/.test(name));
    const known = new Set([...codesIn(code), ...checksOfDoctors]);
    expect(ours.filter((name) => !known.has(name))).toEqual([]);
  });

  test('names only ports that the programs use', () => {
    const sources = [
      'hub/config.ts',
      'hub/settings/dns.ts',
      'agent/config.ts',
      'infra/quickstart/place.ts',
    ].map(read);
    const named = found(text, /(?:\bports? |[a-z\]]:|`:)(\d{2,5})\b/g);
    const unknown = named.filter((port) => !new RegExp(`\\b${port}\\b`).test(sources.join('\n')));
    expect(unknown).toEqual([]);
  });
});
