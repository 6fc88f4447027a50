// Pairs of connected transports for the tunnel's suites: in memory, over ws, and over ws inside TLS.

import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { Transport } from '../../shared/mux/transport.ts';
import { maxMessageBytes, websocketTransport } from '../../shared/mux/websocket-transport.ts';
import { selfSigned } from './self-signed.ts';

export interface TransportPair {
  /** The agent's end. */
  readonly dialer: Transport;
  /** The hub's end. */
  readonly acceptor: Transport;
  close(): Promise<void>;
}

/** How the memory transport cuts what it carries: chunk boundaries have no meaning, so any way must do. */
export type Cut = (chunk: Buffer) => Buffer[];

export const whole: Cut = (chunk) => [Buffer.from(chunk)];
export const everyByte: Cut = (chunk) =>
  Array.from(chunk, (_byte, index) => Buffer.from(chunk.subarray(index, index + 1)));

export function memoryPair(cut: Cut = whole): TransportPair {
  const [dialer, acceptor] = [memoryTransport(cut), memoryTransport(cut)];
  dialer.peer = acceptor;
  acceptor.peer = dialer;
  return { dialer, acceptor, close: async () => dialer.destroy() };
}

/** Over every kind, or in memory only: the mutation run repeats the suites thousands of times and has no use for sockets. */
export const isMemoryOnly = process.env['TEST_TRANSPORTS'] === 'memory';

const memoryKind = { memory: async () => memoryPair() };

const socketKinds = {
  ws: async () => websocketPair(createHttpServer(), 'ws', {}),
  'ws over TLS': async () => {
    const { cert, key } = await selfSigned('localhost');
    return websocketPair(createHttpsServer({ cert, key }), 'wss', {
      ca: cert,
      servername: 'localhost',
    });
  },
};

export const transportKinds: Record<string, () => Promise<TransportPair>> = isMemoryOnly
  ? memoryKind
  : { ...memoryKind, ...socketKinds };

/** As the agent does (rule P3). */
function generateMask(mask: Buffer): void {
  mask.fill(0);
}

interface MemoryTransport extends Transport {
  peer: MemoryTransport | undefined;
  receive(chunk: Buffer): void;
  closed(error: Error | undefined): void;
}

function memoryTransport(cut: Cut): MemoryTransport {
  let isClosed = false;
  const transport: MemoryTransport = {
    peer: undefined,
    send(chunk, written) {
      const pieces = isClosed ? [] : cut(chunk);
      setImmediate(() => {
        for (const piece of pieces) transport.peer?.receive(piece);
        written?.();
      });
    },
    close() {
      setImmediate(() => transport.destroy());
    },
    destroy(error) {
      transport.closed(error);
      transport.peer?.closed(undefined);
    },
    receive(chunk) {
      if (!isClosed) transport.onChunk(chunk);
    },
    closed(error) {
      if (isClosed) return;
      isClosed = true;
      setImmediate(() => transport.onClosed(error));
    },
    onChunk: () => {},
    onClosed: () => {},
  };
  return transport;
}

async function websocketPair(
  server: ReturnType<typeof createHttpServer>,
  scheme: 'ws' | 'wss',
  tls: { ca?: string; servername?: string },
): Promise<TransportPair> {
  const limits = { perMessageDeflate: false, maxPayload: maxMessageBytes };
  const sockets = new WebSocketServer({ server, ...limits });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(sockets, 'connection') as Promise<[WebSocket]>;
  const { port } = server.address() as AddressInfo;
  const client = new WebSocket(`${scheme}://127.0.0.1:${port}`, {
    ...limits,
    ...tls,
    generateMask,
  });
  const [[socket]] = await Promise.all([accepted, once(client, 'open')]);
  return {
    dialer: websocketTransport(client),
    acceptor: websocketTransport(socket),
    async close() {
      client.terminate();
      socket.terminate();
      sockets.close();
      server.close();
      await once(server, 'close');
    },
  };
}
