// Bytes of a connection arrive; requests leave as llhttp reads them in its strict mode, through node:http.

import { Buffer } from 'node:buffer';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';

import type { Reading, ReadRequest } from './reading.ts';

/** One for many connections, one at a time. */
export class LlhttpReader {
  readonly #server: Server;
  #asked: Asked[] = [];
  #isBroken = false;

  /** `upgrades`: what follows a WebSocket handshake is not HTTP any more. */
  constructor({ upgrades }: { upgrades: boolean }) {
    const server = createServer({
      requireHostHeader: false,
      maxHeaderSize: 1 << 20,
      shouldUpgradeCallback: upgrades ? isWebSocket : () => false,
    });
    this.#server = server;
    server.maxHeadersCount = 0;
    server.on('request', this.#onRequest);
    server.on('checkContinue', this.#onRequest);
    server.on('checkExpectation', this.#onRequest);
    server.on('clientError', () => (this.#isBroken = true));
    server.on('connect', () => (this.#isBroken = true));
    server.on('upgrade', (message: IncomingMessage) => {
      this.#asked.push({ head: requestOf(message, ''), body: '' });
      this.#isBroken = true;
    });
  }

  /** Pieces as they came: behind an Upgrade that it ignores, node:http drops the rest of the same piece. */
  async read(...pieces: readonly Buffer[]): Promise<Reading> {
    this.#asked = [];
    this.#isBroken = false;
    const socket = new Duplex({
      read: () => undefined,
      write: (_chunk, _encoding, done) => done(),
    });
    socket.on('error', () => undefined);
    this.#server.emit('connection', socket);
    for (const piece of pieces) if (piece.length > 0) socket.push(piece);
    // The parser runs at once; what it read comes through streams, within a turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    const asked = this.#asked;
    const requests = asked.flatMap(({ head, body }) =>
      body === undefined ? [] : [{ ...head, body }],
    );
    const cut = asked.find(({ body }) => body === undefined)?.head;
    const end = this.#isBroken ? 'broken' : cut === undefined ? 'whole' : 'cut';
    return { requests, end, cut };
  }

  readonly #onRequest = (message: IncomingMessage, _response: ServerResponse): void => {
    const asked: Asked = { head: requestOf(message, ''), body: undefined };
    this.#asked.push(asked);
    const pieces: Buffer[] = [];
    message.on('error', () => undefined);
    message.on('data', (piece: Buffer) => pieces.push(piece));
    message.on('end', () => {
      if (message.complete) asked.body = Buffer.concat(pieces).toString('latin1');
    });
  };
}

interface Asked {
  readonly head: ReadRequest;
  body: string | undefined;
}

function isWebSocket({ method, headers, httpVersion }: IncomingMessage): boolean {
  return (
    method === 'GET' && httpVersion === '1.1' && headers.upgrade?.toLowerCase() === 'websocket'
  );
}

function requestOf(message: IncomingMessage, body: string): ReadRequest {
  const fields = message.rawHeaders.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text));
  return {
    method: message.method ?? '',
    target: message.url ?? '',
    hosts: fields.filter((_, at) => at % 2 === 1 && fields[at - 1] === 'host'),
    body,
    fields,
  };
}
