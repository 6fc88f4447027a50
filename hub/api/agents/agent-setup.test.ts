// What is pasted runs as it stands, in a shell whose docker, npm and sudo write down what they are told.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';
import { parse } from 'yaml';

import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { agentSetup } from './agent-setup.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const token = 'phe_abcdefgh-a-token-that-is-shown-once';
const settings = {
  PHLIX_HUB_URL: 'https://hub.example.org:8802',
  PHLIX_SUBDOMAIN_AUTO_CLAIM: '1',
  PHLIX_TLS_ENABLED: '1',
};
const setup = agentSetup({ ...settings, PHLIX_HUB_ENROLLMENT_TOKEN: token });

interface Told {
  readonly home: string;
  /** Of each program that was started, its name in front. */
  readonly commands: readonly (readonly string[])[];
  /** What one of them was given on standard input. */
  readonly input: string;
}

function paste(block: string, ends = 0): Told {
  const { path } = temporaryFolder('paste');
  const [home, log, input] = [path, join(path, 'log'), join(path, 'input')];
  writeFileSync(log, '');
  for (const name of ['docker', 'npm', 'sudo']) {
    const words = `printf '%s\\0' ${name} "$@" >> ${log}; printf '\\n' >> ${log}`;
    const read = `case "$*" in *'/dev/stdin'*) cat > ${input} ;; esac`;
    writeFileSync(join(path, name), `#!/bin/sh\n${words}\n${read}\n`);
    chmodSync(join(path, name), 0o755);
  }
  const env = { HOME: home, PATH: `${path}:${process.env['PATH']}` };
  const { status, stderr } = spawnSync('sh', [], {
    input: block,
    cwd: root,
    env,
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([ends, '']);
  const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
  const commands = lines.map((line) => line.split('\0').slice(0, -1));
  return { home, commands, input: existsSync(input) ? readFileSync(input, 'utf8') : '' };
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

test.each(['docker', 'compose', 'systemd'] as const)(
  'the block for %s is one command, and shows the token to no other user of the machine',
  (way) => {
    // Where the first part fails nothing of the rest runs.
    expect(paste(`false && ${setup[way]}`, 1).commands).toEqual([]);
    const { commands } = paste(setup[way]);
    expect(commands.flat().join(' ')).not.toContain(token);
  },
);

const composeFile = readFileSync(join(root, 'infra/compose.agent.yaml'), 'utf8');

test('compose: the file of infra, the settings beside it, and the token in a file of its own', () => {
  const { home, commands } = paste(setup.compose);
  const folder = join(home, 'phlix-agent');
  expect(modeOf(folder)).toBe(0o700);
  expect(readFileSync(join(folder, 'compose.yaml'), 'utf8')).toBe(composeFile);
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  expect(readFileSync(join(folder, '.env'), 'utf8')).toBe(lines.join(''));
  expect(readFileSync(join(folder, 'enrollment-token'), 'utf8')).toBe(`${token}\n`);
  expect(modeOf(join(folder, 'enrollment-token'))).toBe(0o444);
  expect(commands).toEqual([
    ['docker', 'build', '--tag', 'phlix-agent', '--file', 'Dockerfile.agent', '.'],
    ['docker', 'compose', '--file', join(folder, 'compose.yaml'), 'up', '--detach'],
  ]);
});

interface ComposeAgent {
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly secrets: readonly string[];
  readonly logging: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
  readonly [key: string]: unknown;
}

test('docker run says what the compose file says', () => {
  const { agent } = (parse(composeFile) as { services: { agent: ComposeAgent } }).services;
  const { home, commands } = paste(setup.docker);
  const [, , ...words] = commands[1] ?? [];
  const valuesOf = (option: string): string[] =>
    words.flatMap((word, at) => (word === option ? [words[at + 1] ?? ''] : []));
  const { environment, volumes, secrets, logging } = agent;
  expect(words.at(-1)).toBe('phlix-agent');
  expect(words).toContain('--read-only');
  expect(agent).toMatchObject({ read_only: true });
  expect(valuesOf('--network')).toEqual([agent['network_mode']]);
  expect(valuesOf('--restart')).toEqual([agent['restart']]);
  expect(valuesOf('--cap-drop')).toEqual(agent['cap_drop']);
  expect(valuesOf('--security-opt')).toEqual(agent['security_opt']);
  expect(valuesOf('--tmpfs')).toEqual(agent['tmpfs']);
  expect(`${valuesOf('--stop-timeout')[0]}s`).toBe(agent['stop_grace_period']);
  expect(valuesOf('--log-driver')).toEqual([logging.driver]);
  const options = Object.entries(logging.options).map(([name, value]) => `${name}=${value}`);
  expect(valuesOf('--log-opt')).toEqual(options);
  const tokenFile = join(home, 'phlix-agent', 'enrollment-token');
  expect(readFileSync(tokenFile, 'utf8')).toBe(`${token}\n`);
  expect(valuesOf('--volume')).toEqual([
    `${tokenFile}:/run/secrets/${secrets[0]}:ro`,
    `phlix-${volumes[0]}`,
  ]);
  const { PHLIX_HUB_ENROLLMENT_TOKEN_FILE: inside } = environment;
  expect(valuesOf('--env')).toEqual([
    ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    `PHLIX_HUB_ENROLLMENT_TOKEN_FILE=${inside}`,
  ]);
});

test('systemd: install.sh puts the unit of infra in place, and gets the token as a file', () => {
  const { commands, input } = paste(setup.systemd);
  const set = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  expect(commands).toEqual([
    ['npm', 'ci'],
    ['npm', 'run', 'build:agent'],
    ['sudo', 'sh', 'infra/install.sh', 'agent', '--no-start', ...set],
    [
      'sudo',
      'install',
      '-m',
      '0600',
      '/dev/stdin',
      '/etc/phlix-agent/secrets/PHLIX_HUB_ENROLLMENT_TOKEN',
    ],
    ['sudo', 'sh', 'infra/install.sh', 'agent'],
  ]);
  expect(input).toBe(`${token}\n`);
});
