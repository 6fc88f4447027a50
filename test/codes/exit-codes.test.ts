// Exit codes of both programs and of install.sh arrive; README lists each of them, and no other.

import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { exitCode as ofAgent } from '../../agent/supervise.ts';
import { exitCode as ofHub } from '../../hub/cli/exit-code.ts';

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('README lists the exit codes of the programs and of install.sh, and no others', () => {
  const [, table = ''] = /### Exit codes\n([^]*?)\n##/.exec(read('README.md')) ?? [];
  const listed = [...table.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, codes = '']) =>
    codes.split(', ').map(Number),
  );
  const script = [...read('infra/install.sh').matchAll(/(?:fail|exit) (\d+)/g)];
  // The signals' end the process by themselves (agent/main.ts, hub/process).
  const used = [...Object.values(ofHub), ...Object.values(ofAgent), 130, 143];
  const all = new Set([...used, ...script.map(([, code]) => Number(code))]);
  expect(new Set(listed)).toEqual(new Set([...all].filter((code) => code !== 1)));
});
