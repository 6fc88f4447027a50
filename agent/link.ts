// A tunnel's URL and an identity arrive; one live link leaves, or the AgentFailure that says why there is none. One attempt, no policy.

import { Buffer } from 'node:buffer';
import { sign } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

import { WebSocket } from 'ws';
import { z } from 'zod';

import { FramePipe } from '../shared/mux/frame-pipe.ts';
import { dialHandshake } from '../shared/mux/handshake.ts';
import { Session } from '../shared/mux/session.ts';
import type { SendStalls } from '../shared/mux/stalls.ts';
import type { MuxStream } from '../shared/mux/stream.ts';
import { maxMessageBytes, websocketTransport } from '../shared/mux/websocket-transport.ts';
import type { OriginProtocol, Welcome } from '../shared/wire/hello.ts';
import { initialStreamWindowBytes, maxStreamsPerSession } from '../shared/wire/limits.ts';
import { connectProof, exporterBytes, exporterLabel } from '../shared/wire/proof.ts';
import type { Endpoint } from './config.ts';
import type { Enrolled } from './credentials.ts';
import { dial } from './dialling/dial.ts';
import { AgentFailure } from './failure.ts';
import { goawayFailure, handshakeFailure, upgradeFailure, type LinkPlace } from './link-failure.ts';
import type { Proxy } from './dialling/proxy-settings.ts';
import { Reporter } from './report.ts';
import type { Trust } from './trust.ts';

export interface LinkRequest {
  /** `wss://hub:8802/tunnel`. */
  readonly tunnelUrl: string;
  readonly proxy: Proxy | undefined;
  /** Of this process: the hub keeps the links of the highest one (rule P14). */
  readonly epoch: bigint;
  /** Which of this process's links. */
  readonly slot: number;
  readonly originProtocol: OriginProtocol;
  readonly wantsClientAddress?: boolean;
  readonly identity: Enrolled;
  /** Where it is stored: what its owner deletes to enrol again. */
  readonly identityFile: string;
  readonly trust: Trust;
  readonly software: string;
  /** For connection, upgrade and handshake, each. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Of all links together. */
  readonly stalls?: SendStalls;
  readonly onStream: (stream: MuxStream, opening: Buffer) => void;
  /** The hub gave this server other addresses. */
  readonly onAddresses: (addresses: readonly string[]) => void;
  /** The hub wishes that this agent looks at itself, and tells what it finds (rule P56). */
  readonly onCheckup?: (() => void) | undefined;
}

export interface Link {
  readonly session: Session;
  readonly slot: number;
  readonly tunnelUrl: string;
  /** This machine's end: when the address goes, the link is dead. */
  readonly localAddress: string;
  /** The other end: the hub, or the proxy in between. */
  readonly remoteAddress: string;
  readonly proxyUrl: string | undefined;
  readonly addresses: readonly string[];
  /** How many links the hub lets one agent have. */
  readonly maxLinks: number;
  /** The hub takes no more streams over it: time to dial again, while running streams go on. */
  readonly retired: Promise<AgentFailure>;
  /** The hub wishes for another link before this one drains (rule P54); since `moved`, that it wishes so again. */
  readonly moveAsked: Promise<void>;
  /** Tells the hub that the other link is there. */
  moved(): void;
  /** Nothing runs over it any more. */
  readonly closed: Promise<void>;
}

/** @throws AgentFailure */
export async function openLink(asked: LinkRequest): Promise<Link> {
  const hub = tunnelEndpoint(asked);
  const socket = await dial(hub, { ...asked.trust, ...asked });
  const abort = (): void => void socket.destroy();
  asked.signal.addEventListener('abort', abort, { once: true });
  try {
    const pipe = await upgrade(hub, socket, asked);
    const { welcome } = await shakeHands(pipe, socket, asked);
    return startSession(pipe, { welcome, socket }, asked);
  } catch (error) {
    socket.destroy();
    throw handshakeFailure(placeOf(asked), error);
  } finally {
    asked.signal.removeEventListener('abort', abort);
  }
}

function placeOf({ identity, identityFile }: LinkRequest): LinkPlace {
  return { hubUrl: identity.hubUrl, identityFile };
}

function tunnelEndpoint({ tunnelUrl, proxy }: LinkRequest): Endpoint {
  const url = new URL(tunnelUrl);
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  return { hostname, port: Number(url.port || 443), url: `https://${url.host}`, proxy };
}

/** The pipe is made in the turn in which the socket opens: the hub's first frame may be behind its 101. */
async function upgrade(hub: Endpoint, socket: TLSSocket, asked: LinkRequest): Promise<FramePipe> {
  const { promise, resolve, reject } = Promise.withResolvers<FramePipe>();
  const websocket = new WebSocket(asked.tunnelUrl, {
    createConnection: () => socket,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    handshakeTimeout: asked.deadlineMs,
    followRedirects: false,
    // A mask of zeros is a mask (RFC 6455 §5.3) and leaves the bytes as they are. Masking guards plaintext proxies
    // against scripts that choose the bytes; inside TLS, towards our own hub, it only costs a third of the CPU.
    generateMask: (mask) => mask.fill(0),
  });
  websocket.once('open', () => resolve(new FramePipe(websocketTransport(websocket))));
  websocket.once('unexpected-response', (_request, response) => {
    reject(upgradeFailure(hub, response));
    websocket.terminate();
  });
  websocket.on('error', (cause) =>
    reject(
      new AgentFailure(
        'link.lost',
        `${hub.url} took the connection but not the tunnel: check that it is the hub's tunnel port`,
        { cause },
      ),
    ),
  );
  return promise;
}

function shakeHands(
  pipe: FramePipe,
  socket: TLSSocket,
  asked: LinkRequest,
): Promise<{ welcome: Welcome }> {
  const { identity } = asked;
  return dialHandshake(pipe, {
    deadlineMs: asked.deadlineMs,
    software: asked.software,
    epoch: asked.epoch,
    slot: asked.slot,
    originProtocol: asked.originProtocol,
    wantsClientAddress: asked.wantsClientAddress === true,
    prove: ({ nonce, version }) => {
      const proof = connectProof({
        hubHost: new URL(identity.hubUrl).hostname,
        agentId: identity.agentId,
        nonce,
        exporter: socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0)),
        protocolVersion: version,
      });
      return { agentId: identity.agentId, signature: sign(null, proof, identity.privateKey) };
    },
  });
}

function startSession(
  pipe: FramePipe,
  { welcome, socket }: { welcome: Welcome; socket: TLSSocket },
  asked: LinkRequest,
): Link {
  const place = placeOf(asked);
  const retired = Promise.withResolvers<AgentFailure>();
  const closed = Promise.withResolvers<void>();
  let moveAsked = Promise.withResolvers<void>();
  const { localAddress = '', remoteAddress = '' } = socket;
  const session = new Session(pipe, {
    role: 'dialer',
    receiveWindowBytes: initialStreamWindowBytes,
    highestResetCode: welcome.highestResetCode,
    sendWindowBytes: welcome.initialWindowBytes,
    pingIntervalMs: welcome.pingIntervalMs,
    pingDeadlineMs: welcome.pingDeadlineMs,
    maxStreams: maxStreamsPerSession,
    stalls: asked.stalls,
    onStream: asked.onStream,
    onNotice: (payload) => {
      const { addresses, move, report, checkup } = readNotice(payload);
      if (addresses !== undefined) asked.onAddresses(addresses);
      if (move === true) moveAsked.resolve();
      if (report !== undefined) reporter.report(report);
      if (checkup === true) asked.onCheckup?.();
    },
    onGoaway: (reason, word) => retired.resolve(goawayFailure(place, reason, undefined, word)),
    onClosed: (end) => {
      reporter.stop();
      retired.resolve(goawayFailure(place, end.reason ?? 'internal', end.error));
      closed.resolve();
    },
  });
  const reporter = new Reporter(session);
  return {
    session,
    slot: asked.slot,
    tunnelUrl: asked.tunnelUrl,
    localAddress: plainAddress(localAddress),
    remoteAddress: plainAddress(remoteAddress),
    proxyUrl: asked.proxy?.url,
    addresses: welcome.addresses,
    maxLinks: welcome.maxLinks,
    retired: retired.promise,
    get moveAsked() {
      return moveAsked.promise;
    },
    moved() {
      moveAsked = Promise.withResolvers();
      session.notice(Buffer.from(JSON.stringify({ moved: true })));
    },
    closed: closed.promise,
  };
}

/** As the interfaces of the machine are listed. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}

const notice = z.object({
  addresses: z
    .array(z.url({ protocol: /^https$/ }))
    .max(8)
    .optional(),
  move: z.boolean().optional(),
  /** Milliseconds. */
  report: z.number().int().min(50).max(5000).optional(),
  checkup: z.boolean().optional(),
});

/** A notice of a newer hub that means something else is none of our business. */
function readNotice(payload: Buffer): z.infer<typeof notice> {
  try {
    return notice.safeParse(JSON.parse(payload.toString('utf8'))).data ?? {};
  } catch {
    return {};
  }
}
