import { describe, expect, test } from 'vitest';
import { rules } from './architecture/rules.ts';
import { readSources, sourceFile } from './architecture/source.ts';

type RuleName = keyof typeof rules;

const opening = '// A stranger arrives here; a friend leaves.\n';
const importing = (specifier: string, what = '{ it }') => `import ${what} from '${specifier}';\n`;

const importingLate = (specifier: string) => `const it = await import('${specifier}');\n`;

/** For every rule: files that break it, and a part of the sentence it must say. */
const planted: Record<RuleName, [path: string, text: string, complaint: RegExp][]> = {
  'hub and agent meet in shared only': [
    ['agent/link.ts', importing('../hub/hub.ts'), /agent\/link\.ts imports hub\/hub\.ts/],
    ['hub/hub.ts', importing('../agent/link.ts'), /hub\/hub\.ts imports agent\/link\.ts/],
    ['shared/log.ts', importing('../hub/hub.ts'), /may import shared only/],
    ['shared/log.ts', importing('../infra/a.ts'), /may import shared only/],
    ['hub/a.ts', importingLate('../agent/b.ts'), /imports agent\/b\.ts/],
    ['hub/a.ts', "export {\n  one,\n  two,\n} from '../agent/b.ts';\n", /imports agent\/b\.ts/],
    ['hub/a.ts', "import '../agent/b.ts';\n", /imports agent\/b\.ts/],
  ],
  'nothing imports test': [
    ['hub/hub.ts', importing('../test/support/origin.ts'), /nothing outside test imports test/],
  ],
  'shared/wire imports nothing': [
    ['shared/wire/frame.ts', importing('node:crypto'), /imports node:crypto/],
    ['shared/wire/frame.ts', importing('../mux/stream.ts'), /imports shared\/mux\/stream\.ts/],
  ],
  'shared/mux imports wire only': [
    ['shared/mux/stream.ts', importing('../http/head.ts'), /imports shared\/http\/head\.ts/],
    ['shared/mux/stream.ts', importing('node:http'), /imports node:http/],
    ['shared/mux/stream.ts', importing('pino'), /imports pino/],
  ],
  'shared/http is pure': [['shared/http/head.ts', importing('node:net'), /without I\/O/]],
  'domains know no door and no database': [
    ['hub/tunnels/registry.ts', importing('../db/connect.ts'), /shared and domains only/],
    ['hub/tunnels/registry.ts', importing('drizzle-orm/pg-core'), /imports drizzle-orm: a domain/],
    ['hub/audit/chain.ts', importing('node:http2'), /imports node:http2/],
    ['hub/audit/chain.ts', importing('../tunnels/server.ts'), /only types of each other/],
  ],
  'rooms meet in the composition root': [
    ['hub/edge/front.ts', importing('../gateway/accept.ts'), /only hub\/hub\.ts/],
    ['hub/db/servers.ts', importing('../hub.ts'), /only hub\/hub\.ts/],
  ],
  'each library has one home': [
    ['hub/edge/front.ts', importing('hono/html'), /belongs in hub\/dashboard\//],
    ['hub/tunnels/server.ts', importing('pg'), /belongs in hub\/db\//],
    ['hub/edge/upgrade.ts', importing('ws'), /belongs in hub\/gateway\//],
  ],
  "the byte's path passes through no schema": [
    ['hub/edge/front.ts', importing('zod'), /decoded by hand/],
  ],
  'no cycles': [
    ['hub/edge/self.ts', importing('./self.ts'), /hub\/edge\/self\.ts -> hub\/edge\/self\.ts is a/],
  ],
  'tests that change the network run by themselves': [
    ['test/e2e/a.test.ts', importing('../support/namespace.ts'), /a\.test\.ts: belongs in/],
  ],
  'no drawers': [
    ['hub/edge/index.ts', opening, /"index" is a drawer/],
    ['shared/utils/bytes.ts', opening, /"utils" is a drawer/],
    ['hub/types.ts', opening, /"types" is a drawer/],
  ],
  'every file opens with what arrives and what leaves': [
    ['hub/a.ts', importing('node:net'), /hub\/a\.ts: must open/],
    ['hub/a.ts', `${opening}// and goes on\n`, /hub\/a\.ts: must open/],
    ['hub/main.ts', `#!/usr/bin/env node\n${importing('node:net')}`, /hub\/main\.ts: must open/],
  ],
  'no file beyond 400 lines': [['hub/a.ts', '\n'.repeat(401), /401 lines/]],
};

const sources = readSources();
const ruleNames = Object.keys(rules) as RuleName[];

test('the tree has files to judge, and their imports are found', () => {
  expect(sources.length).toBeGreaterThan(10);
  const known = new Set(sources.map(({ path }) => path));
  const lost = sources.flatMap(({ path, imports }) =>
    imports.filter((i) => i.isOurs && !known.has(i.target)).map((i) => `${path} -> ${i.target}`),
  );
  expect(lost).toEqual([]);
});

describe.each(ruleNames)('%s', (name) => {
  test('holds for every file', () => {
    expect(rules[name](sources)).toEqual([]);
  });

  test.each(planted[name])('is seen broken in %s', (path, text, complaint) => {
    const violations = rules[name]([sourceFile(path, text)]);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatch(complaint);
  });
});

test('a cycle over three files is seen once, with its way', () => {
  const files = [
    sourceFile('hub/a.ts', importing('./b.ts')),
    sourceFile('hub/b.ts', importing('./c.ts')),
    sourceFile('hub/c.ts', importing('./a.ts')),
    sourceFile('hub/d.ts', importing('./a.ts')),
  ];
  expect(rules['no cycles'](files)).toEqual([
    'hub/a.ts -> hub/b.ts -> hub/c.ts -> hub/a.ts is a cycle',
  ]);
});

test('code quoted inside a test is not taken for an import', () => {
  const { imports } = sourceFile(
    'test/a.test.ts',
    'const text = "import { a } from \'./b.ts\'";\n',
  );
  expect(imports).toEqual([]);
});
