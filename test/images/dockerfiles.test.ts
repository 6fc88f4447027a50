// Both Dockerfiles and what is sent to their build, held to rules that no build has to run for; `npm run images` builds them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Instruction {
  readonly name: string;
  readonly words: string;
}

/** Instructions of each stage, with continued lines joined. */
function stagesOf(file: string): Instruction[][] {
  const text = readFileSync(join(root, file), 'utf8').replace(/\\\n/g, ' ');
  const stages: Instruction[][] = [[]];
  for (const line of text.split('\n')) {
    const [, name = '', words = ''] = /^([A-Z]+)\s+(.*)$/.exec(line.trim()) ?? [];
    if (name === '') continue;
    if (name === 'FROM') stages.push([]);
    stages.at(-1)?.push({ name, words: words.replace(/\s+/g, ' ') });
  }
  return stages;
}

function wordsOf(stage: readonly Instruction[], name: string): string[] {
  return stage.filter((one) => one.name === name).map(({ words }) => words);
}

describe.each([
  { name: 'hub', command: '["phlix-hub", "health"]' },
  { name: 'agent', command: '["phlix-agent", "status"]' },
])('Dockerfile.$name', ({ name, command }) => {
  const [global = [], ...stages] = stagesOf(`Dockerfile.${name}`);
  const last = stages.at(-1) ?? [];

  test('stands on one image, which the builder may exchange', () => {
    expect(wordsOf(global, 'ARG')).toEqual(['NODE_IMAGE=node:24-slim']);
    expect(stages.length).toBeGreaterThan(1);
    for (const stage of stages)
      expect(wordsOf(stage, 'FROM')[0]).toMatch(/^\$\{NODE_IMAGE\}( AS \w+)?$/);
  });

  test('installs exactly what the lock names, in layers that sources do not touch', () => {
    for (const stage of stages.slice(0, -1)) {
      const installs = stage.findIndex(({ words }) => words.includes('npm ci'));
      const sources = stage.findIndex(({ name, words }) => name === 'COPY' && words === '. .');
      expect(installs).toBeGreaterThan(0);
      expect(sources === -1 || sources > installs).toBe(true);
    }
    const text = readFileSync(join(root, `Dockerfile.${name}`), 'utf8');
    expect(text).not.toMatch(/npm (install|i) |apt-get|curl |wget |^ADD /m);
  });

  test('takes into the image only what earlier stages built', () => {
    for (const words of wordsOf(last, 'COPY')) expect(words).toMatch(/^--from=\w+ \/build\//);
  });

  test('runs as a user without rights, by number, and process 1 is the program', () => {
    expect(wordsOf(last, 'USER')).toEqual(['8802:8802']);
    const after = last.slice(last.findIndex((one) => one.name === 'USER'));
    expect(after.map((one) => one.name)).not.toContain('RUN');
    expect(wordsOf(last, 'ENTRYPOINT')[0]).toMatch(/^\["node", "\/opt\//);
    expect(wordsOf(last, 'CMD')).toEqual([]);
  });

  test('keeps no package manager and no program that runs as somebody else', () => {
    const [made = ''] = wordsOf(last, 'RUN');
    for (const path of ['/usr/local/lib/node_modules', '/usr/local/bin/npm', '/usr/local/bin/npx'])
      expect(made).toContain(path);
    expect(made).toContain('find / -xdev -type f -perm /6000 -exec chmod a-s {} +');
  });

  test('says how it is, how it is stopped, what it is, and where its data lie', () => {
    expect(wordsOf(last, 'HEALTHCHECK')[0]).toContain(`CMD ${command}`);
    expect(wordsOf(last, 'STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(wordsOf(last, 'VOLUME')).toEqual([`/var/lib/phlix-${name}`]);
    expect(wordsOf(last, 'ENV')[0]).toContain('MALLOC_ARENA_MAX=2');
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(wordsOf(last, 'ARG')).toContain(`VERSION=${version}`);
    expect(wordsOf(last, 'LABEL')[0]).toContain('org.opencontainers.image.licenses="MIT"');
  });

  test('has no secret, and no place to bring one in by', () => {
    const named = [...global, ...stages.flat()].filter((one) => ['ARG', 'ENV'].includes(one.name));
    for (const { words } of named) expect(words).not.toMatch(/SECRET|TOKEN|PASSWORD|_KEY/i);
  });
});

test("the agent's image is its base and one file", () => {
  const last = stagesOf('Dockerfile.agent').at(-1) ?? [];
  expect(wordsOf(last, 'COPY')).toEqual([
    '--from=build /build/dist/agent/phlix-agent.mjs /opt/phlix-agent/phlix-agent.mjs',
  ]);
});

test('the two builds begin alike, so the second one finds the layers of the first', () => {
  const [[, hub = []], [, agent = []]] = [
    stagesOf('Dockerfile.hub'),
    stagesOf('Dockerfile.agent'),
  ] as const;
  expect(hub.slice(0, 4)).toEqual(agent.slice(0, 4));
  expect(wordsOf(hub.slice(0, 4), 'RUN')[0]).toContain('npm ci');
});

test('what is sent to a build is named, so nothing that lies about is', () => {
  const lines = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines[0]).toBe('*');
  const sent = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  for (const unwanted of ['.git', 'node_modules', 'dist', 'test', 'reports', 'infra', '.env'])
    expect(sent).not.toContain(unwanted);
  expect(lines).toContain('**/.env');
});
