// A hub's host and port arrive; a verified TLS 1.3 connection leaves, or an AgentFailure that says what is wrong and what mends it.

import { isIP, type Socket } from 'node:net';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';

import type { Endpoint } from '../config.ts';
import { explainDialError } from './dial-error.ts';
import { AgentFailure } from '../failure.ts';
import { connectToFirst } from './happy-eyeballs.ts';
import { connectThrough } from './proxy.ts';

export interface DialOptions {
  readonly context: SecureContext;
  /** False only towards a hub on this machine (PHLIX_TLS_ENABLED=0), and while the pinned CA is being looked for. */
  readonly verifies: boolean;
  /** For name, connection and handshake together. Ten seconds: a slow NAS on a slow line needs three. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** @throws AgentFailure hub.* | proxy.* */
export async function dial(hub: Endpoint, options: DialOptions): Promise<TLSSocket> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), options.deadlineMs);
  const signal = AbortSignal.any([options.signal, deadline.signal]);
  try {
    return await secure(await reach(hub, signal), hub, options, signal);
  } catch (error) {
    if (options.signal.aborted) throw interrupted(hub);
    if (deadline.signal.aborted) throw timeout(hub, options.deadlineMs);
    if (error instanceof AgentFailure) throw error;
    throw explainDialError(hub, error as NodeJS.ErrnoException);
  } finally {
    clearTimeout(timer);
  }
}

async function reach(hub: Endpoint, signal: AbortSignal): Promise<Socket> {
  const socket =
    hub.proxy === undefined
      ? await connectToFirst({ hostname: hub.hostname, port: hub.port, signal })
      : await connectThrough(hub.proxy, hub, signal);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 15_000);
  return socket;
}

function secure(
  plain: Socket,
  hub: Endpoint,
  options: DialOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connect({
    socket: plain,
    // For the check of the certificate. As a server name an address is never sent (RFC 6066 §3).
    host: hub.hostname,
    ...(isIP(hub.hostname) === 0 ? { servername: hub.hostname } : {}),
    ALPNProtocols: ['http/1.1'],
    // What the agent signs is bound to the exporter of TLS 1.3, and port 8802 takes nothing older.
    minVersion: 'TLSv1.3',
    secureContext: options.context,
    rejectUnauthorized: options.verifies,
  });
  const fail = (error: Error): void => {
    release();
    // Destroying may report once more; nobody is interested.
    socket.on('error', () => undefined);
    socket.destroy();
    reject(error);
  };
  const abort = (): void => fail(new Error('given up'));
  const onClose = (): void => fail(closedEarly(hub));
  const release = (): void => {
    signal.removeEventListener('abort', abort);
    socket.off('error', fail);
    socket.off('close', onClose);
  };
  socket.once('error', fail);
  socket.once('close', onClose);
  signal.addEventListener('abort', abort, { once: true });
  socket.once('secureConnect', () => {
    release();
    resolve(socket);
  });
  if (signal.aborted) abort();
  return promise;
}

function closedEarly(hub: Endpoint): AgentFailure {
  return new AgentFailure(
    'hub.unreachable',
    `${hub.url} closed the connection before it was secured: check that PHLIX_HUB_URL names the hub and nothing stands in between`,
  );
}

function timeout(hub: Endpoint, deadlineMs: number): AgentFailure {
  const way = hub.proxy === undefined ? '' : ` through the proxy ${hub.proxy.url}`;
  return new AgentFailure(
    'hub.timeout',
    `${hub.url} did not answer within ${deadlineMs / 1000} s${way}: check that the hub runs and that no firewall drops the way to port ${hub.port}`,
  );
}

function interrupted(hub: Endpoint): AgentFailure {
  return new AgentFailure('hub.unreachable', `the attempt to reach ${hub.url} was given up`);
}
