// A token and a fresh key arrive; the hub's word for who this agent is leaves. Nonce, proof and answer share one TLS connection.

import { Buffer } from 'node:buffer';
import { sign, type KeyObject } from 'node:crypto';
import type { Agent } from 'node:http';
import type { TLSSocket } from 'node:tls';

import { z } from 'zod';

import type { EnrolmentToken } from '../shared/enrolment-token.ts';
import { enrolmentProof, exporterBytes, exporterLabel } from '../shared/wire/proof.ts';
import type { Endpoint } from './config.ts';
import { dial } from './dialling/dial.ts';
import { AgentFailure, type AgentFailureCode } from './failure.ts';
import {
  exchange,
  nonceOf,
  OneConnection,
  tunnelUrlList,
  tunnelUrlsAt,
  unexpected,
  type Answer,
} from './hub-api.ts';
import { reencrypted } from './link-failure.ts';
import { rawPublicKey } from './succession.ts';
import type { Trust } from './trust.ts';

export interface EnrolmentRequest {
  readonly hub: Endpoint;
  readonly token: EnrolmentToken;
  readonly privateKey: KeyObject;
  readonly trust: Trust;
  readonly claimsSubdomain: boolean;
  readonly serverName: string | undefined;
  readonly software: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

export interface EnrolmentReply {
  readonly agentId: string;
  readonly serverId: string;
  readonly tunnelUrls: readonly string[];
  readonly addresses: readonly string[];
}

/** @throws AgentFailure */
export async function enrol(asked: EnrolmentRequest): Promise<EnrolmentReply> {
  const { hub, trust, deadlineMs, signal } = asked;
  const socket = await dial(hub, { ...trust, deadlineMs, signal });
  const connection = new OneConnection(socket);
  try {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    const nonce = await fetchNonce(hub, connection, deadline);
    return await redeem(asked, connection, prove(asked, socket, nonce), deadline);
  } finally {
    connection.destroy();
    socket.destroy();
  }
}

function prove(asked: EnrolmentRequest, socket: TLSSocket, nonce: Buffer): object {
  const { hub, token, privateKey } = asked;
  const proof = enrolmentProof({
    hubHost: hub.hostname,
    tokenId: token.id,
    nonce,
    exporter: socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0)),
  });
  return {
    token_id: token.id,
    secret: token.secret,
    public_key: rawPublicKey(privateKey).toString('base64url'),
    signature: sign(null, proof, privateKey).toString('base64url'),
    claim: asked.claimsSubdomain,
    name: asked.serverName ?? null,
    software: asked.software,
  };
}

async function fetchNonce(hub: Endpoint, agent: Agent, signal: AbortSignal): Promise<Buffer> {
  const answer = await exchange({ hub, agent, signal, path: '/api/v1/enrol' });
  const nonce = nonceOf(answer);
  if (nonce === undefined) throw refusal(hub, answer);
  return nonce;
}

const enrolmentReply = z.object({
  agent_id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  server_id: z.string().min(1).max(64),
  tunnel_urls: tunnelUrlList,
  addresses: z.array(z.url({ protocol: /^https$/ })).max(8),
});

async function redeem(
  asked: EnrolmentRequest,
  agent: Agent,
  proof: object,
  signal: AbortSignal,
): Promise<EnrolmentReply> {
  const answer = await exchange({
    hub: asked.hub,
    agent,
    signal,
    path: '/api/v1/enrol',
    body: proof,
  });
  const parsed = enrolmentReply.safeParse(answer.body);
  if (answer.status !== 201 || !parsed.success) throw refusal(asked.hub, answer);
  const reply = parsed.data;
  const tunnelUrls = tunnelUrlsAt(asked.hub, reply.tunnel_urls);
  return {
    agentId: reply.agent_id,
    serverId: reply.server_id,
    tunnelUrls,
    addresses: reply.addresses,
  };
}

/** The hub's codes and what its owner's friend can do about each. The hub's own prose is not shown: it may not be a hub. */
const refusals = new Map<unknown, { code: AgentFailureCode; text: string }>([
  [
    'enrol.token-invalid',
    {
      code: 'enrol.token-invalid',
      text: 'does not know this token: copy it again, check that PHLIX_HUB_URL is the hub that made it, or make a new one with "phlix-hub enrol-token create" if it was withdrawn',
    },
  ],
  [
    'server.unknown',
    {
      code: 'enrol.token-invalid',
      text: 'no longer has the server this token was made for: make a new one with "phlix-hub enrol-token create"',
    },
  ],
  [
    'api.internal',
    {
      code: 'hub.unreachable',
      text: 'cannot enrol anybody at the moment: its log says why; trying again',
    },
  ],
  [
    'enrol.token-used',
    {
      code: 'enrol.token-used',
      text: 'has seen this token before and a token works once: make a new one with "phlix-hub enrol-token create"',
    },
  ],
  [
    'enrol.token-expired',
    {
      code: 'enrol.token-expired',
      text: 'says that this token is too old: make a new one with "phlix-hub enrol-token create"',
    },
  ],
  [
    'enrol.wrong-network',
    {
      code: 'enrol.wrong-network',
      text: 'does not take this token from this network: enrol from the network it was made for, or make one without that limit',
    },
  ],
  [
    'enrol.proof',
    {
      code: 'enrol.proof',
      text: `could not match this connection to this agent: ${reencrypted("write PHLIX_HUB_URL with the name in the hub's HUB_PUBLIC_URL")}`,
    },
  ],
  [
    'tunnel.unbound',
    {
      code: 'tunnel.unbound',
      text: 'is behind a proxy that ends TLS, so nothing can be proved to it: let port 8802 through to the hub untouched and write that port in PHLIX_HUB_URL',
    },
  ],
  [
    'name.quota',
    {
      code: 'enrol.no-name',
      text: "has no more names for this token's owner: release one there, or set PHLIX_SUBDOMAIN_AUTO_CLAIM=0 to connect without a name",
    },
  ],
  [
    'name.taken',
    {
      code: 'enrol.no-name',
      text: 'drew names for this server and all were taken: the agent tries again; ask the operator for a token with a name ("phlix-hub enrol-token create --label"), or set PHLIX_SUBDOMAIN_AUTO_CLAIM=0 to connect without a name',
    },
  ],
  [
    'enrol.rate-limited',
    {
      code: 'enrol.rate-limited',
      text: 'has seen too many wrong tokens from this network: the agent waits and tries again',
    },
  ],
]);

const problem = z.object({ code: z.string() });

function refusal(hub: Endpoint, answer: Answer): AgentFailure {
  const known = refusals.get(problem.safeParse(answer.body).data?.code);
  if (known === undefined) return unexpected(hub, `it answered with status ${answer.status}`);
  return new AgentFailure(known.code, `the hub at ${hub.url} ${known.text}`, {
    retryAfterMs: answer.retryAfterMs,
  });
}
