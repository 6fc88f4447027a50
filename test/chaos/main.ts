// `npm run chaos`: twenty viewers, and everything between them and their films is cut, killed and replaced; a verdict and figures leave.

import { appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { hasNamespaces } from '../support/namespace.ts';
import { hasParts } from '../support/parts.ts';
import { complaintsAbout, jsonOf, lineOf } from './storm/report.ts';
import { planOf } from './storm/plan.ts';
import { storm } from './storm/storm.ts';

const { values } = parseArgs({
  options: {
    /** 22 faults with short pings, within 150 s; else 208 with those that a hub has by itself. */
    quick: { type: 'boolean', default: false },
    /** One JSON object on the last line. */
    json: { type: 'boolean', default: false },
    /** This fault alone, for whoever looks for its cause. */
    only: { type: 'string' },
    /** A file for what hubs and agents print. */
    log: { type: 'string' },
  },
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  // The programs, networks and folders of this run are bound to its end.
  process.once(signal, () => process.exit(code));
}

if (!hasNamespaces() || !hasParts('postgresql')) {
  say(
    'needs root, iproute2, iptables and postgresql, which `npm test` installs when it runs as root',
  );
  process.exit(1);
}

const beganAt = performance.now();
const plan = planOf(values.quick).filter((name) => name === (values.only ?? name));
say(`${plan.length} faults`);
const result = await storm({
  plan,
  stage: {
    hasShortPings: values.quick,
    onLine: (line) => {
      if (values.log !== undefined) appendFileSync(values.log, `${line}\n`);
    },
  },
  onStruck: (struck) => say(`${seconds()} s  ${lineOf(struck)}`),
});
const complaints = complaintsAbout(result);
for (const complaint of complaints) say(complaint);
for (const line of result.notResumed) say(`the hub gave up: ${line}`);
const summary = jsonOf(result, seconds());
process.stdout.write(`${JSON.stringify(summary, undefined, values.json ? undefined : 2)}\n`);
process.exit(complaints.length === 0 ? 0 : 1);

function seconds(): number {
  return Math.round((performance.now() - beganAt) / 1000);
}

function say(line: string): void {
  process.stdout.write(`chaos: ${line}\n`);
}
