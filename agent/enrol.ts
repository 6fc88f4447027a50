// A token and a fresh key arrive; the hub's word for who this agent is leaves. Nonce, proof and answer share one TLS connection.

import { Buffer } from 'node:buffer';
import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import { Agent, request, type IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

import { z } from 'zod';

import type { EnrolmentToken } from '../shared/enrolment-token.ts';
import { enrolmentProof, exporterBytes, exporterLabel, nonceBytes } from '../shared/wire/proof.ts';
import type { Endpoint } from './config.ts';
import { dial } from './dial.ts';
import { AgentFailure, type AgentFailureCode } from './failure.ts';
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
  // Every later failure of the socket also fails the request that runs on it.
  socket.on('error', () => undefined);
  try {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    const nonce = await fetchNonce(hub, connection, deadline);
    return await redeem(asked, connection, prove(asked, socket, nonce), deadline);
  } finally {
    connection.destroy();
    socket.destroy();
  }
}

/** An HTTP agent that has one connection and no second: the proof is worth nothing on another. */
class OneConnection extends Agent {
  #socket: TLSSocket | undefined;

  constructor(socket: TLSSocket) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#socket = socket;
  }

  override createConnection(): TLSSocket {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) throw new Error('the hub closed the connection between two requests');
    return socket;
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
    // The last 32 bytes of an Ed25519 SPKI are the key itself (RFC 8410 §4).
    public_key: createPublicKey(privateKey)
      .export({ type: 'spki', format: 'der' })
      .subarray(-32)
      .toString('base64url'),
    signature: sign(null, proof, privateKey).toString('base64url'),
    claim: asked.claimsSubdomain,
    name: asked.serverName ?? null,
    software: asked.software,
  };
}

const nonceReply = z.object({ nonce: z.base64url().length(43) });

async function fetchNonce(hub: Endpoint, agent: Agent, signal: AbortSignal): Promise<Buffer> {
  const answer = await exchange(hub, agent, signal, undefined);
  const parsed = nonceReply.safeParse(answer.body);
  const nonce = Buffer.from(parsed.data?.nonce ?? '', 'base64url');
  if (answer.status !== 200 || nonce.length !== nonceBytes) throw refusal(hub, answer);
  return nonce;
}

const enrolmentReply = z.object({
  agent_id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  server_id: z.string().min(1).max(64),
  tunnel_urls: z
    .array(z.url({ protocol: /^wss$/ }))
    .min(1)
    .max(8),
  addresses: z.array(z.url({ protocol: /^https$/ })).max(8),
});

async function redeem(
  asked: EnrolmentRequest,
  agent: Agent,
  proof: object,
  signal: AbortSignal,
): Promise<EnrolmentReply> {
  const answer = await exchange(asked.hub, agent, signal, proof);
  const parsed = enrolmentReply.safeParse(answer.body);
  if (answer.status !== 201 || !parsed.success) throw refusal(asked.hub, answer);
  const reply = parsed.data;
  // The hub may move its port, not send the agent to other hosts: a broken hub must not make it knock on doors at home.
  const tunnelUrls = reply.tunnel_urls.filter(
    (url) => new URL(url).hostname.replace(/^\[|\]$/g, '') === asked.hub.hostname,
  );
  if (tunnelUrls.length === 0) {
    throw unexpected(asked.hub, 'its tunnel is on another host than PHLIX_HUB_URL names');
  }
  return {
    agentId: reply.agent_id,
    serverId: reply.server_id,
    tunnelUrls,
    addresses: reply.addresses,
  };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfterMs: number | undefined;
}

async function exchange(
  hub: Endpoint,
  agent: Agent,
  signal: AbortSignal,
  body: object | undefined,
): Promise<Answer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = request(
    `http://${new URL(hub.url).host}/api/v1/enrol`,
    {
      agent,
      signal,
      method: text === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      },
    },
    resolve,
  );
  outgoing.once('error', reject);
  outgoing.end(text);
  try {
    const response = await promise;
    const retryAfter = Number(response.headers['retry-after']);
    return {
      status: response.statusCode ?? 0,
      body: await readJson(response),
      retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1000 : undefined,
    };
  } catch (cause) {
    throw new AgentFailure(
      'hub.unreachable',
      `the connection to ${hub.url} broke while enrolling: nothing is lost, the agent tries again`,
      { cause },
    );
  }
}

/** An answer is a few hundred bytes; what is not ours may be a page of any size. */
const maxAnswerBytes = 64 * 1024;

async function readJson(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The hub's codes and what its owner's friend can do about each. The hub's own prose is not shown: it may not be a hub. */
const refusals = new Map<unknown, { code: AgentFailureCode; text: string }>([
  [
    'enrol.token-invalid',
    {
      code: 'enrol.token-invalid',
      text: 'does not know this token: copy it again, check that PHLIX_HUB_URL is the hub that made it, or make a new one with "phlix-hub enrol-token create"',
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
      text: "could not match this connection to this agent: write PHLIX_HUB_URL with the name in the hub's HUB_PUBLIC_URL, and make sure that nothing in between opens the TLS connection",
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

function unexpected(hub: Endpoint, detail: string): AgentFailure {
  return new AgentFailure(
    'hub.unexpected',
    `${hub.url} does not answer like a Phlix Hub (${detail}): check PHLIX_HUB_URL and that the hub is up to date`,
  );
}
