import { Buffer } from 'node:buffer';
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { watchCollections } from '../../test/support/collections.ts';
import { countTurnover } from './buffer-turnover.ts';
import type { Transport } from './transport.ts';
import { maxMessageBytes, websocketTransport } from './websocket-transport.ts';

/** A transport over a real WebSocket, and the socket at its other end. */
async function connect(): Promise<{
  transport: Transport;
  other: WebSocket;
  events: EventEmitter;
}> {
  const server = createServer();
  const sockets = new WebSocketServer({ server, maxPayload: maxMessageBytes });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(sockets, 'connection') as Promise<[WebSocket]>;
  const { port } = server.address() as AddressInfo;
  const other = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  other.on('error', () => {});
  const [socket] = await accepted;
  const transport = websocketTransport(socket);
  const events = new EventEmitter();
  transport.onChunk = (chunk) => events.emit('chunk', chunk);
  transport.onClosed = (error) => events.emit('closed', error);
  await once(other, 'open');
  onTestFinished(() => {
    other.terminate();
    sockets.close();
    server.close();
  });
  return { transport, other, events };
}

it('binary messages are chunks, both ways', async () => {
  const { transport, other, events } = await connect();
  const [arrived, answered] = [once(events, 'chunk'), once(other, 'message')];
  other.send(Buffer.from('up'));
  expect(String((await arrived)[0])).toBe('up');
  const written = new Promise<void>((resolve) => {
    transport.send(Buffer.from('down'), resolve);
  });
  expect(String((await answered)[0])).toBe('down');
  await written;
});

it('what it carries counts as turnover of buffers, either way', async () => {
  const { transport, other, events } = await connect();
  const chunk = Buffer.alloc(maxMessageBytes);
  const chunksOfATurnover = (5 * 1024 * 1024) / maxMessageBytes;
  const asked = watchCollections();
  countTurnover(5 * 1024 * 1024);
  await vi.waitFor(() => expect(asked.minor).toHaveLength(1), 5_000);

  for (let sent = 0; sent < chunksOfATurnover; sent += 1) transport.send(chunk, () => {});
  await vi.waitFor(() => expect(asked.minor).toHaveLength(2), 5_000);

  let arrivedBytes = 0;
  events.on('chunk', (bytes: Buffer) => (arrivedBytes += bytes.length));
  for (let sent = 0; sent < chunksOfATurnover; sent += 1) other.send(chunk);
  await vi.waitFor(() => expect(arrivedBytes).toBe(5 * 1024 * 1024), 5_000);
  await vi.waitFor(() => expect(asked.minor).toHaveLength(3), 5_000);
});

it('P2: a text message ends the link', async () => {
  const { other, events } = await connect();
  const closed = once(events, 'closed');
  other.send('text');
  expect((await closed)[0]).toMatchObject({
    code: 'protocol.malformed',
    message: 'a text message',
  });
});

it('P2: a message longer than 128 KiB ends the link; one of 128 KiB does not', async () => {
  const { other, events } = await connect();
  const arrived = once(events, 'chunk');
  other.send(Buffer.alloc(128 * 1024));
  expect((await arrived)[0]).toHaveLength(128 * 1024);
  const closed = once(events, 'closed');
  other.send(Buffer.alloc(128 * 1024 + 1));
  expect((await closed)[0]).toMatchObject({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' });
});

it('close lets the peer read what was sent', async () => {
  const { transport, other, events } = await connect();
  const [last, closed] = [once(other, 'message'), once(events, 'closed')];
  transport.send(Buffer.from('last'));
  transport.close();
  expect(String((await last)[0])).toBe('last');
  expect(await closed).toEqual([undefined]);
});

it('destroy drops the connection at once, and the first cause is the one that is told', async () => {
  const { transport, events } = await connect();
  const closed = once(events, 'closed');
  const cause = new Error('first');
  transport.destroy(cause);
  transport.destroy(new Error('second'));
  expect(await closed).toEqual([cause]);
});

it('sending on a closed transport gives the chunk back and throws nothing', async () => {
  const { transport, events } = await connect();
  const closed = once(events, 'closed');
  transport.destroy();
  await closed;
  await new Promise<void>((resolve) => {
    transport.send(Buffer.from('late'), () => resolve());
  });
  expect(() => transport.send(Buffer.from('later'))).not.toThrow();
});

it('a peer that vanishes closes the transport without an error of its own', async () => {
  const { other, events } = await connect();
  const closed = once(events, 'closed');
  other.terminate();
  expect(await closed).toEqual([undefined]);
});
