// An attack arrives by name, with a hub and a token or a key; an agent that makes it leaves, as a process of its own, and says how its link ended.

import { createPrivateKey } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { attacks, speaksHttp2 } from './attacks.ts';
import { enrolEvil, EvilLink, type EvilIdentity } from './evil-link.ts';

const asked = JSON.parse(process.argv[2] ?? '{}') as {
  readonly attack: string;
  readonly https: number;
  readonly tunnel: number;
  readonly caFile: string;
  readonly token: string;
  readonly keyFile: string;
  /** Somebody else's, to be claimed. */
  readonly victim: string;
};
const place = { ...asked, ca: readFileSync(asked.caFile, 'utf8') };
const identity = await ownIdentity();
const link = await EvilLink.dial(place, identity, {
  ...(asked.attack === 'impersonates' && { agentId: asked.victim }),
  originProtocol: speaksHttp2(asked.attack) ? 'h2c' : 'http/1.1',
});
if (link.isOpen) say({ connected: identity.agentId });
void link.ended.then((end) => say({ ended: end }));
// A socket that is not read keeps no process: this one stays until it is killed.
setInterval(() => undefined, 60_000);
// A stream whose link has gone is no reason to fall over: the hub's answer to it is what counts.
process.on('unhandledRejection', () => undefined);
await attacks[asked.attack]?.(link);
say({ done: asked.attack });

async function ownIdentity(): Promise<EvilIdentity> {
  if (existsSync(asked.keyFile)) {
    const kept = JSON.parse(readFileSync(asked.keyFile, 'utf8')) as {
      agentId: string;
      key: string;
    };
    return { agentId: kept.agentId, privateKey: createPrivateKey(kept.key) };
  }
  const made = await enrolEvil(place, asked.token, 'alice');
  const key = made.privateKey.export({ type: 'pkcs8', format: 'pem' });
  writeFileSync(asked.keyFile, JSON.stringify({ agentId: made.agentId, key }), { mode: 0o600 });
  return made;
}

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}
