// The stage and its audience arrive; what can go wrong leaves, each a way to do it and to let it be mended.

import { setTimeout as after } from 'node:timers/promises';

import type { Program } from '../../support/program.ts';
import type { Audience } from './audience.ts';
import type { Stage } from './stage.ts';

/**
 * `kept`: what runs goes on over the connection it has, whatever the hub must do for it. `replayed`: connections to a hub that
 * was killed are gone; the viewer asks for the rest by Range, and there is still no wrong byte.
 */
type Promised = 'kept' | 'replayed';

export interface Fault {
  readonly downloads: Promised;
  /** Resolves when nothing is broken any more, though not yet mended. */
  strike(stage: Stage, audience: Audience): Promise<void>;
}

/** Long enough for each connection to send something, and be told. */
const cutMs = 300;
const lossMs = 4000;
const lossProbability = 0.01;
/** Both ends have noticed by then that they hear nothing: see shared/mux/keepalive.ts. */
const noticeMs = { short: 3000, usual: 27_000 };

export const faults = {
  'line cut': {
    downloads: 'kept',
    async strike({ home }) {
      home.cut();
      await after(cutMs);
      home.restore();
    },
  },
  'line silent': {
    downloads: 'kept',
    async strike({ home, hasShortPings }) {
      home.swallow();
      await after(hasShortPings ? noticeMs.short : noticeMs.usual);
      home.restore();
    },
  },
  'address changed': {
    downloads: 'kept',
    async strike({ home }) {
      home.readdress();
    },
  },
  '1 % of packets lost': {
    downloads: 'kept',
    async strike({ home }) {
      home.lose(lossProbability);
      await after(lossMs);
      home.restore();
    },
  },
  'hub killed': {
    downloads: 'replayed',
    async strike({ deployment: { hub } }, audience) {
      audience.onHubKilled();
      hub.program.kill('SIGKILL');
      await hub.program.end();
      await hub.startAgain();
    },
  },
  'hub drained': {
    downloads: 'kept',
    async strike({ deployment: { hub } }) {
      const { exitCode, stderr } = await hub.run('drain');
      if (exitCode !== 0) throw new Error(`phlix-hub drain: ${exitCode} ${stderr}`);
      await endsWell(hub.program);
      await hub.startAgain();
    },
  },
  'hub stopped': {
    downloads: 'kept',
    async strike({ deployment: { hub } }) {
      hub.program.kill('SIGTERM');
      await endsWell(hub.program);
      await hub.startAgain();
    },
  },
  'hub replaced': {
    downloads: 'kept',
    async strike({ deployment: { hub } }) {
      await endsWell(await hub.takeOver());
    },
  },
  'agent killed': {
    downloads: 'kept',
    async strike({ deployment: { agent } }) {
      agent.program.kill('SIGKILL');
      await agent.program.end();
      agent.startAgain();
      await agent.reachable();
    },
  },
  'agent updated': {
    downloads: 'kept',
    async strike({ deployment: { agent } }) {
      await endsWell(await agent.takeOver());
    },
  },
  'origin restarted': {
    downloads: 'kept',
    async strike({ origin }) {
      origin.kill();
      await origin.startAgain();
    },
  },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof faults;

/** @throws when it did not end with 0 */
async function endsWell(program: Program): Promise<void> {
  const end = await program.end(90_000);
  if (end !== 0) throw new Error(`it ended with ${end}:\n${program.output.slice(-2000)}`);
}
