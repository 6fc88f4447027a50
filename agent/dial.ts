// A hub's host and port arrive; a verified TLS 1.3 connection leaves, or an AgentFailure that says what is wrong and what mends it.

import { isIP } from 'node:net';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';

import type { Endpoint } from './config.ts';
import { explainDialError } from './dial-error.ts';
import { AgentFailure } from './failure.ts';
import { resolveAfresh } from './resolve.ts';

export interface DialOptions {
  readonly context: SecureContext;
  /** False only towards a hub on this machine (PHLIX_TLS_ENABLED=0), and while the pinned CA is being looked for. */
  readonly verifies: boolean;
  /** For name, connection and handshake together. Ten seconds: a slow NAS on a slow line needs three. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** @throws AgentFailure hub.* */
export function dial(hub: Endpoint, options: DialOptions): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connect({
    host: hub.hostname,
    port: hub.port,
    // An address is never sent as a server name (RFC 6066 §3).
    ...(isIP(hub.hostname) === 0 ? { servername: hub.hostname } : {}),
    ALPNProtocols: ['http/1.1'],
    // What the agent signs is bound to the exporter of TLS 1.3, and port 8802 takes nothing older.
    minVersion: 'TLSv1.3',
    secureContext: options.context,
    rejectUnauthorized: options.verifies,
    lookup: resolveAfresh,
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 15_000);

  const deadline = setTimeout(() => {
    const seconds = options.deadlineMs / 1000;
    fail(
      new AgentFailure(
        'hub.timeout',
        `${hub.url} did not answer within ${seconds} s: check that the hub runs and that no firewall drops the way to port ${hub.port}`,
      ),
    );
  }, options.deadlineMs);
  const abort = (): void => fail(interrupted(hub));
  const onError = (error: NodeJS.ErrnoException): void => fail(explainDialError(hub, error));
  const onClose = (): void =>
    fail(
      new AgentFailure(
        'hub.unreachable',
        `${hub.url} closed the connection before it was secured: check that PHLIX_HUB_URL names the hub and nothing stands in between`,
      ),
    );

  socket.once('error', onError);
  socket.once('close', onClose);
  options.signal.addEventListener('abort', abort, { once: true });
  if (options.signal.aborted) abort();
  socket.once('secureConnect', () => {
    release();
    resolve(socket);
  });
  return promise;

  function release(): void {
    clearTimeout(deadline);
    options.signal.removeEventListener('abort', abort);
    socket.off('error', onError);
    socket.off('close', onClose);
  }

  function fail(failure: AgentFailure): void {
    release();
    // Destroying may report once more; nobody is interested.
    socket.on('error', () => undefined);
    socket.destroy();
    reject(failure);
  }
}

function interrupted(hub: Endpoint): AgentFailure {
  return new AgentFailure('hub.unreachable', `the attempt to reach ${hub.url} was given up`);
}
