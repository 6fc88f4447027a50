// A door, an origin and an agent in this process: what the tests of the running agent start, and all of it is stopped behind each test.

import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

import { vi } from 'vitest';

import { Agent, type AgentOptions } from '../../agent/agent.ts';
import type { AgentConfig } from '../../agent/config.ts';
import { originAddress, originUrl } from '../../agent/origin-address.ts';
import type { Outcome } from '../../agent/supervise.ts';
import type { LiveLink, TunnelStream } from '../../hub/tunnels/tunnel.ts';
import { Backoff } from '../../shared/backoff.ts';
import { Secret } from '../../shared/settings/secret.ts';
import {
  openAgentsDoor,
  recordingLogger,
  tenantDomain,
  type AgentsDoor,
  type DoorSettings,
  type LogLine,
} from './agents-door.ts';
import { readAll } from './sessions.ts';
import { temporaryFolder } from './temporary-folder.ts';

const closers: (() => unknown)[] = [];

/** For afterEach. */
export async function stopEverything(): Promise<void> {
  for (const close of closers.splice(0).toReversed()) await close();
}

export function atTheEnd(close: () => unknown): void {
  closers.push(close);
}

/** Where the agents of these tests are found: they call their server Movies. */
export const movies = `movies.${tenantDomain}`;

/** A hub's side, on a free port. */
export async function door(settings?: DoorSettings): Promise<AgentsDoor> {
  const opened = await openAgentsDoor(settings);
  closers.push(() => opened.close());
  return opened;
}

/** An origin that answers every connection with what it was sent, in capitals, after the end. */
export async function shoutingOrigin(): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    void readAll(socket).then((asked) => socket.end(asked.toString().toUpperCase()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

export interface Running {
  readonly agent: Agent;
  readonly logged: LogLine[];
  readonly folder: string;
  readonly ended: Promise<Outcome<never>>;
  stop(): Promise<Outcome<never>>;
}

export interface Wish {
  readonly hubUrl: string;
  readonly token?: string | undefined;
  readonly folder?: string;
  readonly originPort?: number;
  readonly config?: Partial<AgentConfig>;
  readonly options?: Partial<AgentOptions>;
}

export function newFolder(): string {
  const folder = temporaryFolder('agent');
  closers.unshift(() => folder.remove());
  return join(folder.path, 'state');
}

export function run(wish: Wish): Running {
  const folder = wish.folder ?? newFolder();
  const { log, logged } = recordingLogger();
  const hub = new URL(wish.hubUrl);
  const originPort = wish.originPort ?? 1;
  const agent = new Agent({
    config: {
      hub: { hostname: hub.hostname, port: Number(hub.port), url: hub.origin },
      origin: originAddress({
        PHLIX_ORIGIN_URL: originUrl.parse(`http://127.0.0.1:${originPort}`),
      }),
      links: 2,
      drainTimeoutMs: 2000,
      stateFolder: folder,
      serverName: 'Movies',
      claimsSubdomain: true,
      verifiesCertificate: true,
      hubCaFile: undefined,
      logLevel: 'debug',
      ...wish.config,
    },
    version: '0.1.0',
    log,
    readToken: () => (wish.token === undefined ? undefined : new Secret(wish.token)),
    leftoverTokens: [],
    backoff: () => new Backoff({ firstMs: 20, maxMs: 50 }),
    ...wish.options,
  });
  const stop = new AbortController();
  const ended = agent.run(stop.signal);
  ended.catch(() => undefined);
  closers.push(async () => {
    stop.abort();
    await ended.catch(() => undefined);
  });
  return {
    agent,
    logged,
    folder,
    ended,
    stop: () => {
      stop.abort();
      return ended;
    },
  };
}

export interface OnlineServer extends Pick<LiveLink, 'openStream'> {
  readonly serverId: string;
  readonly hostname: string;
}

/** When the server has a link; streams open on its first. */
export async function online(hub: AgentsDoor, hostname: string): Promise<OnlineServer> {
  return vi.waitFor(
    () => {
      const tunnel = hub.tunnels.find(hostname);
      const [link] = tunnel?.links ?? [];
      if (tunnel === undefined || link === undefined) throw new Error(`${hostname} is not online`);
      return { serverId: tunnel.serverId, hostname, openStream: () => link.openStream() };
    },
    { timeout: 10_000, interval: 10 },
  );
}

export async function shout(server: OnlineServer, text: string): Promise<string> {
  const stream: TunnelStream = server.openStream();
  stream.end(text);
  return (await readAll(stream)).toString();
}

export async function failureOf(running: Running): Promise<{ code: string; message: string }> {
  return vi.waitFor(() => {
    const failure = running.agent.status().lastFailure;
    if (failure === undefined) throw new Error('no failure yet');
    return failure;
  });
}
