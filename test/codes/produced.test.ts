import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const isTest = (path: string): boolean => path.endsWith('.test.ts');

const sources = globSync('{shared,hub,agent}/**/*.ts', { cwd: root }).filter(
  (path) => !isTest(path),
);
/** Those that look at tables of codes have produced nothing. */
const tables = /^test\/(docs|codes\/produced)\.test\.ts$/;
const tests = globSync('{shared,hub,agent,infra,test}/**/*.ts', { cwd: root })
  .filter((path) => isTest(path) || path.startsWith('test/'))
  .filter((path) => !tables.test(path));

/** Commands print the sentence and not the code: what a test waits for, word by word in its source. */
const sentences: Readonly<Record<string, string>> = {
  'backup.not-empty': 'There is a hub already',
  'certificate.unknown': 'There is no certificate for',
  'domain.ambiguous': 'servers claim',
  'domain.unknown': 'Nobody has added',
};

/** As the guide lists them, which test/docs.test.ts holds against the programs. */
const codes = [...read('infra/guides/troubleshooting.md').matchAll(/^### `([^`]+)`$/gm)].map(
  ([, code = '']) => code,
);

/** Who makes the error himself, or speaks of it in a comment, expects nothing. */
const isNone = /new \w+(?:Error|Failure)\(|^\s*(?:\/\/|\*)/;

/** Which codes stop the agent is a list, and no code in it has happened. */
function withoutLists(path: string, text: string): string {
  return path === 'agent/supervise.test.ts' ? text.replaceAll(/^\s*'[^']+',$/gm, '') : text;
}

/** The code of the next line is that of an error that the test makes. */
function isMade(line = ''): boolean {
  return /new \w+(?:Error|Failure)\(\s*$/.test(line);
}

/** Lines of tests that want the code. */
function expectationsIn(text: string, code: string): string[] {
  if (!text.includes(code) && !text.includes(code.replace('.', String.raw`\.`))) return [];
  const lines = text.split('\n');
  const spelled = new RegExp(`(?<![\\w.])${code.replace('.', String.raw`\\?\.`)}(?![\\w-])`);
  return lines.filter(
    (line, i) => spelled.test(line) && !isNone.test(line) && !isMade(lines[i - 1]),
  );
}

test('every code is expected by a test, of the code or of the sentence that a command prints', () => {
  expect(codes.length).toBeGreaterThan(200);
  const texts = tests.map((path) => withoutLists(path, read(path)));
  const missing = codes.filter((code) => {
    const sentence = sentences[code];
    return !texts.some(
      (text) =>
        expectationsIn(text, code).length > 0 ||
        (sentence !== undefined && text.includes(sentence)),
    );
  });
  expect(missing).toEqual([]);
});

test('a sentence that stands for a code is the one that the program says with it', () => {
  const source = sources.map(read).join('\n');
  const wrong = Object.entries(sentences).filter(([code, sentence]) => {
    const places = [...source.matchAll(new RegExp(`'${code.replace('.', '\\.')}',\\s`, 'g'))];
    return !places.some(({ index }) => source.slice(index, index + 300).includes(sentence));
  });
  expect(wrong).toEqual([]);
});

test('a test that makes an error itself, or speaks of it in a comment, expects nothing', () => {
  const code = 'tunnel.offline';
  const made = `throw new TunnelError('${code}', 'x');\n// ${code}\nnew TunnelError(\n  '${code}',\n)`;
  expect(expectationsIn(made, code)).toEqual([]);
  expect(expectationsIn(`toMatchObject({ code: '${code}' })`, code)).toHaveLength(1);
  expect(expectationsIn(String.raw`/"code":"tunnel\.offline"/`, code)).toHaveLength(1);
  expect(expectationsIn(`'${code}-for-good'`, code)).toEqual([]);
});
