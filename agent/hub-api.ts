// Requests to the hub's API arrive, over a connection that was dialled for them; parsed answers leave. Small, bounded, never redirected.

import { Buffer } from 'node:buffer';
import { Agent, request, type IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

import { z } from 'zod';

import { nonceBytes } from '../shared/wire/proof.ts';
import type { Endpoint } from './config.ts';
import { dial } from './dialling/dial.ts';
import { AgentFailure } from './failure.ts';
import { retryAfterMs } from './link-failure.ts';
import type { Trust } from './trust.ts';

/** Where the hub takes tunnels today: its ports may have moved since this agent enrolled. @throws AgentFailure */
export async function fetchTunnelUrls(
  hub: Endpoint,
  options: Trust & { deadlineMs: number; signal: AbortSignal },
): Promise<readonly string[]> {
  const socket = await dial(hub, options);
  const agent = new OneConnection(socket);
  try {
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.deadlineMs)]);
    const answer = await exchange({ hub, agent, signal, path: '/api/v1/tunnel' });
    const parsed = z.object({ tunnel_urls: tunnelUrlList }).safeParse(answer.body);
    if (answer.status !== 200 || !parsed.success) {
      throw unexpected(hub, `it answered with status ${answer.status}`);
    }
    return tunnelUrlsAt(hub, parsed.data.tunnel_urls);
  } finally {
    agent.destroy();
    socket.destroy();
  }
}

export const tunnelUrlList = z
  .array(z.url({ protocol: /^wss$/ }))
  .min(1)
  .max(8);

/**
 * The hub may move its port, not send the agent to other hosts: a broken hub must not make it knock on doors at home.
 * @throws AgentFailure hub.unexpected when none is left
 */
export function tunnelUrlsAt(hub: Endpoint, urls: readonly string[]): readonly string[] {
  const own = urls.filter((url) => new URL(url).hostname.replace(/^\[|\]$/g, '') === hub.hostname);
  if (own.length > 0) return own;
  throw unexpected(hub, 'its tunnel is on another host than PHLIX_HUB_URL names');
}

/** An HTTP agent that has one connection and no second: the proof is worth nothing on another. */
export class OneConnection extends Agent {
  #socket: TLSSocket | undefined;

  constructor(socket: TLSSocket) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#socket = socket;
    // Whatever breaks the socket fails the request that runs on it; between two requests nobody else listens.
    socket.on('error', () => undefined);
  }

  override createConnection(): TLSSocket {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) throw new Error('the hub closed the connection between two requests');
    return socket;
  }
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfterMs: number | undefined;
  /** By the hub's clock. */
  readonly date: string | undefined;
}

const nonceReply = z.object({ nonce: z.base64url().length(43) });

/** Undefined: the hub did not give one. */
export function nonceOf({ status, body }: Answer): Buffer | undefined {
  const parsed = nonceReply.safeParse(body);
  const nonce = Buffer.from(parsed.data?.nonce ?? '', 'base64url');
  return status === 200 && nonce.length === nonceBytes ? nonce : undefined;
}

export interface Exchange {
  readonly hub: Endpoint;
  readonly agent: Agent;
  readonly path: string;
  readonly signal: AbortSignal;
  /** Absent: GET. */
  readonly body?: object;
}

/** @throws AgentFailure hub.unreachable when the connection breaks */
export async function exchange(asked: Exchange): Promise<Answer> {
  try {
    const response = await send(asked);
    return {
      status: response.statusCode ?? 0,
      body: await readJson(response),
      retryAfterMs: retryAfterMs(response),
      date: response.headers.date,
    };
  } catch (cause) {
    throw new AgentFailure(
      'hub.unreachable',
      `the connection to ${asked.hub.url} broke in the middle of an answer: nothing is lost, the agent tries again`,
      { cause },
    );
  }
}

function send({ hub, agent, path, signal, body }: Exchange): Promise<IncomingMessage> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const method = text === undefined ? 'GET' : 'POST';
  const bodyFields =
    text === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  const headers = { accept: 'application/json', ...bodyFields };
  return new Promise((resolve, reject) => {
    // Plain HTTP to node:http: the agent's one connection has TLS underneath already.
    const url = `http://${new URL(hub.url).host}${path}`;
    const outgoing = request(url, { agent, signal, method, headers }, resolve);
    outgoing.once('error', reject);
    outgoing.end(text);
  });
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

export function unexpected(hub: Endpoint, detail: string): AgentFailure {
  return new AgentFailure(
    'hub.unexpected',
    `${hub.url} does not answer like a Phlix Hub (${detail}): check PHLIX_HUB_URL and that the hub is up to date`,
  );
}
