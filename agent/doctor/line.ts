// A door of the hub and the agent's key arrive; how long the way is and what it carries leaves, measured with real bytes for a few seconds.

import { Buffer } from 'node:buffer';
import { randomBytes, sign } from 'node:crypto';
import { request, type IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

import { z } from 'zod';

import { exporterBytes, exporterLabel, lineProof } from '../../shared/wire/proof.ts';
import type { Endpoint } from '../config.ts';
import type { Enrolled } from '../credentials.ts';
import { dial } from '../dialling/dial.ts';
import { exchange, OneConnection } from '../hub-api.ts';
import type { Trust } from '../trust.ts';
import { ask, deadlineMs, neverAborted } from './way.ts';

export type Measured =
  | {
      readonly kind: 'measured';
      readonly roundTripMs: number;
      /** Bits a second, towards this machine and away from it. */
      readonly down: number;
      readonly up: number;
    }
  /** The hub does not measure: it is older, has no time, or does not know this key on this connection. */
  | { readonly kind: 'refused'; readonly status: number; readonly waitMs: number | undefined }
  /** Small questions were answered, and then bytes stayed away. */
  | { readonly kind: 'stalled'; readonly direction: 'down' | 'up'; readonly roundTripMs: number };

/** Each way: whoever waits has better things to do. */
const usuallyEnoughMs = 2500;
/** A piece that took so long tells: TCP needs half a second to fill a long line. */
const tellingMs = 600;
/** The first piece: a slow line takes a second for it. */
const firstBytes = 64 * 1024;
/** The next piece takes about so long, by what the last one took; and is not more than so many times as large. */
const pieceMs = 900;
const growth = 8;
/** A piece that takes longer comes no more. */
const stalledMs = 10_000;

export interface LineMeasurement {
  readonly trust: Trust;
  readonly identity: Enrolled;
  readonly enoughMs?: number | undefined;
}

/** @throws AgentFailure when the hub cannot be reached */
export async function measureLine(
  door: Endpoint,
  { trust, identity, enoughMs = usuallyEnoughMs }: LineMeasurement,
): Promise<Measured> {
  const socket = await dial(door, { ...trust, deadlineMs, signal: neverAborted });
  const agent = new OneConnection(socket);
  try {
    const { roundTripMs, nonce } = await timed(door, agent);
    if (nonce === undefined) return { kind: 'refused', status: 404, waitMs: undefined };
    const body = proofOf({ socket, identity, nonce });
    const signal = AbortSignal.timeout(deadlineMs);
    const granted = await exchange({ hub: door, agent, path: '/api/v1/line', signal, body });
    const most = z.object({ most_bytes: z.number() }).safeParse(granted.body);
    if (!most.success)
      return { kind: 'refused', status: granted.status, waitMs: granted.retryAfterMs };
    const way = { door, agent, roundTripMs, mostBytes: most.data.most_bytes, enoughMs };
    const up = await rateOf(way, sendPiece);
    const down = up === undefined ? undefined : await rateOf(way, fetchPiece);
    if (up !== undefined && down !== undefined) return { kind: 'measured', roundTripMs, down, up };
    return { kind: 'stalled', direction: up === undefined ? 'up' : 'down', roundTripMs };
  } finally {
    agent.destroy();
    socket.destroy();
  }
}

/** The shortest of several: the others had to wait for somebody. */
async function timed(
  door: Endpoint,
  agent: OneConnection,
): Promise<{ roundTripMs: number; nonce: Buffer | undefined }> {
  let roundTripMs = Infinity;
  let nonce: Buffer | undefined;
  for (let count = 0; count < 5; count += 1) {
    const begunMs = performance.now();
    const { body } = await ask(door, agent, '/api/v1/line');
    roundTripMs = Math.min(roundTripMs, performance.now() - begunMs);
    const told = z.object({ nonce: z.base64url() }).safeParse(body);
    nonce = told.success ? Buffer.from(told.data.nonce, 'base64url') : undefined;
    if (nonce === undefined) break;
  }
  return { roundTripMs, nonce };
}

function proofOf(asked: { socket: TLSSocket; identity: Enrolled; nonce: Buffer }): object {
  const { socket, identity, nonce } = asked;
  const { agentId, hubUrl, privateKey } = identity;
  const hubHost = new URL(hubUrl).hostname;
  const exporter = socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0));
  const signature = sign(null, lineProof({ hubHost, agentId, nonce, exporter }), privateKey);
  return { agent_id: agentId, signature: signature.toString('base64url') };
}

interface Way {
  readonly door: Endpoint;
  readonly agent: OneConnection;
  readonly roundTripMs: number;
  readonly mostBytes: number;
  readonly enoughMs: number;
}

type Piece = (way: Way, bytes: number) => Promise<void>;

/** Pieces that grow until they take about a second: the last one tells. Undefined: one did not come through. */
async function rateOf(way: Way, transfer: Piece): Promise<number | undefined> {
  const begunMs = performance.now();
  let left = way.mostBytes;
  let bytes = firstBytes;
  let rate = 0;
  while (left >= bytes && performance.now() - begunMs < way.enoughMs) {
    const pieceBegunMs = performance.now();
    try {
      await transfer(way, bytes);
    } catch {
      return rate === 0 ? undefined : rate;
    }
    left -= bytes;
    // The question and the answer were on the way, too; what is left over is never nothing.
    const tookMs = Math.max(1, performance.now() - pieceBegunMs - way.roundTripMs);
    rate = Math.max(rate, (bytes * 8000) / tookMs);
    if (tookMs >= tellingMs) break;
    const wanted = Math.floor((rate / 8000) * pieceMs);
    bytes = Math.min(left, Math.max(firstBytes, Math.min(wanted, bytes * growth)));
    if (bytes === 0) break;
  }
  return rate;
}

async function fetchPiece({ door, agent }: Way, bytes: number): Promise<void> {
  const response = await send({ door, agent, path: `/api/v1/line/down?bytes=${bytes}` });
  let got = 0;
  for await (const piece of response as AsyncIterable<Buffer>) got += piece.length;
  if (response.statusCode !== 200 || got !== bytes) throw new Error('the piece did not come');
}

async function sendPiece({ door, agent }: Way, bytes: number): Promise<void> {
  const response = await send({ door, agent, path: '/api/v1/line/up', bytes });
  for await (const _ of response as AsyncIterable<Buffer>);
  if (response.statusCode !== 200) throw new Error('the piece was not taken');
}

const piece = randomBytes(64 * 1024);

function send(asked: {
  door: Endpoint;
  agent: OneConnection;
  path: string;
  bytes?: number;
}): Promise<IncomingMessage> {
  const { door, agent, path, bytes } = asked;
  const signal = AbortSignal.timeout(stalledMs);
  const headers = bytes === undefined ? {} : { 'content-length': bytes };
  const method = bytes === undefined ? 'GET' : 'POST';
  return new Promise((resolve, reject) => {
    const url = `http://${new URL(door.url).host}${path}`;
    const outgoing = request(url, { agent, signal, method, headers }, resolve);
    outgoing.on('error', reject);
    let left = bytes ?? 0;
    const write = (): void => {
      while (left > 0) {
        const next = piece.subarray(0, Math.min(left, piece.length));
        left -= next.length;
        if (!outgoing.write(next)) return void outgoing.once('drain', write);
      }
      outgoing.end();
    };
    write();
  });
}
