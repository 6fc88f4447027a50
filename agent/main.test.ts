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

test('a doctor whose settings are wrong finds just that, in the words of a doctor, and exits 69', () => {
  const { status, stdout } = spawnSync(process.execPath, [program, 'doctor', '--json'], {
    env: {
      PATH: process.env['PATH'],
      PHLIX_HUB_URL: 'ftp://hub.example.org',
      PHLIX_STATE_DIR: '/nonexistent/phlix-agent',
    },
    encoding: 'utf8',
  });
  expect(status).toBe(69);
  expect(JSON.parse(stdout)).toEqual({
    healthy: false,
    findings: [
      {
        check: 'config.settings',
        state: 'failure',
        message: expect.stringMatching(/^PHLIX_HUB_URL: expected/),
        remedy: expect.stringMatching(/^[A-Z].*\.$/),
      },
    ],
  });
});
