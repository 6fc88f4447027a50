// Words behind `phlix-agent` that it does not know arrive; the exit code and what was meant leave.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('main.ts', import.meta.url));

test.each([
  [['statsu'], "phlix-agent: unknown command 'statsu'\n(Did you mean status?)\n"],
  [['status', 'now'], "phlix-agent: too many arguments for 'status'."],
  [['--json'], "phlix-agent: unknown option '--json'"],
])('%j starts nothing, exits 64 and names the help', (words, said) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    env: { PATH: process.env['PATH'] },
    encoding: 'utf8',
  });
  expect([status, stdout]).toEqual([64, '']);
  expect(stderr).toContain(said);
  expect(stderr).toContain('Try: phlix-agent --help');
});
