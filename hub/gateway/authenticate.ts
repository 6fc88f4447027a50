// An agent's hello arrives; who it is leaves, or a refusal that tells a stranger nothing (security rows D-03, D-04).

import { Buffer } from 'node:buffer';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';

import type { GoawayReason } from '../../shared/wire/codes.ts';
import type { Hello } from '../../shared/wire/hello.ts';
import { connectProof } from '../../shared/wire/proof.ts';
import { isSignedBy } from '../tunnels/identity.ts';
import type { Server, ServerStore } from '../tunnels/server.ts';

export interface AgentStore extends Pick<
  ServerStore,
  'findAgent' | 'find' | 'touch' | 'nextEpoch'
> {}

/** What the hello is checked against: this connection and no other. */
export interface ConnectionFacts {
  readonly hubHost: string;
  readonly nonce: Buffer;
  readonly exporter: Buffer;
}

export type Authentication =
  | { readonly server: Server; readonly agentId: string }
  | { readonly refuse: GoawayReason; readonly message: string };

const unauthorised: Authentication = { refuse: 'unauthorised', message: 'unknown agent' };

/** Which server an agent speaks for is the store's word, never the agent's. */
export async function authenticate(
  store: AgentStore,
  facts: ConnectionFacts,
  hello: Hello,
): Promise<Authentication> {
  const agent = await store.findAgent(hello.agentId);
  const proof = connectProof({
    ...facts,
    agentId: hello.agentId,
    protocolVersion: hello.version,
  });
  // An unknown id costs the same signature check as a known one, so that the two cannot be told apart by waiting.
  const isProved = isSignedBy(agent?.publicKey ?? nobodysKey, proof, hello.signature);
  if (agent === undefined || !isProved) return unauthorised;
  const server = await store.find(agent.serverId);
  // Only the key's holder hears that it was revoked, or that another one took its place.
  if (agent.isReplaced === true)
    return { refuse: 'rotated', message: 'another key took the place of this one' };
  if (agent.isRevoked || server === undefined || server.revokedAt !== undefined) {
    return { refuse: 'revoked', message: 'this server was removed' };
  }
  if (server.suspension !== undefined)
    return { refuse: 'suspended', message: server.suspension.reason };
  return { server, agentId: agent.agentId };
}

/** Made at start and its private half forgotten: nobody can sign with it. */
const nobodysKey: Buffer = Buffer.from(
  createPublicKey(generateKeyPairSync('ed25519').privateKey)
    .export({ type: 'spki', format: 'der' })
    .subarray(-32),
);
