// A request of an agent that proves a key arrives, over a connection of its own; its body, or the answer that it gets instead, leaves.

import type { Buffer } from 'node:buffer';
import { setTimeout as after } from 'node:timers/promises';

import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { z } from 'zod';

import { FailureBudget } from '../../tunnels/failure-budget.ts';
import type { HubEnv } from '../doors/arrival.ts';
import { problem } from '../problem/problem.ts';
import { defaultApiLimits, type ApiLimits } from '../limits.ts';
import { channelOf, type Channel, type PeerOf } from './channel.ts';
import { Nonces } from './nonces.ts';

export interface DeskOptions {
  /** Where nothing stands in front of the hub, it is the socket's. */
  readonly peerOf?: PeerOf | undefined;
  /** Failed attempts of one address within a minute: guessing 256 bits is hopeless at any rate, but a broken loop fills the log. */
  readonly failuresPerMinute: number;
  readonly limits?: ApiLimits;
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number;
}

/** What was asked, on which connection, and the nonce that it signed for. */
export interface Errand<Asked> {
  readonly asked: Asked;
  readonly channel: Channel;
  readonly nonce: Buffer;
}

export class Desk {
  readonly #peerOf: PeerOf | undefined;
  readonly #limits: ApiLimits;
  readonly #failures: FailureBudget;
  readonly #nonces: Nonces;

  constructor(options: DeskOptions) {
    this.#peerOf = options.peerOf;
    this.#limits = options.limits ?? defaultApiLimits;
    const nowMs = options.nowMs ?? (() => performance.now());
    const limit = options.failuresPerMinute;
    this.#failures = new FailureBudget({ limit, windowMs: 60_000, nowMs });
    this.#nonces = new Nonces(this.#limits.enrolNonceMs, nowMs);
  }

  /** `more`: what else this errand needs to know of the connection. */
  issueNonce(context: Context<HubEnv>, more?: (channel: Channel) => object): Response {
    const channel = channelOf(context.env.incoming, this.#peerOf);
    if (channel === undefined) return unbound(context);
    context.header('cache-control', 'no-store');
    const nonce = this.#nonces.issue(channel.socket).toString('base64url');
    return context.json({ nonce, ...more?.(channel) });
  }

  /** The errand, or the answer to what is none. */
  async take<Asked>(
    context: Context<HubEnv>,
    schema: z.ZodType<Asked>,
  ): Promise<Errand<Asked> | Response> {
    // What a page makes a browser send would be counted against the house in which it is read. Agents have no Origin.
    if (context.req.header('origin') !== undefined)
      return problem(
        context,
        'api.malformed',
        'A page in a browser cannot do this: use the agent.',
      );
    const channel = channelOf(context.env.incoming, this.#peerOf);
    if (channel === undefined) return unbound(context);
    const waitMs = this.#failures.waitMs(channel.bucket);
    if (waitMs > 0) return rateLimited(context, waitMs);
    const body = await bodyOf(context, this.#limits.enrolTimeoutMs);
    if (body === tooSlow) {
      context.header('connection', 'close');
      return problem(context, 'api.timeout', 'The request did not arrive in time: try again.');
    }
    const asked = schema.safeParse(body);
    if (!asked.success)
      return problem(context, 'api.malformed', 'The request is malformed: update the agent.');
    const nonce = this.#nonces.spend(channel.socket);
    if (nonce !== undefined) return { asked: asked.data, channel, nonce };
    this.noteFailure(channel);
    return problem(
      context,
      'enrol.proof',
      'Ask for a nonce with GET first, over this same connection: each is good for one attempt.',
    );
  }

  noteFailure({ bucket }: Channel): void {
    this.#failures.note(bucket);
  }
}

/** `maxSize`: of an errand that brings more than a key and a signature. */
export function limitedBody(
  limits: ApiLimits = defaultApiLimits,
  maxSize: number = limits.enrolBytes,
): ReturnType<typeof bodyLimit> {
  return bodyLimit({
    maxSize,
    onError: (context) => problem(context, 'api.too-large', `Send at most ${maxSize} bytes here.`),
  });
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

function unbound(context: Context): Response {
  // RFC 9110 §15.5.22 wants to be told what to upgrade to; HTTP/2 has no such field.
  if (context.env.incoming.httpVersionMajor === 1) context.header('upgrade', 'TLS/1.3, HTTP/1.1');
  return problem(
    context,
    'tunnel.unbound',
    'This needs HTTP/1.1 over TLS 1.3 that ends at the hub itself: let port 8802 through untouched and come there.',
  );
}

function rateLimited(context: Context, waitMs: number): Response {
  const seconds = Math.ceil(waitMs / 1000);
  context.header('retry-after', String(seconds));
  return problem(
    context,
    'enrol.rate-limited',
    `Too many failed attempts from this address: try again in ${seconds} seconds.`,
  );
}
