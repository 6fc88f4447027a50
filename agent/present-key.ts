// An identity with its former keys arrives; the hub knows its key when this resolves, in the place of the latest one that it knew (security row D-05).

import { Buffer } from 'node:buffer';
import { sign } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

import { z } from 'zod';

import { exporterBytes, exporterLabel, rotationProof } from '../shared/wire/proof.ts';
import type { Endpoint } from './config.ts';
import type { Enrolled } from './credentials.ts';
import { dial } from './dialling/dial.ts';
import { AgentFailure } from './failure.ts';
import { exchange, nonceOf, OneConnection, unexpected, type Answer } from './hub-api.ts';
import { rawPublicKey } from './succession.ts';
import type { Trust } from './trust.ts';

export interface Presentation {
  readonly hub: Endpoint;
  readonly identity: Enrolled;
  readonly trust: Trust;
  /** Of the running agent, whose links come back with the new key. Undefined: none runs. */
  readonly epoch: bigint | undefined;
  readonly software: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** Said twice it is done once. @throws AgentFailure rotate.refused, and whatever keeps it from the hub */
export async function presentKey(asked: Presentation): Promise<void> {
  const places = placesOf(asked);
  for (const [i, hub] of places.entries()) {
    try {
      return await presentAt({ ...asked, hub });
    } catch (error) {
      const isLast = i === places.length - 1;
      if (isLast || !(error instanceof AgentFailure) || error.code === 'rotate.refused')
        throw error;
    }
  }
}

/** A proxy may end TLS at the hub's own address, and then nothing can be proved there: the tunnel's door is the hub's. */
export function placesOf({ hub, identity }: Pick<Presentation, 'hub' | 'identity'>): Endpoint[] {
  const ports = identity.tunnelUrls.map((url) => Number(new URL(url).port || 443));
  const others = [...new Set(ports)].filter((port) => port !== hub.port);
  return [hub, ...others.map((port) => ({ ...hub, port, url: `https://${hub.hostname}:${port}` }))];
}

async function presentAt(asked: Presentation): Promise<void> {
  const { hub, trust, deadlineMs, identity } = asked;
  const signal = AbortSignal.any([asked.signal, AbortSignal.timeout(deadlineMs)]);
  const socket = await dial(hub, { ...trust, deadlineMs, signal: asked.signal });
  const agent = new OneConnection(socket);
  try {
    const path = '/api/v1/rotate';
    const first = await exchange({ hub, agent, signal, path });
    const nonce = nonceOf(first);
    if (nonce === undefined) throw refusal(hub, first);
    const answer = await exchange({ hub, agent, signal, path, body: bodyOf(asked, socket, nonce) });
    const known = z.object({ agent_id: z.literal(identity.agentId) }).safeParse(answer.body);
    if (answer.status !== 200 || !known.success) throw refusal(hub, answer);
  } finally {
    agent.destroy();
    socket.destroy();
  }
}

function bodyOf(
  { hub, identity, epoch, software }: Presentation,
  socket: TLSSocket,
  nonce: Buffer,
) {
  const { privateKey, formerKeys } = identity;
  const successor = rawPublicKey(privateKey);
  const proof = rotationProof({
    hubHost: hub.hostname,
    successor,
    nonce,
    exporter: socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0)),
  });
  const keys = [...formerKeys.map(({ publicKey }) => publicKey), successor];
  return {
    keys: keys.map((key) => key.toString('base64url')),
    statements: formerKeys.map(({ statement }) => statement.toString('base64url')),
    signature: sign(null, proof, privateKey).toString('base64url'),
    epoch: epoch === undefined ? null : String(epoch),
    software,
  };
}

const problem = z.object({ code: z.string() });

/** The hub's own prose is not shown: it may not be a hub. */
function refusal(hub: Endpoint, answer: Answer): AgentFailure {
  const code = problem.safeParse(answer.body).data?.code;
  if (code === 'rotate.refused')
    return new AgentFailure(
      'rotate.refused',
      `the hub at ${hub.url} does not take a new key from this agent: its present key is none that the hub knows, or another one took its place; start the agent, which says which`,
    );
  if (code === 'tunnel.unbound')
    return new AgentFailure(
      'tunnel.unbound',
      `a proxy ends TLS in front of ${hub.url}: let the tunnel's port through to the hub untouched`,
    );
  if (code === 'enrol.rate-limited')
    return new AgentFailure(
      'enrol.rate-limited',
      `the hub at ${hub.url} has had too many attempts from this network, or new keys of this server: the agent tries again, or wait a few minutes`,
      { retryAfterMs: answer.retryAfterMs },
    );
  if (answer.status === 404)
    return new AgentFailure(
      'hub.unexpected',
      `the hub at ${hub.url} is too old to take a new key: have it updated`,
    );
  return unexpected(hub, `it answered with status ${answer.status}`);
}
