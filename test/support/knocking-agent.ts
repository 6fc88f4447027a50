// An open door for agents arrives; hand-made agents knock at it, truthful or lying, and are put away at the end.

import { Buffer } from 'node:buffer';
import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';

import { calculateJwkThumbprint } from 'jose';
import { WebSocket } from 'ws';

import { defaultSwitches } from '../../hub/tunnels/server.ts';
import { FramePipe } from '../../shared/mux/frame-pipe.ts';
import { dialHandshake } from '../../shared/mux/handshake.ts';
import { websocketTransport } from '../../shared/mux/websocket-transport.ts';
import type { VersionRange } from '../../shared/wire/hello.ts';
import { connectProof, exporterBytes, exporterLabel } from '../../shared/wire/proof.ts';
import { hubHost, openAgentsDoor, type AgentsDoor, type DoorSettings } from './agents-door.ts';

const closers: (() => unknown)[] = [];

export async function openDoor(settings?: DoorSettings): Promise<AgentsDoor> {
  const opened = await openAgentsDoor(settings);
  closers.push(() => opened.close());
  return opened;
}

/** Closes doors and connections, the youngest first. */
export async function putAway(): Promise<void> {
  for (const close of closers.splice(0).toReversed()) await close();
}

export interface Key {
  readonly agentId: string;
  readonly privateKey: KeyObject;
}

/** A server in the store, and the key of its agent. */
export async function enrolled(at: AgentsDoor): Promise<Key> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(-32);
  const jwk = publicKey.export({ format: 'jwk' });
  const agentId = await calculateJwkThumbprint(jwk);
  const serverId = `server-of-${agentId}`;
  at.stores.byId.set(serverId, {
    id: serverId,
    ownerId: 'operator',
    name: 'Movies',
    label: 'movies',
    newOwnerSince: undefined,
    agentId,
    switches: defaultSwitches,
    createdAt: new Date(),
    lastSeenAt: undefined,
    revokedAt: undefined,
  });
  at.stores.agents.set(agentId, { agentId, publicKey: raw, serverId, isRevoked: false });
  return { agentId, privateKey };
}

export async function secure(at: AgentsDoor, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: at.port,
    servername: hubHost,
    ca: at.authority.certificate,
    ...options,
  });
  closers.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

export interface Opened {
  readonly tls: TLSSocket;
  readonly websocket: WebSocket;
  readonly pipe: FramePipe;
}

/** @throws Error "status <n>, <Retry-After>" when it is refused */
export async function upgrade(at: AgentsDoor, path = '/tunnel'): Promise<Opened> {
  const tls = await secure(at);
  const websocket = new WebSocket(`wss://${hubHost}:${at.port}${path}`, {
    createConnection: () => tls,
    perMessageDeflate: false,
  });
  const pipe = new Promise<FramePipe>((resolve, reject) => {
    websocket.once('open', () => resolve(new FramePipe(websocketTransport(websocket))));
    websocket.once('unexpected-response', (_, response) => {
      reject(new Error(`status ${response.statusCode}, ${response.headers['retry-after']}`));
    });
    websocket.once('error', reject);
  });
  return { tls, websocket, pipe: await pipe };
}

/** What a dishonest agent says in place of the truth. */
export interface Lie {
  readonly hubHost?: string;
  readonly agentId?: string;
  readonly nonce?: Buffer;
  readonly exporter?: Buffer;
  readonly signedVersion?: number;
  readonly epoch?: bigint;
  readonly slot?: number;
  /** Of an earlier or a later agent. */
  readonly versions?: VersionRange;
}

export function handshake({ tls, pipe }: Opened, key: Key, lie: Lie = {}) {
  return dialHandshake(pipe, {
    deadlineMs: 5000,
    epoch: lie.epoch ?? 1n,
    slot: lie.slot ?? 0,
    software: 'test/1',
    ...(lie.versions && { versions: lie.versions }),
    prove: ({ nonce, version }) => {
      const agentId = lie.agentId ?? key.agentId;
      const exporter =
        lie.exporter ?? tls.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0));
      const proof = connectProof({
        hubHost: lie.hubHost ?? hubHost,
        agentId,
        nonce: lie.nonce ?? nonce,
        exporter,
        protocolVersion: lie.signedVersion ?? version,
      });
      return { agentId, signature: sign(null, proof, key.privateKey) };
    },
  });
}
