import { Buffer } from 'node:buffer';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

import { expect, it } from 'vitest';

import { deadline, exchange, onlineHostname, TestEdge } from '../../test/support/edge.ts';

const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);
const vector = (...parts: Buffer[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([u16(body.length), body]);
};
const extension = (type: number, body: Buffer) => Buffer.concat([u16(type), vector(body)]);

const x25519 = u16(0x001d);
const publicKey = generateKeyPairSync('x25519')
  .publicKey.export({ type: 'spki', format: 'der' })
  .subarray(-32);
const fixed = randomBytes(32);

/** RFC 8446 §4.1.2, as one record. Without a key share the server asks for another hello (HelloRetryRequest, §4.1.4). */
function hello(serverName: string | undefined, hasKeyShare: boolean): Buffer {
  const name = Buffer.from(serverName ?? '');
  const extensions = [
    ...(serverName === undefined
      ? []
      : [extension(0, vector(Buffer.concat([Buffer.from([0]), vector(name)])))]),
    extension(10, vector(x25519)),
    extension(13, vector(Buffer.from('04030804', 'hex'))),
    extension(16, vector(Buffer.from('026832', 'hex'))),
    extension(43, Buffer.from('020304', 'hex')),
    extension(51, hasKeyShare ? vector(x25519, vector(publicKey)) : vector()),
  ];
  const body = Buffer.concat([
    u16(0x0303),
    fixed,
    Buffer.from([0]),
    vector(Buffer.from('1301', 'hex')),
    Buffer.from('0100', 'hex'),
    vector(...extensions),
  ]);
  const message = Buffer.concat([Buffer.from([1, 0]), vector(body)]);
  return Buffer.concat([Buffer.from('160301', 'hex'), vector(message)]);
}

it.each([
  ['no name', undefined],
  ['another name', 'hub.example'],
  ['an unknown name', 'other.example'],
  ['no hostname', '\u0000..'],
])('a second hello with %s harms nobody but its sender', async (_what, secondName) => {
  await using edge = await TestEdge.start();
  const socket = connect(edge.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(hello(onlineHostname, false));
  const [retry] = (await once(socket, 'data', deadline())) as [Buffer];
  // A handshake record whose message is a ServerHello, which is what a retry request looks like.
  expect([retry[0], retry[5]]).toEqual([0x16, 2]);
  socket.write(hello(secondName, true));
  await Promise.race([once(socket, 'data', deadline()), once(socket, 'close', deadline())]);
  socket.destroy();
  expect((await exchange(await edge.http2(), {})).headers[':status']).toBe(200);
});
