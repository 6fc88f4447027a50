import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';

import { describe, expect, it } from 'vitest';

import {
  deadline,
  exchange,
  hubHostname,
  onlineHostname,
  readToClose,
  readUntil,
  TestEdge,
} from '../../test/support/edge.ts';
import {
  endHeaders,
  endStream,
  framesOf,
  frameType,
  headersFrame,
  preface,
  type Frame,
} from '../../test/support/http2-frames.ts';

const get = `GET / HTTP/1.1\r\nHost: ${onlineHostname}\r\n\r\n`;

/** The visitor's bytes stop before its flight of this number has arrived whole, until they are let go. */
function halting(
  edge: TestEdge,
  flight: number,
): { near: Duplex; letGo: () => void; isHalted: Promise<void> } {
  const [near, far] = duplexPair();
  const raw = connect(edge.port, '127.0.0.1');
  const [halted, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  raw.on('error', () => far.destroy()).pipe(far);
  let flights = 0;
  far.on('data', (piece: Buffer) => {
    flights += 1;
    if (flights !== flight) return void raw.write(piece);
    far.pause();
    raw.write(piece.subarray(0, piece.length / 2), () => halted.resolve());
    return void released.promise.then(() => {
      raw.write(piece.subarray(piece.length / 2));
      far.resume();
    });
  });
  far.once('end', () => raw.end());
  return { near, letGo: released.resolve, isHalted: halted.promise };
}

const lastAnswer = /^HTTP\/1.1 200 OK\r\n[^]*connection: close\r\n/i;

const request = (stream: number): Buffer =>
  headersFrame(
    stream,
    { ':method': 'GET', ':scheme': 'https', ':path': '/', ':authority': onlineHostname },
    endHeaders | endStream,
  );

const streamsAnswered = (frames: readonly Frame[]): Set<number> =>
  new Set(frames.filter(({ type }) => type === frameType.headers).map(({ stream }) => stream));

async function dialAgent(edge: TestEdge): Promise<TLSSocket> {
  const socket = await edge.connect({ servername: hubHostname });
  const fields = 'Connection: Upgrade\r\nUpgrade: websocket';
  socket.write(`GET /tunnel HTTP/1.1\r\nHost: ${hubHostname}\r\n${fields}\r\n\r\n`);
  return socket;
}

describe('closing', () => {
  it('lets running exchanges finish, on both protocols, and takes no more', async () => {
    const held: (() => void)[] = [];
    await using edge = await TestEdge.start({
      origin: (_request, response) => void held.push(() => response.end('finished')),
    });
    const [busy, idle, session] = [await edge.connect(), await edge.connect(), await edge.http2()];
    idle.write(`HEAD / HTTP/1.1\r\nHost: ${onlineHostname}\r\n\r\n`);
    await expect.poll(() => held.length).toBe(1);
    held.shift()?.();
    await readUntil(idle, /\r\n\r\n$/);
    busy.write(get);
    const overHttp2 = exchange(session, { ':path': '/' });
    await expect.poll(() => held.length).toBe(2);
    idle.resume();
    const goaway = once(session, 'goaway', deadline());
    const closing = edge.listener.close(10_000);
    await Promise.all([goaway, once(idle, 'close', deadline())]);
    const refused = connect(edge.port, '127.0.0.1');
    await expect(once(refused, 'connect', deadline())).rejects.toThrow(/ECONNREFUSED/);
    for (const finish of held) finish();
    expect(await readToClose(busy)).toMatch(/connection: close\r\n[^]*finished/i);
    expect((await overHttp2).body).toBe('finished');
    await closing;
  });

  it('answers the first request of a connection that had just been made, and then ends it', async () => {
    await using edge = await TestEdge.start();
    const [socket, session] = [await edge.connect(), await edge.http2()];
    // Answered on a younger connection: the edge has seen the end of these handshakes too.
    await edge.raw(get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    const closing = edge.listener.close(10_000);
    socket.write(get);
    const goaway = once(session, 'goaway', deadline());
    expect((await exchange(session, { ':path': '/' })).headers[':status']).toBe(200);
    expect(await readToClose(socket)).toMatch(lastAnswer);
    await Promise.all([goaway, closing]);
  });

  it.each(['http/1.1', 'h2'])(
    'waits for the first request over %s no longer than a head may take',
    async (protocol) => {
      await using edge = await TestEdge.start({ limits: { headTimeoutMs: 100 } });
      const socket = await edge.connect({ ALPNProtocols: [protocol] });
      await Promise.all([edge.listener.close(60_000), readToClose(socket)]);
      expect(edge.admission.counted.addresses).toBe(0);
    },
  );

  it('hears the last call of connections that are kept between requests', async () => {
    await using edge = await TestEdge.start();
    const [socket, session] = [await edge.connect(), await edge.http2()];
    socket.write(get);
    await readUntil(socket, /}$/);
    await exchange(session, { ':path': '/' });
    const closing = edge.listener.close(10_000);
    socket.write(get);
    const goaway = once(session, 'goaway', deadline());
    expect((await exchange(session, { ':path': '/' })).headers[':status']).toBe(200);
    expect(await readToClose(socket)).toMatch(lastAnswer);
    await Promise.all([goaway, closing]);
  });

  it('takes requests that cross its farewell while another runs, and says which was the last', async () => {
    const held: (() => void)[] = [];
    await using edge = await TestEdge.start({
      origin: (_request, response) => void held.push(() => response.end()),
    });
    const socket = await edge.connect({ ALPNProtocols: ['h2'] });
    const arrived = buffer(socket);
    socket.write(Buffer.concat([preface, request(1)]));
    await expect.poll(() => held.length).toBe(1);
    const closing = edge.listener.close(10_000);
    socket.write(Buffer.concat([request(3), request(5)]));
    await expect.poll(() => held.length).toBe(3);
    for (const finish of held) finish();
    const frames = framesOf(await arrived);
    expect(streamsAnswered(frames)).toEqual(new Set([1, 3, 5]));
    const goaways = frames.filter(({ type }) => type === frameType.goaway);
    expect(goaways.map(({ payload }) => payload)).toEqual(['7fffffff00000000', '0000000500000000']);
    await closing;
  });

  it.each([
    ['whose hello has come by half', 1],
    ['in the middle of its handshake', 2],
  ])('serves a visitor %s', async (_what, flight) => {
    await using edge = await TestEdge.start();
    const { near, letGo, isHalted } = halting(edge, flight);
    const socket = edge.connecting({ socket: near });
    await isHalted;
    await expect.poll(() => edge.admission.counted.addresses).toBe(1);
    const closing = edge.listener.close(10_000);
    letGo();
    socket.write(get);
    expect(await text(socket)).toMatch(lastAnswer);
    await closing;
  });

  it('cuts what is not finished at the deadline', async () => {
    await using edge = await TestEdge.start({
      origin: (_request, response) => void response.write('never'),
    });
    const socket = await edge.connect();
    socket.write(get);
    await readUntil(socket, /never/);
    await edge.listener.close(50);
    await readToClose(socket);
    await expect.poll(() => edge.resets).toEqual(['cancelled']);
  });

  it('resets what is not finished at the deadline over HTTP/2, though it has said goodbye', async () => {
    const held: unknown[] = [];
    await using edge = await TestEdge.start({
      origin: (_request, response) => void held.push(response.write('never')),
    });
    const socket = await edge.connect({ ALPNProtocols: ['h2'] });
    const arrived = buffer(socket);
    socket.write(Buffer.concat([preface, request(1), request(3)]));
    await expect.poll(() => held.length).toBe(2);
    await edge.listener.close(50);
    const frames = framesOf(await arrived);
    expect(frames.some(({ flags, type }) => type === frameType.data && flags === endStream)).toBe(
      false,
    );
    const resets = frames.filter(({ type }) => type === frameType.reset);
    expect(resets.map(({ stream, payload }) => [stream, payload])).toEqual([
      [1, '00000002'],
      [3, '00000002'],
    ]);
    await expect.poll(() => edge.resets).toEqual(['cancelled', 'cancelled']);
  });

  it('neither cuts agents that came in by its door nor takes them for visitors', async () => {
    const agents: Socket[] = [];
    const held: (() => void)[] = [];
    await using edge = await TestEdge.start({
      hub: { onUpgrade: (_request, socket) => void agents.push(socket) },
      origin: (_request, response) => void held.push(() => response.end('finished')),
    });
    const [first, second] = [await dialAgent(edge), await dialAgent(edge)];
    await expect.poll(() => agents.length).toBe(2);
    const visitor = await edge.connect();
    visitor.write(get);
    await expect.poll(() => held.length).toBe(1);
    let isClosed = false;
    const closing = edge.listener.close(10_000).then(() => (isClosed = true));
    agents[0]?.resume();
    first.end();
    await Promise.all([first, ...agents.slice(0, 1)].map(readToClose));
    // Answered on the connection that is left: whatever the close of the other one set off is over by then.
    agents[1]?.write('still here');
    await readUntil(second, /still here$/);
    expect(isClosed).toBe(false);
    for (const finish of held) finish();
    expect(await readToClose(visitor)).toMatch(/finished/);
    await closing;
    agents[1]?.destroy();
  });

  it('at its deadline leaves agents their goodbye', async () => {
    const agents: Socket[] = [];
    await using edge = await TestEdge.start({
      hub: { onUpgrade: (_request, socket) => void agents.push(socket) },
      origin: (_request, response) => void response.write('never'),
    });
    const agent = await dialAgent(edge);
    const visitor = await edge.connect();
    visitor.write(get);
    await readUntil(visitor, /never/);
    await edge.listener.close(50);
    await readToClose(visitor);
    agents[0]?.end('goodbye');
    expect(await readToClose(agent)).toBe('goodbye');
  });

  it('with nobody connected is done at once', async () => {
    await using edge = await TestEdge.start();
    await expect(edge.listener.close(60_000)).resolves.toBeUndefined();
  });
});
