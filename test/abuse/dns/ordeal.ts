// A length arrives; a hub that answers for its own zones, with a film under way, is attacked through them, and what everybody lived through leaves.

import { fileURLToPath } from 'node:url';

import { ask, type QuestionType } from '../../../hub/certificates/dns/query.ts';
import { AcmeHub } from '../../support/acme-hub.ts';
import { AgentProcess, type DeploymentOptions } from '../../support/deployment.ts';
import { Program } from '../../support/program.ts';
import { pause, type Ends } from '../attacks/attack.ts';
import { dnsAttacks } from '../attacks/dns.ts';
import { complaintsOf, type Ordeal } from '../report.ts';
import { WatchedHub, type WatchedDeployment } from '../watched-hub.ts';

export interface DnsOrdeals {
  readonly ordeals: readonly Ordeal[];
  readonly films: readonly { name: string; isExact: boolean; isCut: boolean }[];
  readonly complaints: readonly string[];
}

const attackerScript = fileURLToPath(new URL('../attacker/main.ts', import.meta.url));
/** What an attack leaves behind ends with its connections. */
const calmMs = 1000;

export async function runDnsOrdeals(options: {
  readonly seconds: number;
  readonly isWanted: (name: string) => boolean;
  readonly say: (line: string) => void;
}): Promise<DnsOrdeals> {
  const { seconds, isWanted, say } = options;
  const hub = await WatchedHub.start({ HUB_METRICS_LISTEN: '127.0.0.1:0' }, deployWithResponder);
  try {
    const port = responderPort(hub.deployment.hub.program.output);
    const quietDescriptors = hub.descriptors();
    const ordeals: Ordeal[] = [];
    const complaints: string[] = [];
    const suffer = async (name: string, run: () => Promise<Ends>): Promise<void> => {
      await hub.beginLook();
      const ends = await run();
      await pause(calmMs);
      ordeals.push({ name, ends, ...(await hub.endLook()) });
      say(`${name}: ${JSON.stringify(ends)}`);
      complaints.push(...(await wrongAnswers(port)).map((answer) => `${name}: ${answer}`));
    };
    await suffer('nothing, with a responder', async () => rest(seconds));
    for (const name of [...dnsAttacks.keys()].filter(isWanted))
      await suffer(name, () => attack(name, port, seconds));
    await suffer('nothing, with a responder, afterwards', async () => rest(seconds));
    complaints.push(...(await miscounts(hub.deployment.hub.program.output, ordeals)));
    const endDescriptors = hub.descriptors();
    const films = await hub.credits();
    complaints.push(...complaintsOf(ordeals, films, { quietDescriptors, endDescriptors }));
    if (hub.deployment.hub.program.output.includes('dns responder died'))
      complaints.push('the responder died');
    return { ordeals, films, complaints };
  } finally {
    await hub.stop();
  }
}

/** Its authority is a real Pebble, that believes what the hub's own responder says. */
async function deployWithResponder({
  originPort,
  hub,
}: DeploymentOptions): Promise<WatchedDeployment> {
  const acme = await AcmeHub.start({ challenge: 'dns-01', ...(hub !== undefined && { hub }) });
  const token = await acme.hub.createToken('--label', 'movies');
  const settings = { PHLIX_HUB_CA_FILE: acme.rootFile };
  const agent = new AgentProcess({ hub: acme.hub, originPort, token, settings });
  const [address = ''] = await agent.reachable();
  await untilServed(acme, new URL(address).hostname);
  return {
    hub: acme.hub,
    agent,
    address,
    caFile: acme.rootFile,
    async stop() {
      await agent.stop();
      await acme.stop();
    },
  };
}

async function untilServed(acme: AcmeHub, name: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while ((await acme.shown(name)) === undefined) {
    if (performance.now() > deadline) throw new Error(`no certificate for ${name} in a minute`);
    await pause(200);
  }
}

function responderPort(output: string): number {
  const line = /^.*"dns responder ready".*$/m.exec(output)?.[0] ?? '{}';
  const { addresses = [] } = JSON.parse(line) as { addresses?: { port: number }[] };
  return addresses[0]?.port ?? 0;
}

async function attack(name: string, port: number, seconds: number): Promise<Ends> {
  const words = [name, String(port), 'hub.localhost', String(seconds)];
  const attacker = new Program({ command: [process.execPath, attackerScript, ...words] });
  const [line] = await attacker.waitForLine(/^\{.*\}$/, (seconds + 120) * 1000);
  await attacker.end();
  return JSON.parse(line) as Ends;
}

const truths: readonly [name: string, type: QuestionType, expected: string][] = [
  ['movies.phlix.localhost', 'A', 'NOERROR 1'],
  ['phlix.localhost', 'NS', 'NOERROR 1'],
  ['movies.phlix.localhost', 'AAAA', 'NOERROR 0'],
  ['_acme-challenge.hub.localhost', 'TXT', 'NXDOMAIN 0'],
  ['example.org', 'A', 'REFUSED 0'],
];

async function wrongAnswers(port: number): Promise<string[]> {
  const answers = truths.map(async ([name, type, expected]) => {
    const question = { name, type, isRecursive: false };
    const place = { host: '127.0.0.1', port };
    const told = await ask(place, question, AbortSignal.timeout(10_000)).then(
      ({ rcode, answers }) => `${rcode} ${answers.length}`,
      (error: Error) => error.message,
    );
    return told === expected ? [] : [`${name} ${type} is ${told}`];
  });
  return (await Promise.all(answers)).flat();
}

/** What monitoring is told must not be less than what the attackers saw. */
async function miscounts(output: string, ordeals: readonly Ordeal[]): Promise<string[]> {
  const line = /^.*"metrics are served".*$/m.exec(output)?.[0] ?? '{}';
  const { metrics } = JSON.parse(line) as { metrics?: { address: string; port: number } };
  const answer = await fetch(`http://${metrics?.address}:${metrics?.port}/metrics`);
  const text = await answer.text();
  const counted = Number(/^phlix_hub_dns_answered_total (\d+)$/m.exec(text)?.[1]);
  const seen = ordeals.reduce((sum, { ends }) => sum + (ends['answered'] ?? 0), 0);
  return counted >= seen ? [] : [`${seen} answers were seen, and ${counted} counted`];
}

async function rest(seconds: number): Promise<Ends> {
  await pause(seconds * 1000);
  return {};
}
