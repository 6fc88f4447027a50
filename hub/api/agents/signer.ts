// An agent's id and what it signed arrive; the server whose key that is leaves, or undefined, after the same work.

import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';

import { z } from 'zod';

import { isSignedBy } from '../../tunnels/identity.ts';
import type { ServerStore } from '../../tunnels/server.ts';

/** What an errand carries that its agent's key signs for. */
export const signed = z.object({
  agent_id: z.string().regex(/^[0-9A-Za-z_-]{43}$/),
  signature: z.string().regex(/^[0-9A-Za-z_-]{86}$/),
});

/** Who is unknown costs no less than who is known. */
export async function serverOfSigner(
  store: Pick<ServerStore, 'findAgent' | 'find'>,
  { agent_id: agentId, signature }: z.output<typeof signed>,
  proof: Buffer,
): Promise<string | undefined> {
  const agent = await store.findAgent(agentId);
  const publicKey = agent?.publicKey ?? randomBytes(32);
  const isProved = isSignedBy(publicKey, proof, Buffer.from(signature, 'base64url'));
  if (agent === undefined || !isProved || agent.isRevoked) return undefined;
  const server = await store.find(agent.serverId);
  return server === undefined || server.revokedAt !== undefined ? undefined : server.id;
}
