// Source files arrive; the sentences that say which file broke which rule of the house leave.

import { changesNetwork } from '../support/network-changes.ts';
import type { Import, SourceFile } from './source.ts';

/** A rule looks at the whole tree and returns one sentence per violation. */
type Rule = (files: readonly SourceFile[]) => string[];

const domains = [
  'tunnels',
  'certificates',
  'accounts',
  'access',
  'audit',
  'backup',
  'notices',
  'usage',
];
/** Rooms of the hub that do the outside's work; they meet in hub/hub.ts and hub/composition, and never import each other. */
const rooms = ['edge', 'gateway', 'dashboard', 'api', 'cluster', 'telemetry', 'outbound', 'db'];
/** Packages with one home each, so that a change of library has one place. */
const homes: Record<string, readonly string[]> = {
  hono: ['hub/dashboard/', 'hub/api/'],
  '@hono/node-server': ['hub/dashboard/', 'hub/api/'],
  'drizzle-orm': ['hub/db/'],
  pg: ['hub/db/'],
  ws: ['hub/gateway/', 'agent/', 'shared/mux/websocket-transport.ts', 'infra/quickstart/demo/'],
  commander: ['hub/main.ts', 'hub/cli/', 'agent/'],
  '@peculiar/x509': ['hub/certificates/'],
  '@hono/zod-openapi': ['hub/api/'],
  '@simplewebauthn/server': ['hub/accounts/factors/'],
  otplib: ['hub/accounts/factors/'],
  maxmind: ['hub/accounts/login/'],
  'openid-client': ['hub/accounts/sso/'],
  nodemailer: ['hub/notices/'],
  undici: ['hub/outbound/'],
  uplot: ['hub/dashboard/islands/'],
  'prom-client': ['shared/telemetry/'],
  '@opentelemetry/api': ['hub/telemetry/tracing.ts'],
  '@opentelemetry/sdk-trace': ['hub/telemetry/tracing.ts'],
  'age-encryption': ['hub/backup/'],
  'tar-stream': ['hub/backup/', 'infra/release/'],
  'pg-copy-streams': ['hub/db/'],
};
const forbiddenNames = new Set(['index', 'utils', 'util', 'common', 'helpers', 'misc', 'types']);
const maxLines = 400;

export const rules = {
  'hub and agent meet in shared only': everyImport((file, { target, isOurs }) => {
    const isAllowed = [topOf(file.path), 'shared'].includes(topOf(target));
    return !isOurs || isAllowed ? undefined : 'may import shared only';
  }, isProduct),

  'nothing imports test': everyImport(
    (_, { target }) => (topOf(target) === 'test' ? 'nothing outside test imports test' : undefined),
    isProduct,
  ),

  'shared/wire imports nothing': everyImport((_, { target }) => {
    const isAllowed = within(target, 'shared/wire/', 'shared/errors.ts', 'node:buffer');
    return isAllowed ? undefined : 'shared/wire imports nothing but Buffer and errors.ts';
  }, inFolder('shared/wire/')),

  'shared/mux imports wire only': everyImport((_, { target }) => {
    const isAllowed =
      target.startsWith('node:') ||
      within(target, 'shared/mux/', 'shared/wire/', 'shared/errors.ts', 'ws');
    return isAllowed && !isHttp(target) ? undefined : 'shared/mux carries opaque bytes over wire';
  }, inFolder('shared/mux/')),

  'shared/http is pure': everyImport((_, { target }) => {
    const isAllowed = within(target, 'shared/http/', 'shared/errors.ts', 'node:buffer');
    return isAllowed ? undefined : 'shared/http turns bytes into heads and back, without I/O';
  }, inFolder('shared/http/')),

  'domains know no door and no database': everyImport(
    (file, { target, isOurs, isTypeOnly }) => {
      if (!isOurs) {
        const isFramework = ['hono', 'drizzle-orm', 'pg', 'ws'].includes(target) || isHttp(target);
        return isFramework ? 'a domain declares a port instead' : undefined;
      }
      const [own, other] = [hubFolder(file.path), hubFolder(target)];
      if (own === other || topOf(target) === 'shared') return undefined;
      const isNeighbour = other !== undefined && domains.includes(other);
      if (isNeighbour && isTypeOnly) return undefined;
      return isNeighbour
        ? 'domains import only types of each other'
        : 'a domain imports shared and domains only';
    },
    inFolder(...domains.map((domain) => `hub/${domain}/`)),
  ),

  'rooms meet in the composition root': everyImport(
    (file, { target, isOurs }) => {
      const [own, other] = [hubFolder(file.path), hubFolder(target)];
      if (!isOurs || own === other || topOf(target) !== 'hub') return undefined;
      if (other !== undefined && domains.includes(other)) return undefined;
      return 'only hub/hub.ts, hub/composition, hub/doors, hub/upkeep and hub/cli see other rooms';
    },
    inFolder(...rooms.map((room) => `hub/${room}/`)),
  ),

  'each library has one home': everyImport((file, { target }) => {
    const home = Object.hasOwn(homes, target) ? homes[target] : undefined;
    return home === undefined || within(file.path, ...home)
      ? undefined
      : `belongs in ${home.join(', ')}`;
  }, isProduct),

  "the byte's path passes through no schema": everyImport(
    (_, { target }) => (target === 'zod' ? 'bytes from the wire are decoded by hand' : undefined),
    inFolder('shared/wire/', 'shared/mux/', 'shared/http/', 'hub/edge/', 'hub/tunnels/registry.ts'),
  ),

  'no cycles': (files) => cyclesOf(files).map((cycle) => `${cycle.join(' -> ')} is a cycle`),

  'tests that change the network run by themselves': (files) => {
    const makers = importersOf('test/support/namespace.ts', files);
    return files
      .filter((file) => !isNoTest(file) && makers.has(file.path))
      .flatMap(({ path }) =>
        changesNetwork.includes(path)
          ? []
          : [`${path}: belongs in test/support/network-changes.ts`],
      );
  },

  'no drawers': (files) =>
    files.flatMap(({ path }) => {
      const drawer = path
        .replace(/\.ts$/, '')
        .split('/')
        .find((part) => forbiddenNames.has(part));
      return drawer === undefined ? [] : [`${path}: "${drawer}" is a drawer; name the noun`];
    }),

  'every file opens with what arrives and what leaves': (files) =>
    files.filter(isNoTest).flatMap(({ path, text }) => {
      const [first = '', second = ''] = text.replace(/^#!.*\n/, '').split('\n');
      const isOpening = /^\/\/ \S.{20,}/.test(first) && !second.startsWith('//');
      return isOpening ? [] : [`${path}: must open with one line of comment`];
    }),

  'no file beyond 400 lines': (files) =>
    files.filter(isNoTest).flatMap(({ path, text }) => {
      const lines = text.split('\n').length - 1;
      return lines > maxLines ? [`${path}: ${lines} lines; which noun hides inside?`] : [];
    }),
} satisfies Record<string, Rule>;

type Judge = (file: SourceFile, found: Import) => string | undefined;

function everyImport(judge: Judge, applies: (file: SourceFile) => boolean): Rule {
  return (files) =>
    files.filter(applies).flatMap((file) =>
      file.imports.flatMap((found) => {
        const complaint = judge(file, found);
        return complaint === undefined
          ? []
          : [`${file.path} imports ${found.target}: ${complaint}`];
      }),
    );
}

function isNoTest({ path }: SourceFile): boolean {
  return !path.endsWith('.test.ts');
}

/** Tests beside a file may reach further than the file itself. */
function isProduct(file: SourceFile): boolean {
  return isNoTest(file) && topOf(file.path) !== 'test';
}

function inFolder(...prefixes: string[]): (file: SourceFile) => boolean {
  return (file) => isNoTest(file) && within(file.path, ...prefixes);
}

function within(path: string, ...prefixes: string[]): boolean {
  return prefixes.some((prefix) =>
    prefix.endsWith('/') ? path.startsWith(prefix) : path === prefix,
  );
}

function topOf(path: string): string | undefined {
  return /^(shared|hub|agent|infra|test)\//.exec(path)?.[1];
}

function hubFolder(path: string): string | undefined {
  return /^hub\/([^/]+)\//.exec(path)?.[1];
}

function isHttp(target: string): boolean {
  return ['node:http', 'node:https', 'node:http2'].includes(target);
}

/** Those that import it, and those that import them, types apart. */
function importersOf(target: string, files: readonly SourceFile[]): Set<string> {
  const found = new Set([target]);
  const isImporter = ({ imports }: SourceFile): boolean =>
    imports.some((each) => !each.isTypeOnly && found.has(each.target));
  for (let known = 0; known < found.size;) {
    known = found.size;
    for (const file of files) if (isImporter(file)) found.add(file.path);
  }
  return found;
}

/** Each cycle once, found by a depth-first walk that remembers the way it came. */
function cyclesOf(files: readonly SourceFile[]): string[][] {
  const edges = new Map(files.map((file) => [file.path, file.imports.filter((i) => i.isOurs)]));
  const done = new Set<string>();
  const cycles: string[][] = [];
  const walk = (path: string, way: readonly string[]): void => {
    const seenAt = way.indexOf(path);
    if (seenAt >= 0) cycles.push([...way.slice(seenAt), path]);
    if (seenAt >= 0 || done.has(path)) return;
    for (const { target } of edges.get(path) ?? []) walk(target, [...way, path]);
    done.add(path);
  };
  for (const path of edges.keys()) walk(path, []);
  return cycles;
}
