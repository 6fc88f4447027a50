// A contender's port arrives; sockets leave that each send a message, wait until it is back and send the next; what that took is printed.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { parseArgs } from 'node:util';

import { WebSocket, type ClientOptions } from 'ws';

import { percentile } from '../statistics.ts';

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '' },
    port: { type: 'string', default: '' },
    path: { type: 'string', default: '/' },
    authority: { type: 'string', default: '' },
    sockets: { type: 'string', default: '1' },
    'measure-ms': { type: 'string', default: '1000' },
  },
});

/** A progress report of a player. */
const message = Buffer.alloc(100, 'x');
/** Handshakes are over, and both ends' code is compiled. */
const warmUpMs = 500;

const roundTrips: number[] = [];
const sockets = await Promise.all(Array.from({ length: Number(values.sockets) }, open));
for (const socket of sockets) play(socket);
await after(warmUpMs);
const startedAt = performance.now();
roundTrips.length = 0;
await after(Number(values['measure-ms']));
const measuredMs = performance.now() - startedAt;
process.stdout.write(
  `${JSON.stringify({
    perSecond: (roundTrips.length * 1000) / measuredMs,
    p50Ms: percentile(roundTrips, 0.5),
    p99Ms: percentile(roundTrips, 0.99),
  })}\n`,
);
process.exit(0);

async function open(): Promise<WebSocket> {
  const options: ClientOptions & ConnectionOptions = {
    ca: readFileSync(values.authority),
    servername: values.host,
    headers: { host: `${values.host}:${values.port}` },
    perMessageDeflate: false,
  };
  const socket = new WebSocket(`wss://127.0.0.1:${values.port}${values.path}`, options);
  await once(socket, 'open');
  return socket;
}

function play(socket: WebSocket): void {
  let sentAt = performance.now();
  socket.on('message', () => {
    const now = performance.now();
    roundTrips.push(now - sentAt);
    sentAt = now;
    socket.send(message);
  });
  // A socket that is lost while it is measured makes the figure wrong: there is none then.
  socket.on('close', () => process.exit(1));
  socket.send(message);
}
