// A proxy and a hub arrive; a TCP connection to the hub through it (CONNECT, RFC 9110 §9.3.6) leaves, or what the proxy has against it.

import type { Buffer } from 'node:buffer';
import { request, type IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls';

import { systemAuthorities } from '../authorities.ts';
import type { Endpoint } from '../config.ts';
import { AgentFailure } from '../failure.ts';
import { connectToFirst } from './happy-eyeballs.ts';
import { retryAfterMs } from '../link-failure.ts';
import type { Proxy } from './proxy-settings.ts';

/** The hub's name is left to the proxy: a home behind one may know no names of the world outside. @throws AgentFailure proxy.* */
export async function connectThrough(
  proxy: Proxy,
  hub: Endpoint,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = await reach(proxy, signal);
  try {
    const { response, head } = await ask(proxy, hub, socket, signal);
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw refusal(proxy, hub, response);
    // The hub waits for our hello: bytes of its own, sent first, would be nobody's TLS.
    if (head.length > 0) socket.unshift(head);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error instanceof AgentFailure ? error : unreachable(proxy, error);
  }
}

async function reach(proxy: Proxy, signal: AbortSignal): Promise<Socket> {
  try {
    const { hostname, port } = proxy;
    const tcp = await connectToFirst({ hostname, port, signal });
    return proxy.isSecure ? await secure(proxy, tcp, signal) : tcp;
  } catch (error) {
    throw unreachable(proxy, error);
  }
}

function secure(proxy: Proxy, tcp: Socket, signal: AbortSignal): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const { hostname } = proxy;
  const socket = connectTls({
    socket: tcp,
    host: hostname,
    ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
    ALPNProtocols: ['http/1.1'],
    secureContext: createSecureContext({ ca: systemAuthorities() }),
  });
  const abort = (): void => void socket.destroy(new Error('given up'));
  signal.addEventListener('abort', abort, { once: true });
  socket.once('secureConnect', () => resolve(socket));
  socket.on('error', reject);
  return promise.finally(() => {
    signal.removeEventListener('abort', abort);
    socket.off('error', reject);
  });
}

function ask(
  proxy: Proxy,
  hub: Endpoint,
  socket: Socket,
  signal: AbortSignal,
): Promise<{ response: IncomingMessage; head: Buffer }> {
  const authority = `${isIP(hub.hostname) === 6 ? `[${hub.hostname}]` : hub.hostname}:${hub.port}`;
  return new Promise((resolve, reject) => {
    const outgoing = request({
      method: 'CONNECT',
      path: authority,
      headers: {
        host: authority,
        ...(proxy.authorization && { 'proxy-authorization': proxy.authorization.reveal() }),
      },
      createConnection: () => socket,
      signal,
    });
    // Whatever the status: the answer to CONNECT is never an ordinary response to Node.
    outgoing.once('connect', (response, _socket, head) => resolve({ response, head }));
    outgoing.once('error', reject);
    outgoing.end();
  });
}

function refusal(proxy: Proxy, hub: Endpoint, response: IncomingMessage): AgentFailure {
  const status = response.statusCode ?? 0;
  if (status === 407) {
    return new AgentFailure(
      'proxy.unauthorised',
      `the proxy ${proxy.url} wants ${proxy.authorization ? 'another user or password' : 'a user and a password'}: write HTTPS_PROXY as http://user:password@host:port`,
    );
  }
  // 502, 503, 504: the proxy is willing, and says that the hub is not there.
  if (status >= 500) {
    return new AgentFailure(
      'hub.unreachable',
      `the proxy ${proxy.url} cannot reach ${hub.url} (status ${status}): check that the hub runs`,
      { retryAfterMs: retryAfterMs(response) },
    );
  }
  return new AgentFailure(
    'proxy.refused',
    `the proxy ${proxy.url} does not let this agent through to ${hub.hostname} port ${hub.port} (status ${status}): allow CONNECT to it there, or name the hub in NO_PROXY`,
  );
}

function unreachable(proxy: Proxy, cause: unknown): AgentFailure {
  return new AgentFailure(
    'proxy.unreachable',
    `the proxy ${proxy.url} cannot be reached: check HTTPS_PROXY, or name the hub in NO_PROXY if it can be reached without`,
    { cause },
  );
}
