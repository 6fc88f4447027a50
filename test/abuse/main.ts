// `npm run abuse`: a real hub is attacked in every way we know while a film is watched through it; what the viewers and the hub lived through leaves.

import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

import { installMissingParts } from '../support/install-parts.ts';
import { missingParts } from '../support/parts.ts';
import { Program } from '../support/program.ts';
import type { Ends } from './attacks/attack.ts';
import { attacks } from './attacks/attacks.ts';
import { dnsAttacks } from './attacks/dns.ts';
import { runDnsOrdeals } from './dns/ordeal.ts';
import { complaintsOf, tableOf, type Ordeal } from './report.ts';
import { runSignInOrdeals } from './sign-in/ordeal.ts';
import { signInAttacks } from './sign-in/stuffing.ts';
import { runSlowHttpTest, slowModes } from './slowhttptest.ts';
import { WatchedHub } from './watched-hub.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code));

/** All attackers share one address here; in the world they have many. */
const raised = { HUB_LIMIT_CONNECTIONS_PER_ADDRESS: '1000' };
/** So that deadlines can be seen within the seconds of an attack. */
const shortened = {
  HUB_LIMIT_HELLO_TIMEOUT: '2s',
  HUB_LIMIT_HANDSHAKE_TIMEOUT: '2s',
  HUB_LIMIT_HEAD_TIMEOUT: '3s',
};
const seconds = values.quick ? 3 : 15;
const attackerScript = fileURLToPath(new URL('attacker/main.ts', import.meta.url));

const settings = values.quick ? { ...raised, ...shortened } : raised;
for (const [name, value] of Object.entries(settings)) say(`set for this run: ${name}=${value}`);

const hasSlowHttpTest =
  installMissingParts(missingParts().filter((name) => name === 'slowhttptest')).length === 0;
const hub = await WatchedHub.start(settings);
const { address } = hub.deployment;
const { hostname, port } = new URL(address);
const quietDescriptors = hub.descriptors();

const ordeals: Ordeal[] = [];
await suffer('nothing', () => idle(seconds * 1000));
for (const name of attacks.keys()) if (isWanted(name)) await suffer(name, () => attack(name));
if (hasSlowHttpTest) {
  for (const [name, mode] of slowModes)
    if (isWanted(name))
      await suffer(name, () =>
        runSlowHttpTest(mode, new URL('/big', address), {
          connections: 300,
          seconds: Math.max(seconds, 6),
        }),
      );
}
await suffer('nothing, afterwards', () => idle(5000));

const endDescriptors = hub.descriptors();
const films = await hub.credits();
const isAlive = hub.deployment.hub.program.memory().bytes > 0;
await hub.stop();

const complaints = complaintsOf(ordeals, films, { quietDescriptors, endDescriptors });
if ([...signInAttacks.keys()].some(isWanted)) {
  const door = await runSignInOrdeals({ seconds, isWanted, say });
  ordeals.push(...door.ordeals);
  films.push(...door.films);
  complaints.push(...door.complaints);
}
const hasPebble =
  installMissingParts(missingParts().filter((name) => name === 'pebble')).length === 0;
if (hasPebble && [...dnsAttacks.keys()].some(isWanted)) {
  const responder = await runDnsOrdeals({ seconds, isWanted, say });
  ordeals.push(...responder.ordeals);
  films.push(...responder.films);
  complaints.push(...responder.complaints);
}

process.stdout.write(`\n${tableOf(ordeals)}\n`);
for (const { name, isExact, isCut } of films)
  say(
    `film over ${name}: ${isExact ? 'every byte right' : 'WRONG BYTES'}, ${isCut ? 'CUT' : 'never cut'}`,
  );
say(`descriptors of the hub: ${quietDescriptors} before, ${endDescriptors} afterwards`);
if (!isAlive) complaints.push('the hub has ended');
if (!hasSlowHttpTest) complaints.push('slowhttptest is missing');
if (!hasPebble) complaints.push('pebble is missing');
for (const complaint of complaints) say(`FAILED: ${complaint}`);
if (values.json) say(JSON.stringify({ quick: values.quick, settings, films, complaints, ordeals }));
process.exit(complaints.length === 0 ? 0 : 1);

async function suffer(name: string, run: () => Promise<Ends>): Promise<void> {
  await hub.beginLook();
  const ends = await run();
  // What an attack leaves behind ends with its connections.
  await idle(1000);
  const figures = await hub.endLook();
  ordeals.push({ name, ends, ...figures });
  say(`${name}: ${JSON.stringify(ends)}`);
}

async function attack(name: string): Promise<Ends> {
  const command = [
    process.execPath,
    attackerScript,
    name,
    port,
    hostname,
    String(seconds),
  ] as const;
  const attacker = new Program({ command: [...command] });
  const [line] = await attacker.waitForLine(/^\{.*\}$/, (seconds + 60) * 1000);
  await attacker.end();
  return JSON.parse(line) as Ends;
}

/** Words on the command line choose: `npm run abuse -- PING`. */
function isWanted(name: string): boolean {
  return positionals.length === 0 || positionals.some((word) => name.includes(word));
}

async function idle(ms: number): Promise<Ends> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return {};
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
