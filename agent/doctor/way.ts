// A door of the hub arrives; what is found behind it leaves: a connection that the hub itself ends, or why there is none, and who stands in between.

import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createConnection } from 'node:net';
import { createSecureContext, type TLSSocket } from 'node:tls';

import { z } from 'zod';

import { exporterBytes, exporterLabel } from '../../shared/wire/proof.ts';
import type { Endpoint } from '../config.ts';
import { dial } from '../dialling/dial.ts';
import { resolveAfresh } from '../dialling/resolve.ts';
import { asFailure, type AgentFailure } from '../failure.ts';
import { exchange, OneConnection, type Answer } from '../hub-api.ts';
import type { Trust } from '../trust.ts';

/** For each step; somebody sits and waits for the table. */
export const deadlineMs = 5000;
export const neverAborted = new AbortController().signal;

export interface Visited {
  readonly door: Endpoint;
  /** Absent: it led to the hub. */
  readonly failure?: AgentFailure;
  /** What was shown in place of a certificate that somebody vouches for. */
  readonly shown?: { readonly subject: string; readonly issuer: string };
  /** TCP came through, and what came then was lost: large packets are, where small ones are not. */
  readonly losesLarge?: boolean;
  /** Whether the hub sees the same TLS connection as this machine does; undefined: a hub that does not say. */
  readonly isOneChannel?: boolean | undefined;
  /** It answered that TLS ends before it. */
  readonly isUnbound?: boolean;
  /** Of this machine's end. */
  readonly localAddress?: string | undefined;
  readonly tunnel?: Answer;
}

/** One connection, two questions: where the tunnel is, and what the hub sees of the connection. */
export async function visit(door: Endpoint, trust: Trust): Promise<Visited> {
  let socket: TLSSocket;
  try {
    socket = await dial(door, { ...trust, deadlineMs, signal: neverAborted });
  } catch (error) {
    return unreached(door, asFailure(error));
  }
  try {
    const { localAddress } = socket;
    const agent = new OneConnection(socket);
    const tunnel = await ask(door, agent, '/api/v1/tunnel');
    const { status, body } = await ask(door, agent, '/api/v1/line');
    const told = z.object({ channel: z.string() }).safeParse(body);
    const isOneChannel = told.success ? told.data.channel === channelOf(socket) : undefined;
    return { door, localAddress, tunnel, isOneChannel, isUnbound: status === 426 };
  } catch (error) {
    return { door, failure: asFailure(error), losesLarge: true };
  } finally {
    socket.destroy();
  }
}

export function ask(hub: Endpoint, agent: OneConnection, path: string): Promise<Answer> {
  return exchange({ hub, agent, path, signal: AbortSignal.timeout(deadlineMs) });
}

/** What both ends of a TLS connection know, and nobody who joins two of them. */
function channelOf(socket: TLSSocket): string {
  const exporter = socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0));
  return createHash('sha256').update(exporter).digest('base64url');
}

async function unreached(door: Endpoint, failure: AgentFailure): Promise<Visited> {
  if (failure.code === 'hub.certificate')
    return { door, failure, ...(await shownAt(door).catch(() => ({}))) };
  if (failure.code !== 'hub.timeout' || door.proxy !== undefined) return { door, failure };
  return { door, failure, losesLarge: await takesTcp(door) };
}

/** Nothing is said on this connection: all that is taken from it is a name to tell. */
async function shownAt(door: Endpoint): Promise<Pick<Visited, 'shown'>> {
  const socket = await dial(door, {
    context: createSecureContext({ minVersion: 'TLSv1.3' }),
    verifies: false,
    deadlineMs,
    signal: neverAborted,
  });
  const shown = socket.getPeerX509Certificate();
  socket.destroy();
  if (shown === undefined) return {};
  const subject = oneLine(shown.subjectAltName ?? shown.subject);
  return { shown: { subject, issuer: oneLine(shown.issuer) } };
}

function takesTcp({ hostname, port }: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: hostname, port, lookup: resolveAfresh, timeout: 2000 });
    const done = (takes: boolean): void => {
      socket.destroy();
      resolve(takes);
    };
    socket.once('connect', () => done(true));
    socket.once('timeout', () => done(false));
    socket.once('error', () => done(false));
  });
}

/** A stranger's certificate says anything, at any length. */
function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ', ').slice(0, 200);
}
