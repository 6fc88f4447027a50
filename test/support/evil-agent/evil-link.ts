// A stolen or bought identity arrives; a link to the hub leaves, over which anything at all can be sent.

import { Buffer } from 'node:buffer';
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { json } from 'node:stream/consumers';
import { connect, type TLSSocket } from 'node:tls';

import { WebSocket } from 'ws';

import { parseEnrolmentToken } from '../../../shared/enrolment-token.ts';
import { frameType } from '../../../shared/wire/codes.ts';
import { initialStreamWindowBytes } from '../../../shared/wire/limits.ts';
import { decodeChallenge, encodeHello, type OriginProtocol } from '../../../shared/wire/hello.ts';
import {
  connectProof,
  enrolmentProof,
  exporterBytes,
  exporterLabel,
} from '../../../shared/wire/proof.ts';
import { encodeFrame, frame, frames, type NaiveFrame } from '../naive-codec.ts';

const hubHost = 'hub.localhost';

export interface Place {
  readonly https: number;
  readonly tunnel: number;
  /** PEM. */
  readonly ca: string;
}

export interface EvilIdentity {
  readonly agentId: string;
  readonly privateKey: KeyObject;
}

/** Spends a token as an honest agent does; `name` is the label it would like to have. */
export async function enrolEvil(place: Place, token: string, name: string): Promise<EvilIdentity> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const { id, secret } = parseEnrolmentToken(token);
  // The proof is good for the connection that asked for the nonce.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = async (body?: object) => {
    const asked = request({
      host: '127.0.0.1',
      port: place.https,
      servername: hubHost,
      ca: place.ca,
      agent,
      path: '/api/v1/enrol',
      method: body === undefined ? 'GET' : 'POST',
      headers: { host: `${hubHost}:${place.https}`, 'content-type': 'application/json' },
    });
    asked.end(body === undefined ? undefined : JSON.stringify(body));
    const [answer] = await once(asked, 'response');
    const { socket } = asked;
    return { reply: (await json(answer)) as Record<string, string>, socket: socket as TLSSocket };
  };
  const { reply, socket } = await ask();
  const nonce = Buffer.from(reply['nonce'] ?? '', 'base64url');
  const exporter = exporterOf(socket);
  const proof = enrolmentProof({ hubHost, tokenId: id, nonce, exporter });
  const { reply: enrolled } = await ask({
    token_id: id,
    secret,
    public_key: String(publicKey.export({ format: 'jwk' }).x),
    signature: sign(null, proof, privateKey).toString('base64url'),
    claim: true,
    name,
    software: 'evil/1',
  });
  agent.destroy();
  return { agentId: enrolled['agent_id'] ?? '', privateKey };
}

export interface EvilEnd {
  /** Of the hub's GOAWAY, if it said goodbye. */
  readonly code: number | undefined;
  readonly text: string;
  /** Of the WebSocket. */
  readonly closeCode: number;
}

/** Welcomed, or turned away: `ended` says which. */
export class EvilLink {
  readonly websocket: WebSocket;
  readonly tls: TLSSocket;
  readonly ended: Promise<EvilEnd>;
  /** Answers PING, acknowledges and gives credit, as an honest agent does. */
  isPolite = true;
  onRequest: (streamId: number, head: string) => unknown = () => undefined;
  /** What each stream may still send. */
  readonly #credit = new Map<number, number>();
  readonly #heads = new Map<number, string>();
  readonly #welcomed = Promise.withResolvers<void>();
  #goaway: { code: number; text: string } | undefined;
  #rest: Buffer = Buffer.alloc(0);

  static async dial(
    place: Place,
    identity: EvilIdentity,
    lie: { agentId?: string; originProtocol?: OriginProtocol } = {},
  ): Promise<EvilLink> {
    const { ca, tunnel: port } = place;
    const tls = connect({ host: '127.0.0.1', port, servername: hubHost, ca });
    await once(tls, 'secureConnect');
    const link = new EvilLink(tls, port);
    const agentId = lie.agentId ?? identity.agentId;
    link.#hello = (payload) => {
      const challenge = decodeChallenge(payload);
      if (challenge === undefined) throw new Error('no challenge');
      const version = challenge.maxVersion;
      const proof = connectProof({
        hubHost,
        agentId,
        nonce: challenge.nonce,
        exporter: exporterOf(tls),
        protocolVersion: version,
      });
      return encodeHello({
        version,
        agentId,
        signature: sign(null, proof, identity.privateKey),
        epoch: BigInt(Date.now()),
        initialWindowBytes: 256 * 1024,
        software: 'evil/1',
        slot: 0,
        originProtocol: lie.originProtocol ?? 'http/1.1',
      });
    };
    await Promise.race([link.#welcomed.promise, link.ended]);
    return link;
  }

  #hello: (challenge: Buffer) => Buffer = () => Buffer.alloc(0);

  private constructor(tls: TLSSocket, port: number) {
    this.tls = tls;
    this.websocket = new WebSocket(`wss://${hubHost}:${port}/tunnel`, {
      createConnection: () => tls,
      perMessageDeflate: false,
    });
    this.websocket.on('error', () => undefined);
    this.websocket.on('message', (message: Buffer) => this.#read(message));
    this.ended = new Promise((resolve) => {
      this.websocket.once('close', (closeCode: number) =>
        resolve({ code: this.#goaway?.code, text: this.#goaway?.text ?? '', closeCode }),
      );
    });
  }

  creditOf(streamId: number): number {
    return this.#credit.get(streamId) ?? initialStreamWindowBytes;
  }

  /** Sends the same small piece in a frame each, as often as credit allows and at most `count` times; says how often. */
  async sendPieces(streamId: number, piece: string, count: number): Promise<number> {
    const credit = this.creditOf(streamId);
    const allowed = Math.min(count, Math.floor(credit / piece.length));
    this.#credit.set(streamId, credit - allowed * piece.length);
    const frame = encodeFrame(frames.data(streamId, piece));
    await this.send(Buffer.concat(Array.from({ length: allowed }, () => frame)));
    return allowed;
  }

  get isOpen(): boolean {
    return this.websocket.readyState === WebSocket.OPEN;
  }

  /** Resolves when the line has taken it, so that a flood fills the hub and not this process. */
  async send(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => this.websocket.send(bytes, () => resolve()));
  }

  async sendFrames(...sent: readonly NaiveFrame[]): Promise<void> {
    return this.send(Buffer.concat(sent.map(encodeFrame)));
  }

  #read(message: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, message]);
    for (;;) {
      const length = this.#rest.length < 8 ? 0 : this.#rest.readUInt16BE(2);
      if (this.#rest.length < 8 + length) return;
      const [type = 0, flags = 0] = this.#rest;
      const payload = this.#rest.subarray(8, 8 + length);
      this.#take({ type, flags, streamId: this.#rest.readUInt32BE(4), payload });
      this.#rest = this.#rest.subarray(8 + length);
    }
  }

  #take({ type, flags, streamId, payload }: NaiveFrame): void {
    if (type === frameType.challenge) {
      void this.sendFrames(frame(frameType.hello, 0, this.#hello(payload)));
    } else if (type === frameType.welcome) {
      this.#welcomed.resolve();
    } else if (type === frameType.goaway) {
      this.#goaway = { code: payload.readUInt32BE(0), text: payload.toString('latin1', 4) };
    } else if (type === frameType.credit) {
      this.#credit.set(streamId, this.creditOf(streamId) + payload.readUInt32BE(0));
    } else if (!this.isPolite) {
      return;
    } else if (type === frameType.ping && flags === 0) {
      void this.sendFrames(frames.pong(payload));
    } else if (type === frameType.data) {
      this.#takeData(streamId, payload);
    }
  }

  #takeData(streamId: number, payload: Buffer): void {
    if (payload.length > 0) {
      void this.sendFrames(frames.ack(payload.length), frames.credit(streamId, payload.length));
    }
    const head = (this.#heads.get(streamId) ?? '') + payload.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    this.#heads.set(streamId, end < 0 ? head : head.slice(end + 4));
    if (end >= 0) this.onRequest(streamId, head.slice(0, end));
  }
}

function exporterOf(socket: TLSSocket): Buffer {
  return socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0));
}
