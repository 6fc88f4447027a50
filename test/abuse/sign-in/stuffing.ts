// A hub's port arrives; names with passwords from somebody's list are tried at its sign-in, fifty a second, and how each was answered leaves.

import { request } from 'node:https';

import { pause, EndsTally, type Attack, type Ends } from '../attacks/attack.ts';
import type { Target } from '../attacks/target.ts';

/** Who signs in meanwhile, and whose name is on the list, too. */
export const regularName = 'robin';
const perSecond = 50;
/** One try in so many is for the name of somebody whom the hub has. */
const knownEvery = 5;
/** Longer than any answer may take; beyond it nobody waits. */
const patienceMs = 30_000;

/** By where they come from. */
export const signInAttacks: ReadonlyMap<string, Attack> = new Map([
  // Every try from an address of its own: what counts addresses never sees one twice.
  ['credential stuffing, many addresses', stuffingFrom(addressOf)],
  // The regular's own, as of a neighbour behind one line.
  ['credential stuffing, one address', stuffingFrom(() => '127.0.0.1')],
]);

function stuffingFrom(addressAt: (round: number) => string): Attack {
  return async (target) => {
    const tally = new EndsTally();
    const begunAt = performance.now();
    const tries: Promise<void>[] = [];
    // By the clock: a hub that answers late is not spared the next try.
    for (let round = 0; round < target.seconds * perSecond; round += 1) {
      await pause(Math.max(1, begunAt + (round * 1000) / perSecond - performance.now()));
      const tried = attempt(target, { round, from: addressAt(round) });
      tries.push(tried.then((how) => tally.add(how)));
    }
    await Promise.all(tries);
    const took = (performance.now() - begunAt) / 1000;
    return { ...tally.ends, attempts: tries.length, 'seconds it took': Math.round(took) };
  };
}

/** Away from those of the viewers and of the regular. */
function addressOf(round: number): string {
  return `127.1.${Math.floor(round / 250) % 250}.${(round % 250) + 1}`;
}

async function attempt(
  { port, serverName }: Target,
  { round, from }: { round: number; from: string },
): Promise<string> {
  const username = round % knownEvery === 0 ? regularName : `somebody-${round}`;
  const body = JSON.stringify({ username, password: `letters and ${round} digits` });
  const headers = {
    host: `${serverName}:${port}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'sec-fetch-site': 'same-origin',
  };
  return new Promise((resolve) => {
    const asked = request(
      {
        method: 'POST',
        path: '/api/v1/auth/login',
        host: '127.0.0.1',
        localAddress: from,
        port,
        servername: serverName,
        rejectUnauthorized: false,
        agent: false,
        timeout: patienceMs,
        headers,
      },
      (response) => {
        response.resume();
        response.on('error', () => resolve('broken off'));
        response.on('end', () => resolve(`answered ${response.statusCode}`));
      },
    );
    asked.on('timeout', () => asked.destroy(new Error('nobody answered')));
    asked.on('error', ({ message }) => resolve(message));
    asked.end(body);
  });
}

/** Of the tries that were answered, by status; for the table. */
export function answersOf(ends: Ends): string {
  const answered = Object.entries(ends).filter(([how]) => how.startsWith('answered '));
  return answered.map(([how, times]) => `${how.slice('answered '.length)}:${times}`).join(' ');
}
