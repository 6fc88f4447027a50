// `npm run bench`: the product beside nginx alone and `ssh -R`, one after the other on this machine; figures, ratios and a chart leave.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';

import { Bench } from './bench.ts';
import { chartOf } from './chart.ts';
import { costChartOf } from './cost-chart.ts';
import { planOf } from './plan.ts';
import { cpuTableOf, jsonOf, tableOf } from './report.ts';
import { surroundings } from './surroundings.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    chart: { type: 'string', default: 'reports/bench/chart.svg' },
    'cost-chart': { type: 'string', default: 'reports/bench/cost.svg' },
    /** Parts of the plan, with commas between; all of them otherwise. */
    only: { type: 'string' },
    /** So many idle agents, and nothing else. */
    agents: { type: 'string' },
    /** A folder for profiles of hub and agent, one for each measurement. Profiling costs: figures are for comparison no more. */
    profile: { type: 'string' },
    /** For a harder race than people run: aes128-gcm@openssh.com is faster than what OpenSSH negotiates by itself. */
    'ssh-cipher': { type: 'string' },
  },
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  // The programs and folders of this run are bound to its end.
  process.once(signal, () => process.exit(code));
}

const startedAt = performance.now();
const here = surroundings();
say(`${here.processors}, kernel ${here.kernel}, load ${here.load.toFixed(2)}`);
for (const program of here.programs) say(program);
say('Clients, proxies and origin share these processors: absolute numbers mean little, ratios do.');

const plan = planOf(values);
const bench = new Bench({
  plan,
  profileFolder: values.profile,
  sshCipher: values['ssh-cipher'],
  say,
});
await bench.run();

const { figures, sheet, problems } = bench;
const seconds = Math.round((performance.now() - startedAt) / 1000);
say(`\nMedians of alternating rounds, ${seconds} s in all\n`);
process.stdout.write(tableOf(figures, sheet));
say('\nProcessor seconds for a gigabyte or a thousand requests, by program\n');
process.stdout.write(cpuTableOf(figures, sheet));
say('');
if (plan.parts.has('rows') || plan.parts.has('lines')) draw(values.chart, chartOf(figures, sheet));
if (bench.cost.length > 1) draw(values['cost-chart'], costChartOf(bench.cost));
for (const problem of problems) say(`NOT MEASURED: ${problem}`);
if (values.json) {
  const measured = { quick: values.quick, seconds, ...here, problems };
  say(JSON.stringify({ ...measured, figures: jsonOf(figures, sheet) }));
}
// What could not be measured is a failure; a figure never is.
process.exit(problems.length === 0 ? 0 : 1);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function draw(file: string, picture: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, picture);
  say(`chart: ${file}`);
}
