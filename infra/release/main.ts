#!/usr/bin/env node
// Words arrive; a release leaves in a folder, or with --check the answer whether there could be one: exit code 0, or 1 with what is wrong.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { checkRelease } from './check.ts';
import { makeRelease } from './release.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

const help = `npm run release -- --key FILE [--out FOLDER]
  --key FILE     the maintainers' secret key of minisign; it asks for the password if there is one
  --out FOLDER   where the files go (dist/release)
  --no-build     with what dist holds already
  --check        make nothing: see whether a release would be right, with a key that is thrown away
  --json         print one JSON object
`;

const { values } = parseArgs({
  options: {
    key: { type: 'string' },
    out: { type: 'string', default: 'dist/release' },
    'no-build': { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

async function main(): Promise<number> {
  if (values.help) return say(help);
  if (!values.check && (values.key === undefined || !existsSync(values.key))) {
    process.stderr.write(`release: name the file of the secret key with --key\n\n${help}`);
    return 64;
  }
  if (!values['no-build'])
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 2, 2] });
  const tree = { root, dist: resolve(root, 'dist'), seconds: commitSeconds() };
  if (values.check) return check(tree);
  const out = resolve(root, values.out);
  const files = await makeRelease({ ...tree, out, keyFile: values.key });
  if (values.json) return say(`${JSON.stringify({ out, files })}\n`);
  return say(`${[...files, 'SHA256SUMS', 'SHA256SUMS.minisig'].join('\n')}\n`);
}

async function check(tree: Parameters<typeof checkRelease>[0]): Promise<number> {
  const looks = await checkRelease(tree);
  const isRight = looks.every(({ faults }) => faults.length === 0);
  if (values.json) say(`${JSON.stringify({ ok: isRight, looks })}\n`);
  else
    for (const { name, faults } of looks)
      say(`${faults.length === 0 ? 'ok   ' : 'WRONG'} ${name}\n${faults.map(indented).join('')}`);
  return isRight ? 0 : 1;
}

function indented(fault: string): string {
  return `      ${fault}\n`;
}

/** Of the commit that is released, so that whoever builds it again gets the same bytes. */
function commitSeconds(): number {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined) return Number(given);
  return Number(
    execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' }),
  );
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

process.exitCode = await main();
