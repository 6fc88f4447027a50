import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect } from 'node:tls';

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WebSocket } from 'ws';

import { contentBytes } from '../support/content.ts';
import { AgentProcess, deploy, type Deployment } from '../support/deployment.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';
import { Visitor } from '../support/visitor.ts';

let origin: Origin;
let raw: RawOrigin;
let deployment: Deployment;
let agent: AgentProcess;
let addresses: { echo: string; raw: string };

beforeAll(async () => {
  origin = await startOrigin();
  raw = await startRawOrigin({ '/greets': greet, '/refuses': refusal, '/echo': echoRaw });
  deployment = await deploy({ originPort: origin.port });
  const { hub } = deployment;
  const token = await hub.createToken('--label', 'scripted');
  agent = new AgentProcess({ hub, originPort: raw.port, token });
  addresses = { echo: deployment.address, raw: (await agent.reachable())[0] ?? '' };
});

afterAll(async () => {
  await agent?.stop();
  await deployment?.stop();
  await raw?.stop();
  await origin?.stop();
});

test('messages come back as they were: text, bytes, empty, and a megabyte', async () => {
  const socket = await opened(addresses.echo, '/socket');
  for (const sent of ['hello', '', Buffer.from([0, 255]), contentBytes('message', 0, 1_000_000)]) {
    socket.send(sent);
    const [back, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
    expect(isBinary).toBe(typeof sent !== 'string');
    expect(hashOf(back)).toBe(hashOf(Buffer.from(sent)));
  }
  socket.close();
  await once(socket, 'close');
});

test('many messages in a row keep their order', async () => {
  const socket = await opened(addresses.echo, '/socket');
  const count = 5000;
  const received: string[] = [];
  socket.on('message', (message: Buffer) => received.push(message.toString()));
  const sent = Array.from({ length: count }, (_, i) => `message ${i}`);
  for (const message of sent) socket.send(message);
  socket.close(1000);
  await once(socket, 'close');
  expect(received).toEqual(sent);
});

test('a ping is answered by the origin, and one of the origin by the visitor', async () => {
  const socket = await opened(addresses.echo, '/socket');
  socket.ping('are you there');
  const [pong] = (await once(socket, 'pong')) as [Buffer];
  expect(pong.toString()).toBe('are you there');
  socket.terminate();

  const greeted = visitor(addresses.raw).socket('/greets');
  const [ping] = (await once(greeted, 'ping')) as [Buffer];
  expect(ping.toString()).toBe('early');
  greeted.terminate();
});

test('codes and reasons of a close come through, from either end', async () => {
  const leaving = await opened(addresses.echo, '/socket');
  leaving.close(4001, 'enough seen');
  const [code] = (await once(leaving, 'close')) as [number, Buffer];
  expect(code).toBe(4001);

  const socket = visitor(addresses.raw).socket('/greets');
  const [dismissed, reason] = (await once(socket, 'close')) as [number, Buffer];
  expect([dismissed, reason.toString()]).toEqual([1012, 'restarting']);
});

test('what an origin sends in one piece with its 101 is not lost', async () => {
  const socket = visitor(addresses.raw).socket('/greets');
  const [message] = (await once(socket, 'message')) as [Buffer];
  expect(message.toString()).toBe('hello before you spoke');
  socket.terminate();
});

test('what a visitor sends behind its handshake, without waiting, is not lost', async () => {
  const { hostname, port, host } = new URL(addresses.raw);
  const socket = connect({
    host: '127.0.0.1',
    port: Number(port),
    servername: hostname,
    ca: readFileSync(deployment.hub.caFile),
  });
  const handshake = [
    'GET /echo HTTP/1.1',
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ].join('\r\n');
  // "hello", masked with zeros.
  const frame = Buffer.from('81850000000068656c6c6f', 'hex');
  socket.write(Buffer.concat([Buffer.from(`${handshake}\r\n\r\n`), frame]));
  let received = Buffer.alloc(0);
  while (!received.includes(frame)) {
    const [piece] = (await once(socket, 'data')) as [Buffer];
    received = Buffer.concat([received, piece]);
  }
  expect(received.toString('latin1')).toMatch(/^HTTP\/1\.1 101 /);
  socket.destroy();
});

test('an upgrade that the origin refuses is its answer', async () => {
  const socket = visitor(addresses.raw).socket('/refuses');
  const [, answer] = await once(socket, 'unexpected-response');
  expect(answer.statusCode).toBe(403);
  expect(answer.headers['x-reason']).toBe('not you');
  answer.destroy();
});

const refusal =
  'HTTP/1.1 403 Forbidden\r\nX-Reason: not you\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

/** 101, a ping, a message and a close with code 1012, all in one piece. */
function greet(socket: Socket, head: string): void {
  socket.resume();
  const frames = [
    Buffer.from('8905', 'hex'),
    Buffer.from('early'),
    Buffer.from('8116', 'hex'),
    Buffer.from('hello before you spoke'),
    Buffer.from('880c03f4', 'hex'),
    Buffer.from('restarting'),
  ];
  socket.write(Buffer.concat([Buffer.from(switching(head)), ...frames]));
}

/** 101, then every byte as it comes. */
function echoRaw(socket: Socket, head: string): void {
  socket.write(switching(head));
  socket.pipe(socket);
}

/** RFC 6455 §4.2.2. */
function switching(head: string): string {
  const key = /sec-websocket-key: (\S+)/i.exec(head)?.[1] ?? '';
  const accept = createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

function visitor(address: string): Visitor {
  return new Visitor(address, deployment.hub.caFile);
}

async function opened(address: string, path: string): Promise<WebSocket> {
  const socket = visitor(address).socket(path);
  await once(socket, 'open');
  return socket;
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
