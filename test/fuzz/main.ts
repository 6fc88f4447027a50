// `npm run fuzz`: damaged requests through the edge and damaged responses through its parser, beside other readers; tables leave, and every disagreement.

import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';

import { Tally } from './campaign.ts';
import { campaignNames, type CampaignName } from './campaigns.ts';
import { http1Corpus } from './http1-cases.ts';
import { onlyOurs } from './response-campaign.ts';
import type { Failure, Judged, Share } from './worker/main.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    /** Of requests made at random: three quarters HTTP/1.x, one quarter HTTP/2. Ten times as many responses. */
    cases: { type: 'string' },
    seed: { type: 'string' },
    /** One case again: `http1:1234`, with the seed that was printed. */
    only: { type: 'string' },
  },
});

const seed = Number(values.seed ?? randomInt(2 ** 31));
const cases = Number(values.cases ?? (values.quick ? 4_000 : 100_000));
if (!Number.isInteger(seed) || !Number.isInteger(cases) || cases < 1)
  throw new Error('--seed and --cases want whole numbers');

say(`seed ${seed}; the same again: npm run fuzz -- --seed ${seed} --cases ${cases}`);
const startedAt = performance.now();
const judged = (await Promise.all(shares().map(work))).flat();
const seconds = Math.round((performance.now() - startedAt) / 1000);
const failures = judged.flatMap((one) => one.failures);

for (const name of campaignNames) tellOf(name);
for (const failure of failures) tellFailure(failure);
say(`${failures.length} disagreements, ${seconds} s`);
if (values.json)
  say(JSON.stringify({ seed, seconds, disagreements: failures.length, ...figures() }));
process.exitCode = failures.length === 0 ? 0 : 1;

function shares(): Share[] {
  if (values.only !== undefined) return [onlyShare(values.only)];
  const http2 = Math.ceil(cases / 4);
  const counts = {
    corpus: http1Corpus().length,
    http1: cases - http2,
    http2,
    // A response costs a tenth of a request.
    responses: values.quick && values.cases === undefined ? 20_000 : cases * 10,
  };
  const step = availableParallelism();
  return Array.from({ length: step }, (_, first) => ({ seed, first, step, counts }));
}

function onlyShare(only: string): Share {
  const [name, at] = only.split(':');
  const isKnown = campaignNames.some((known) => known === name);
  if (!isKnown || !/^\d+$/.test(at ?? ''))
    throw new Error(`--only wants one of ${campaignNames.join(', ')}, a colon and a number`);
  const counts = {
    corpus: 0,
    http1: 0,
    http2: 0,
    responses: 0,
    [name as CampaignName]: Number(at) + 1,
  };
  return { seed, first: Number(at), step: 1, counts };
}

/** Each in a thread: the campaigns wait for turns of the event loop. */
function work(share: Share): Promise<Judged[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Judged[]>();
  const worker = new Worker(new URL('worker/main.ts', import.meta.url), { workerData: share });
  const done: Judged[] = [];
  worker.on('message', (one: Judged) => done.push(one));
  worker.once('error', reject);
  worker.once('exit', () =>
    done.length === campaignNames.length
      ? resolve(done)
      : reject(new Error('a worker ended before its cases')),
  );
  return promise;
}

function totalOf(name: CampaignName): {
  cases: number;
  perSecond: number;
  counts: Tally['counts'];
} {
  const tally = new Tally();
  const parts = judged.filter(({ campaign }) => campaign === name);
  for (const { counts } of parts) tally.addAll(counts);
  const total = parts.reduce((sum, part) => sum + part.cases, 0);
  const longest = Math.max(...parts.map(({ milliseconds }) => milliseconds));
  return { cases: total, perSecond: Math.round((1000 * total) / longest), counts: tally.counts };
}

function figures(): Record<CampaignName, ReturnType<typeof totalOf>> {
  const [corpus, http1, http2, responses] = campaignNames.map(totalOf) as [
    ReturnType<typeof totalOf>,
    ReturnType<typeof totalOf>,
    ReturnType<typeof totalOf>,
    ReturnType<typeof totalOf>,
  ];
  return { corpus, http1, http2, responses };
}

function tellOf(name: CampaignName): void {
  const { cases: total, perSecond, counts } = totalOf(name);
  if (total === 0) return;
  say(
    `\n${name}: ${total} ${name === 'responses' ? 'responses' : 'connections'}, ${perSecond} a second`,
  );
  const rows = Object.entries(counts).sort(([, one], [, other]) => other - one);
  for (const [what, times] of rows) {
    const label = what.startsWith(onlyOurs)
      ? `refused, though llhttp reads it: ${what.slice(onlyOurs.length)}`
      : what;
    say(`${String(times).padStart(9)}  ${label}`);
  }
}

function tellFailure({ campaign, at, message, pieces }: Failure): void {
  say(`\nDISAGREEMENT in ${campaign}:${at}: ${message}`);
  for (const piece of pieces) say(`  ${JSON.stringify(piece)}`);
  say(`again: npm run fuzz -- --seed ${seed} --only ${campaign}:${at}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
