// Numbers of certificates arrive; how many handshakes hub and nginx make with so many loaded leaves, side by side, and what a certificate costs in memory.

import { mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Program } from '../support/program.ts';
import type { Figure, Values } from './figures.ts';
import { startLoadedHub, type LoadedHubOptions } from './loaded-hub.ts';
import type { BenchHub } from './hub-with-agent.ts';
import { startLoadedNginx } from './loaded-nginx.ts';
import { Mint, stampedName } from './mint.ts';
import type { Nginx } from './nginx.ts';
import { meterCpu } from './process-tree.ts';
import { Watched } from './watched.ts';

export interface HandshakesOptions {
  /** 1: a wildcard for all names. */
  readonly counts: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly add: (contender: 'hub' | 'nginx', values: Values) => void;
  readonly say: (line: string) => void;
}

/** Full with a few names, and resumed; `spread` is full, with all names that there are in turn. */
const kinds = ['full', 'resumed', 'spread'] as const;
type Kind = (typeof kinds)[number];

/** Most hubs of many names have few that are visited at a time. */
const namesVisited = 16;

/** A name has to be visited at most this often for all to have been: each is an argument of a program. */
const namesSpread = 4000;

const kindTitles: Record<Kind, string> = {
  full: 'full handshakes',
  resumed: 'resumed handshakes',
  spread: 'full, of names in turn',
};

export function handshakeFigures(counts: readonly number[]): Figure[] {
  const rates = counts.flatMap((count) =>
    kindsFor(count, counts).flatMap((kind) => [
      {
        id: `handshakes.${kind}.${count}`,
        title: `${kindTitles[kind]}, ${count} loaded`,
        unit: '/s',
      },
      { id: `handshakes.${kind}.${count}.cpu`, title: '  processor', unit: 's/1000' },
    ]),
  );
  if (counts.length < 2) return rates;
  return [
    ...rates,
    { id: 'handshakes.memory', title: 'memory per certificate loaded', unit: 'KB' },
    { id: 'handshakes.memory.served', title: '  more for one that is served', unit: 'KB' },
  ];
}

export async function measureHandshakes(folder: string, options: HandshakesOptions): Promise<void> {
  const { counts, add } = options;
  const mint = await Mint.open();
  const servers = Math.max(...counts);
  const memories: Memory[] = [];
  for (const count of counts) {
    const coverage = count === 1 ? 'wildcard' : 'each';
    const place = join(folder, `${count}-certificates`);
    memories.push(await measureLoaded(place, count, { mint, servers, coverage }, options));
  }
  const [one, most] = [memories[0], memories.at(-1)];
  if (one === undefined || most === undefined || one === most) return;
  for (const name of ['hub', 'nginx'] as const) {
    add(name, { 'handshakes.memory': (most[name] - one[name]) / 1000 / (servers - 1) });
  }
  add('hub', { 'handshakes.memory.served': most.served / 1000 });
}

interface Memory {
  readonly hub: number;
  readonly nginx: number;
  /** Of each certificate that was asked for, beyond what it was before. */
  readonly served: number;
}

interface Running {
  readonly hub: BenchHub;
  readonly nginx: Nginx;
}

async function measureLoaded(
  folder: string,
  count: number,
  loaded: LoadedHubOptions,
  options: HandshakesOptions,
): Promise<Memory> {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const running: Running = {
    hub: await startLoadedHub(join(folder, 'hub'), loaded),
    nginx: await startLoadedNginx(join(folder, 'nginx'), loaded),
  };
  const isCompared = options.counts.length > 1;
  const watched = isCompared ? await Watched.attach(running.hub.program) : undefined;
  const hub = (await watched?.bytes()) ?? 0;
  const nginx = running.nginx.program.memory().bytes;
  let served = 0;
  for (const kind of kindsFor(count, options.counts)) {
    if (kind === 'spread' && watched !== undefined) {
      served = await servedBytes(running.hub, watched);
    }
    const wish = { kind, seconds: options.seconds, names: namesFor(kind, loaded.servers) };
    await inRounds(running, wish, { count, options });
  }
  watched?.detach();
  for (const { program } of [running.hub, running.nginx]) await program.stop();
  return { hub, nginx, served };
}

async function inRounds(
  running: Running,
  wish: ShakeWish,
  { count, options }: { count: number; options: HandshakesOptions },
): Promise<void> {
  const id = `handshakes.${wish.kind}.${count}`;
  for (let round = 0; round < options.rounds; round += 1) {
    for (const name of ['nginx', 'hub'] as const) {
      const taken = await shake(running[name], wish);
      options.add(name, { [id]: taken.perSecond, [`${id}.cpu`]: taken.cpuSecondsPerThousand });
      options.say(`      ${name}: ${wish.kind}, ${count} loaded: ${limitText(taken)}`);
    }
  }
}

/** Fewer than the hub keeps ready (hub/certificates/life/live.ts). */
const namesServed = 1000;

/** Before the hub keeps as many as it ever does, and when the code of its handshakes has been compiled. */
async function servedBytes({ port }: BenchHub, watched: Watched): Promise<number> {
  const before = await watched.bytes();
  const names = Array.from({ length: namesServed }, (_, index) => stampedName(index));
  const shaker = startShaker(port, ['--once'], names);
  await reportOf(shaker);
  return ((await watched.bytes()) - before) / namesServed;
}

/** What a rarely visited name costs, and memory, is for runs that compare. */
function kindsFor(count: number, counts: readonly number[]): readonly Kind[] {
  const isCompared = counts.length > 1 && count > 1;
  return isCompared ? kinds : kinds.filter((kind) => kind !== 'spread');
}

function namesFor(kind: Kind, servers: number): string[] {
  const size = Math.min(servers, kind === 'spread' ? namesSpread : namesVisited);
  // A ticket is for one name.
  const count = kind === 'resumed' ? 1 : size;
  const step = Math.floor(servers / count);
  return Array.from({ length: count }, (_, index) => stampedName(index * step));
}

interface ShakeWish {
  readonly kind: Kind;
  readonly seconds: number;
  readonly names: readonly string[];
}

interface Shaken {
  readonly perSecond: number;
  /** Of the server, with what it did before anything counted. */
  readonly cpuSecondsPerThousand: number;
  readonly clientSecondsPerThousand: number;
}

interface ShakerReport {
  readonly perSecond: number;
  readonly counted: number;
  readonly total: number;
  readonly cpuSeconds: number;
}

async function shake(
  { program, port }: { readonly program: Program; readonly port: number },
  { kind, seconds, names }: ShakeWish,
): Promise<Shaken> {
  const cpu = meterCpu({ server: program });
  const words = ['--seconds', String(seconds), ...(kind === 'resumed' ? ['--resumed'] : [])];
  const shakers = Array.from({ length: shakerCount }, () => startShaker(port, words, names));
  const reports = await Promise.all(shakers.map(reportOf));
  const sum = (of: (report: ShakerReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  return {
    perSecond: sum(({ perSecond }) => perSecond),
    cpuSecondsPerThousand: ((cpu.read()['server'] ?? 0) / sum(({ total }) => total)) * 1000,
    clientSecondsPerThousand: (sum((one) => one.cpuSeconds) / sum((one) => one.counted)) * 1000,
  };
}

function startShaker(port: number, words: readonly string[], names: readonly string[]): Program {
  const asked = names.flatMap((name) => ['--name', name]);
  const command = [process.execPath, script, '--port', String(port), ...words, ...asked] as const;
  return new Program({ command });
}

async function reportOf(shaker: Program): Promise<ShakerReport> {
  const [line] = await shaker.waitForLine(/^\{.*\}$/m);
  await shaker.end();
  return JSON.parse(line) as ShakerReport;
}

/** Whether figures are the server's or the clients': what these would make if they had all processors to themselves. */
function limitText({ perSecond, clientSecondsPerThousand }: Shaken): string {
  const alone = (cpus().length * 1000) / clientSecondsPerThousand;
  return `${perSecond.toFixed(0)}/s; the clients alone could do ${alone.toFixed(0)}/s at most`;
}

/** One for each processor: a single process of Node makes fewer handshakes than a server. */
const shakerCount = Math.min(4, cpus().length);
const script = fileURLToPath(new URL('shaker/main.ts', import.meta.url));
