// An agent proves its key on a connection of its own; then bytes that mean nothing pass each way, for seconds, and how fast they did leaves.

import { createHash, randomBytes } from 'node:crypto';

import { Hono, type Context } from 'hono';
import { z } from 'zod';

import { lineProof } from '../../../shared/wire/proof.ts';
import { FailureBudget } from '../../tunnels/failure-budget.ts';
import type { ServerStore } from '../../tunnels/server.ts';
import type { HubEnv } from '../doors/arrival.ts';
import { problem } from '../problem/problem.ts';
import { Desk, limitedBody, type DeskOptions, type Errand } from './desk.ts';
import { serverOfSigner, signed } from './signer.ts';

export interface LineApiOptions extends DeskOptions {
  readonly hubHost: string;
  /** Absent: no line is measured here. */
  readonly line?: LineGuard | undefined;
}

type Direction = 'down' | 'up';

/** Each way. What a line of 100 Mbit/s brings in two seconds and a half: films need no more, and the hub has others to serve. */
const mostBytes = 32 * 1024 * 1024;
/** Of one server in ten minutes: somebody who mends his line looks a few times. */
const perServer = { limit: 6, windowMs: 10 * 60_000 };
/** At once: all of them together take what a few films do. */
const mostAtOnce = 2;
/** From the proof to the last byte: whoever asks for more at once than his line brings in this time has not measured well. */
const grantMs = 30_000;

/** No byte in this time: it is no line that is measured any more, and others wait for the room. */
const silentMs = 5000;

interface Grant {
  readonly serverId: string;
  readonly untilMs: number;
  /** Bytes. */
  readonly left: Record<Direction, number>;
}

/** Who may measure, for all doors of the hub together. */
export class LineGuard {
  readonly #store: Pick<ServerStore, 'findAgent' | 'find'>;
  readonly #looks = new FailureBudget(perServer);
  readonly #grants = new WeakMap<object, Grant>();
  /** The servers whose lines are measured now. */
  readonly #running = new Set<string>();
  readonly silentMs: number;

  constructor(
    store: Pick<ServerStore, 'findAgent' | 'find'>,
    options: { readonly silentMs?: number } = {},
  ) {
    this.#store = store;
    this.silentMs = options.silentMs ?? silentMs;
  }

  /** The server whose key signed. */
  async serverOf(
    { asked, channel, nonce }: Errand<z.output<typeof signed>>,
    hubHost: string,
  ): Promise<string | undefined> {
    const { agent_id: agentId } = asked;
    const proof = lineProof({ hubHost, agentId, nonce, exporter: channel.exporter });
    return serverOfSigner(this.#store, asked, proof);
  }

  /** Milliseconds to wait; 0: it is granted, for a while and on this connection. */
  grant(serverId: string, connection: object): number {
    const waitMs = this.#looks.waitMs(serverId);
    if (waitMs > 0) return waitMs;
    this.#looks.note(serverId);
    const untilMs = performance.now() + grantMs;
    this.#grants.set(connection, { serverId, untilMs, left: { down: mostBytes, up: mostBytes } });
    return 0;
  }

  /** Begins so many bytes one way; what ends them again, or why they may not begin. */
  begin(connection: object, direction: Direction, bytes: number): (() => void) | Refusal {
    const grant = this.#grants.get(connection);
    if (grant === undefined || grant.untilMs < performance.now()) return 'line.denied';
    if (bytes > grant.left[direction]) return 'api.too-large';
    const { serverId } = grant;
    // One of each server: else a single one could keep all others waiting.
    if (this.#running.size >= mostAtOnce || this.#running.has(serverId)) return 'line.busy';
    grant.left[direction] -= bytes;
    this.#running.add(serverId);
    let isOver = false;
    return () => {
      if (!isOver) this.#running.delete(serverId);
      isOver = true;
    };
  }
}

type Refusal = 'line.denied' | 'line.busy' | 'api.too-large';

export function lineApi(options: LineApiOptions): Hono<HubEnv> {
  const api = new Hono<HubEnv>();
  const { line, hubHost } = options;
  if (line === undefined) return api;
  const desk = new Desk(options);
  // What the hub sees of this connection: an agent that sees something else talks to somebody in between.
  api.get('/line', (context) =>
    desk.issueNonce(context, ({ exporter }) => ({
      channel: createHash('sha256').update(exporter).digest('base64url'),
    })),
  );
  api.post('/line', limitedBody(options.limits), async (context) => {
    const errand = await desk.take(context, signed);
    if (errand instanceof Response) return errand;
    const serverId = await line.serverOf(errand, hubHost);
    if (serverId === undefined) {
      desk.noteFailure(errand.channel);
      return denied(context);
    }
    const waitMs = line.grant(serverId, errand.channel.socket);
    if (waitMs > 0) return busy(context, waitMs);
    return context.json({ most_bytes: mostBytes });
  });
  api.get('/line/down', (context) =>
    // Hono asks for HEAD what it asks for GET, and never reads the body that ends the measurement.
    context.req.method === 'HEAD' ? context.body(null, 200, uncached) : sendBytes(context, line),
  );
  api.post('/line/up', async (context) => takeBytes(context, line));
  return api;
}

const sizes = z.coerce.number().int().min(1).max(mostBytes);

interface Measurement {
  readonly bytes: number;
  /** Bytes passed. */
  readonly passed: () => void;
  readonly end: () => void;
}

/** Begun and not ended within a grant's life, or without a byte for seconds, it is cut with its connection. */
function beginning(
  context: Context<HubEnv>,
  line: LineGuard,
  { direction, size }: { direction: Direction; size: string | undefined },
): Measurement | Response {
  const asked = sizes.safeParse(size);
  if (!asked.success)
    return problem(context, 'api.malformed', `Say how many bytes, 1 to ${mostBytes}.`);
  const { socket } = context.env.incoming;
  const end = line.begin(socket, direction, asked.data);
  if (typeof end === 'string') return refused(context, end);
  const cut = (): void => void socket.destroy();
  const deadline = setTimeout(cut, grantMs).unref();
  const silence = setTimeout(cut, line.silentMs).unref();
  const stop = (): void => {
    clearTimeout(deadline);
    clearTimeout(silence);
    socket.off('close', stop);
    end();
  };
  socket.once('close', stop);
  return { bytes: asked.data, passed: () => void silence.refresh(), end: stop };
}

const pieceBytes = 64 * 1024;

function sendBytes(context: Context<HubEnv>, line: LineGuard): Response {
  const begun = beginning(context, line, { direction: 'down', size: context.req.query('bytes') });
  if (begun instanceof Response) return begun;
  const { bytes, passed, end } = begun;
  // Nothing on the way can make it smaller.
  const piece = randomBytes(pieceBytes);
  let left = bytes;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      passed();
      controller.enqueue(piece.subarray(0, Math.min(left, pieceBytes)));
      left -= pieceBytes;
      if (left > 0) return;
      end();
      controller.close();
    },
    cancel: end,
  });
  return context.body(body, 200, {
    ...uncached,
    'content-length': String(bytes),
  });
}

const uncached = {
  'content-type': 'application/octet-stream',
  'cache-control': 'no-store, no-transform',
};

async function takeBytes(context: Context<HubEnv>, line: LineGuard): Promise<Response> {
  // Declared, since what has no length could have any.
  const size = context.req.header('content-length');
  const begun = beginning(context, line, { direction: 'up', size });
  if (begun instanceof Response) return begun;
  let bytes = 0;
  try {
    for await (const piece of context.req.raw.body ?? []) {
      begun.passed();
      bytes += piece.length;
    }
  } finally {
    begun.end();
  }
  return context.json({ bytes });
}

function refused(context: Context<HubEnv>, why: Refusal): Response {
  // What is on its way behind the question is not read.
  if (context.env.incoming.httpVersionMajor === 1) context.header('connection', 'close');
  if (why === 'line.busy') return busy(context, retryMs);
  if (why === 'line.denied') return denied(context);
  return problem(context, why, `Each way ${mostBytes} bytes are measured with, not more.`);
}

/** Another measurement ends by then. */
const retryMs = 5000;

function denied(context: Context): Response {
  return problem(
    context,
    'line.denied',
    'A line is measured for an agent that has proved its key on this connection: if this one is enrolled, its server was removed, or somebody in between ends TLS.',
  );
}

function busy(context: Context, waitMs: number): Response {
  const seconds = Math.ceil(waitMs / 1000);
  context.header('retry-after', String(seconds));
  return problem(
    context,
    'line.busy',
    `The hub measures no more lines now: try again in ${seconds} seconds.`,
  );
}
