// An agent's token, key and proof arrive over its own TLS connection; who it is now leaves, or the reason why not (security rows D-01, D-02).

import { Buffer } from 'node:buffer';
import { setTimeout as after } from 'node:timers/promises';

import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';

import type { Logger } from '../../../shared/log.ts';
import { noAudit, type Audit } from '../../audit/audit.ts';
import type { Enrolled, Redemption } from '../../tunnels/enrolment.ts';
import { FailureBudget } from '../../tunnels/failure-budget.ts';
import type { Server } from '../../tunnels/server.ts';
import { TunnelError } from '../../tunnels/tunnel-error.ts';
import type { HubEnv } from '../doors/arrival.ts';
import { channelOf, type Channel, type PeerOf } from './channel.ts';
import { defaultApiLimits, type ApiLimits } from '../limits.ts';
import { Nonces } from './nonces.ts';
import { problem } from '../problem/problem.ts';

export interface EnrolmentApiOptions {
  readonly enrolment: { redeem(request: Redemption): Promise<Enrolled> };
  /** Host of HUB_PUBLIC_URL. */
  readonly hubHost: string;
  /** Where agents dial: `wss://hub.example.org:8802/tunnel`. Asked for anew each time, since port 0 is known only after listening. */
  readonly tunnelUrls: () => readonly string[];
  readonly addressesOf: (server: Server) => readonly string[];
  /** Where nothing stands in front of the hub, it is the socket's. */
  readonly peerOf?: PeerOf | undefined;
  /** Failed attempts of one address within a minute: guessing 256 bits is hopeless at any rate, but a broken loop fills the log. */
  readonly failuresPerMinute: number;
  readonly limits?: ApiLimits;
  readonly audit?: Audit;
  readonly log: Logger;
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number;
}

const redemption = z.object({
  token_id: z.string().regex(/^[0-9A-Za-z]{8}$/),
  secret: z.string().regex(/^[0-9A-Za-z_-]{43}$/),
  public_key: z.string().regex(/^[0-9A-Za-z_-]{43}$/),
  signature: z.string().regex(/^[0-9A-Za-z_-]{86}$/),
  claim: z.boolean(),
  name: z.string().max(64).nullable(),
  // As in the hello: it is for logs, and terminals act on what is not printable.
  software: z.string().regex(/^[\x20-\x7e]{1,64}$/),
});

type Asked = z.output<typeof redemption>;

export function enrolmentApi(options: EnrolmentApiOptions): Hono<HubEnv> {
  const { enrolBytes } = options.limits ?? defaultApiLimits;
  const desk = new EnrolmentDesk(options);
  const limited = bodyLimit({
    maxSize: enrolBytes,
    onError: (context) =>
      problem(context, 'api.too-large', `Send at most ${enrolBytes} bytes to enrol.`),
  });
  const api = new Hono<HubEnv>();
  api.get('/tunnel', (context) => context.json({ tunnel_urls: options.tunnelUrls() }));
  api.get('/enrol', (context) => desk.issueNonce(context));
  api.post('/enrol', limited, async (context) => desk.enrol(context));
  return api;
}

class EnrolmentDesk {
  readonly #options: EnrolmentApiOptions;
  readonly #limits: ApiLimits;
  readonly #failures: FailureBudget;
  readonly #nonces: Nonces;

  constructor(options: EnrolmentApiOptions) {
    this.#options = options;
    this.#limits = options.limits ?? defaultApiLimits;
    const nowMs = options.nowMs ?? (() => performance.now());
    const limit = options.failuresPerMinute;
    this.#failures = new FailureBudget({ limit, windowMs: 60_000, nowMs });
    this.#nonces = new Nonces(this.#limits.enrolNonceMs, nowMs);
  }

  issueNonce(context: Context<HubEnv>): Response {
    const channel = channelOf(context.env.incoming, this.#options.peerOf);
    if (channel === undefined) return unbound(context);
    context.header('cache-control', 'no-store');
    return context.json({ nonce: this.#nonces.issue(channel.socket).toString('base64url') });
  }

  async enrol(context: Context<HubEnv>): Promise<Response> {
    // What a page makes a browser send would be counted against the house in which it is read. Agents have no Origin.
    if (context.req.header('origin') !== undefined) {
      return problem(context, 'api.malformed', 'A page in a browser cannot enrol: use the agent.');
    }
    const channel = channelOf(context.env.incoming, this.#options.peerOf);
    if (channel === undefined) return unbound(context);
    const waitMs = this.#failures.waitMs(channel.bucket);
    if (waitMs > 0) return rateLimited(context, waitMs);
    const asked = await this.#read(context);
    if (asked instanceof Response) return asked;
    const nonce = this.#nonces.spend(channel.socket);
    if (nonce !== undefined) return this.#redeem(context, { asked, channel, nonce });
    this.#failures.note(channel.bucket);
    return problem(
      context,
      'enrol.proof',
      'Ask for a nonce with GET first, over this same connection: each is good for one attempt.',
    );
  }

  async #read(context: Context<HubEnv>): Promise<Asked | Response> {
    const body = await bodyOf(context, this.#limits.enrolTimeoutMs);
    if (body === tooSlow) {
      context.header('connection', 'close');
      return problem(context, 'api.timeout', 'The enrolment did not arrive in time: try again.');
    }
    const asked = redemption.safeParse(body);
    return asked.success
      ? asked.data
      : problem(context, 'api.malformed', 'The enrolment is malformed: update the agent.');
  }

  async #redeem(
    context: Context<HubEnv>,
    { asked, channel, nonce }: { asked: Asked; channel: Channel; nonce: Buffer },
  ): Promise<Response> {
    const { enrolment, log, audit = noAudit } = this.#options;
    const { peerAddress: address } = channel;
    try {
      const enrolled = await enrolment.redeem(redemptionOf(asked, channel, nonce));
      log.info(enrolmentFacts(enrolled, channel, asked.software), 'server enrolled');
      const { agentId: target, server } = enrolled;
      const reason = `token ${asked.token_id}, name ${server.label ?? 'none'}`;
      const fact = { address, target, method: 'token', reason };
      audit.note({ ...fact, event: 'server.enrolled', server: server.id, result: 'ok' });
      return context.json(replyOf(this.#options, enrolled), 201);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      if (error.code.startsWith('enrol.')) this.#failures.note(channel.bucket);
      log.info({ err: error, address }, 'enrolment refused');
      const fact = { address, target: asked.token_id, method: 'token', reason: error.code };
      audit.note({ ...fact, event: 'server.enrolment-denied', result: 'denied' });
      return problem(context, error.code, error.message);
    }
  }
}

const tooSlow = Symbol('too slow');

/** Undefined when it is no JSON. */
async function bodyOf(context: Context, timeoutMs: number): Promise<unknown> {
  const clock = new AbortController();
  const deadline = after(timeoutMs, tooSlow, { signal: clock.signal, ref: false });
  try {
    return await Promise.race([
      context.req.json<unknown>().catch(() => undefined),
      deadline.catch(() => undefined),
    ]);
  } finally {
    clock.abort();
  }
}

function redemptionOf(asked: Asked, channel: Channel, nonce: Buffer): Redemption {
  return {
    tokenId: asked.token_id,
    secret: asked.secret,
    publicKey: Buffer.from(asked.public_key, 'base64url'),
    signature: Buffer.from(asked.signature, 'base64url'),
    nonce,
    exporter: channel.exporter,
    peerAddress: channel.peerAddress,
    claim: asked.claim,
    name: asked.name ?? undefined,
  };
}

function replyOf(options: EnrolmentApiOptions, { agentId, server }: Enrolled): object {
  return {
    agent_id: agentId,
    server_id: server.id,
    hub_host: options.hubHost,
    tunnel_urls: options.tunnelUrls(),
    addresses: options.addressesOf(server),
  };
}

function enrolmentFacts(enrolled: Enrolled, channel: Channel, software: string): object {
  const { agentId, server, refused } = enrolled;
  const facts = { agentId, serverId: server.id, label: server.label, software };
  return { ...facts, address: channel.peerAddress, ...(refused && { refused }) };
}

function unbound(context: Context): Response {
  // RFC 9110 §15.5.22 wants to be told what to upgrade to; HTTP/2 has no such field.
  if (context.env.incoming.httpVersionMajor === 1) context.header('upgrade', 'TLS/1.3, HTTP/1.1');
  return problem(
    context,
    'tunnel.unbound',
    'Enrolment needs HTTP/1.1 over TLS 1.3 that ends at the hub itself: let port 8802 through untouched and enrol there.',
  );
}

function rateLimited(context: Context, waitMs: number): Response {
  const seconds = Math.ceil(waitMs / 1000);
  context.header('retry-after', String(seconds));
  return problem(
    context,
    'enrol.rate-limited',
    `Too many failed enrolments from this address: try again in ${seconds} seconds.`,
  );
}
