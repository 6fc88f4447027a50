// A length arrives; a hub whose film is watched is attacked at its sign-in while somebody it knows signs in, and what everybody lived through leaves.

import { fileURLToPath } from 'node:url';

import { Program } from '../../support/program.ts';
import { pause, type Ends } from '../attacks/attack.ts';
import { complaintsOf, type Ordeal } from '../report.ts';
import { WatchedHub } from '../watched-hub.ts';
import { Regular, type SignIns } from './regular.ts';
import { answersOf, signInAttacks } from './stuffing.ts';

export interface SignInOrdeals {
  readonly ordeals: readonly Ordeal[];
  readonly films: readonly { name: string; isExact: boolean; isCut: boolean }[];
  readonly complaints: readonly string[];
}

const attackerScript = fileURLToPath(new URL('../attacker/main.ts', import.meta.url));
/** What an attack leaves behind ends with its connections. */
const calmMs = 1000;
/** So long somebody whose browser the hub knows may wait, however many try meanwhile. */
const mostMs = 2000;

export async function runSignInOrdeals(options: {
  readonly seconds: number;
  readonly isWanted: (name: string) => boolean;
  readonly say: (line: string) => void;
}): Promise<SignInOrdeals> {
  const { seconds, isWanted, say } = options;
  // As it is delivered: none of its limits is raised.
  const hub = await WatchedHub.start({});
  try {
    const regular = await Regular.settle(hub.deployment.hub);
    const quietDescriptors = hub.descriptors();
    const ordeals: Ordeal[] = [];
    const complaints: string[] = [];
    const suffer = async (name: string, run: () => Promise<Ends>): Promise<void> => {
      await hub.beginLook();
      const running = run();
      const signIns = await regular.signInUntil(running);
      const ends = await running;
      await pause(calmMs);
      ordeals.push({ name, ends, signIns, ...(await hub.endLook()) });
      say(`${name}: ${ends['attempts'] ?? 0} attempts, answered ${answersOf(ends) || 'none'}`);
      say(`${name}: ${JSON.stringify({ ends, signIns })}`);
      complaints.push(...complaintsOfSignIns(name, signIns));
    };
    await suffer('nothing, with sign-ins', async () => rest(seconds));
    for (const name of [...signInAttacks.keys()].filter(isWanted))
      await suffer(name, () => attack(name, hub.deployment.hub.ports.https, seconds));
    const endDescriptors = hub.descriptors();
    const films = await hub.credits();
    complaints.push(...complaintsOf(ordeals, films, { quietDescriptors, endDescriptors }));
    return { ordeals, films, complaints };
  } finally {
    await hub.stop();
  }
}

export function complaintsOfSignIns(name: string, { done, refused, worstMs }: SignIns): string[] {
  const complaints = [...new Set(refused)].map(
    (answer) => `${name}: somebody whom the hub knows was answered ${answer}`,
  );
  if (done === 0) complaints.push(`${name}: nobody signed in`);
  if (worstMs > mostMs)
    complaints.push(`${name}: somebody whom the hub knows waited ${worstMs} ms`);
  return complaints;
}

async function attack(name: string, port: number, seconds: number): Promise<Ends> {
  const words = [name, String(port), 'hub.localhost', String(seconds)];
  const attacker = new Program({ command: [process.execPath, attackerScript, ...words] });
  const [line] = await attacker.waitForLine(/^\{.*\}$/, (seconds + 120) * 1000);
  await attacker.end();
  return JSON.parse(line) as Ends;
}

async function rest(seconds: number): Promise<Ends> {
  await pause(seconds * 1000);
  return {};
}
