// What this agent found when it looked at itself arrives; its hub keeps it when this resolves, or says for how long it will not.

import { Buffer } from 'node:buffer';
import { sign } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

import { z } from 'zod';

import { reportable, type CheckupPart } from '../../shared/doctor/checkup.ts';
import type { Finding } from '../../shared/doctor/finding.ts';
import { checkupProof, exporterBytes, exporterLabel } from '../../shared/wire/proof.ts';
import type { Endpoint } from '../config.ts';
import type { Enrolled } from '../credentials.ts';
import { dial } from '../dialling/dial.ts';
import { exchange, nonceOf, OneConnection, type Answer } from '../hub-api.ts';
import { placesOf } from '../present-key.ts';
import type { Trust } from '../trust.ts';

export interface Telling {
  readonly hub: Endpoint;
  readonly identity: Enrolled;
  readonly trust: Trust;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly part: CheckupPart;
  readonly findings: readonly Finding[];
}

export type Told =
  /** `lineAgeMs`: since the hub was last told of the line; undefined: never. */
  | { readonly kind: 'kept'; readonly lineAgeMs: number | undefined }
  /** 404: a hub that keeps no such thing yet. */
  | { readonly kind: 'refused'; readonly status: number; readonly waitMs: number | undefined };

/** @throws AgentFailure when the hub cannot be reached */
export async function tellCheckup(asked: Telling): Promise<Told> {
  const places = placesOf(asked);
  for (const [i, hub] of places.entries()) {
    const isLast = i === places.length - 1;
    try {
      const told = await tellAt({ ...asked, hub });
      // TLS ends before it: what proves a key there proves nothing, and the tunnel's door is the hub's own.
      if (isLast || told.kind === 'kept' || told.status !== unbound) return told;
    } catch (error) {
      if (isLast || asked.signal.aborted) throw error;
    }
  }
  throw new Error('a hub has at least one address');
}

const unbound = 426;

async function tellAt(asked: Telling): Promise<Told> {
  const { hub, trust, deadlineMs } = asked;
  const signal = AbortSignal.any([asked.signal, AbortSignal.timeout(deadlineMs)]);
  const socket = await dial(hub, { ...trust, deadlineMs, signal: asked.signal });
  const agent = new OneConnection(socket);
  try {
    const path = '/api/v1/checkup';
    const first = await exchange({ hub, agent, signal, path });
    const nonce = nonceOf(first);
    if (nonce === undefined) return refused(first);
    const answer = await exchange({ hub, agent, signal, path, body: bodyOf(asked, socket, nonce) });
    const kept = keptReply.safeParse(answer.body);
    if (answer.status !== 200 || !kept.success) return refused(answer);
    return { kind: 'kept', lineAgeMs: kept.data.line_age_ms ?? undefined };
  } finally {
    agent.destroy();
    socket.destroy();
  }
}

const keptReply = z.object({ line_age_ms: z.number().nullable() });

function refused({ status, retryAfterMs: waitMs }: Answer): Told {
  return { kind: 'refused', status, waitMs };
}

function bodyOf({ identity, part, findings }: Telling, socket: TLSSocket, nonce: Buffer): object {
  const { agentId, hubUrl, privateKey } = identity;
  const proof = checkupProof({
    hubHost: new URL(hubUrl).hostname,
    agentId,
    nonce,
    exporter: socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0)),
  });
  return {
    agent_id: agentId,
    signature: sign(null, proof, privateKey).toString('base64url'),
    part,
    findings: reportable(findings),
  };
}
