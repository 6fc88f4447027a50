// Words behind `phlix-agent` that it does not know arrive; the exit code and what was meant leave.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, onTestFinished, test } from 'vitest';

import { formatEnrolmentToken } from '../shared/enrolment-token.ts';
import { Program } from '../test/support/program.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';

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

test('signals that ask other programs to open their logs again open no debugger, and end nothing', async () => {
  const folder = temporaryFolder('agent');
  onTestFinished(() => folder.remove());
  const secret = 'A'.repeat(43);
  const agent = new Program({
    command: [process.execPath, program],
    env: {
      PATH: process.env['PATH'],
      // Nobody listens there, and the agent goes on asking.
      PHLIX_HUB_URL: 'https://127.0.0.1:1',
      PHLIX_HUB_ENROLLMENT_TOKEN: formatEnrolmentToken({
        id: 'aB3dE6gH',
        secret,
        caFingerprint: undefined,
      }),
      PHLIX_STATE_DIR: join(folder.path, 'state'),
    },
  });
  await agent.waitForLine(/"starting"/);
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const) {
    agent.kill(signal);
    await agent.waitForLine(new RegExp(`"${signal}".*opened again`));
  }
  expect(agent.output).not.toContain('Debugger');
  expect(await agent.stop()).toBe(0);
}, 60_000);
