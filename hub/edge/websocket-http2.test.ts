import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import {
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { Duplex } from 'node:stream';

import { describe, expect, it } from 'vitest';

import {
  deadline,
  hubHostname,
  onlineHostname,
  readUntil,
  TestEdge,
} from '../../test/support/edge.ts';
import { framesOf, frameType, headersFrame, preface } from '../../test/support/http2-frames.ts';

interface Handshake {
  readonly message: IncomingMessage;
  readonly pipe: Duplex;
}

/** The next handshake at the origin, not answered yet. */
async function handshake(edge: TestEdge): Promise<Handshake> {
  const [message, pipe] = (await once(edge.origin, 'upgrade', deadline())) as [
    IncomingMessage,
    Duplex,
  ];
  pipe.on('error', () => {});
  return { message, pipe };
}

function proofOf({ message }: Handshake): string {
  const key = message.headers['sec-websocket-key'] ?? '';
  const text = `${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  return createHash('sha1').update(text).digest('base64');
}

function agree(shake: Handshake, proof = proofOf(shake), more = ''): void {
  shake.pipe.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${proof}\r\n${more}\r\n`,
  );
}

const connectFields = {
  ':method': 'CONNECT',
  ':protocol': 'websocket',
  ':scheme': 'https',
  ':path': '/socket?token=1',
  ':authority': onlineHostname,
  'sec-websocket-version': '13',
};

function ask(session: ClientHttp2Session, more: Record<string, string | string[]> = {}) {
  const stream = session.request({ ...connectFields, ...more }, { endStream: false });
  stream.on('error', () => {});
  return stream;
}

async function headOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  const [head] = (await once(stream, 'response', deadline())) as [IncomingHttpHeaders];
  return head;
}

async function bodyOf(stream: ClientHttp2Stream): Promise<string> {
  let text = '';
  for await (const piece of stream) text += (piece as Buffer).toString('latin1');
  return text;
}

interface Joined {
  readonly stream: ClientHttp2Stream;
  readonly pipe: Duplex;
}

async function join(edge: TestEdge, session: ClientHttp2Session): Promise<Joined> {
  const shaking = handshake(edge);
  const stream = ask(session);
  const shake = await shaking;
  agree(shake);
  expect((await headOf(stream))[':status']).toBe(200);
  return { stream, pipe: shake.pipe };
}

describe('an extended CONNECT for WebSocket', () => {
  it('is offered in the settings', async () => {
    await using edge = await TestEdge.start();
    const session = await edge.http2();
    if (!session.remoteSettings.enableConnectProtocol) await once(session, 'remoteSettings');
    expect(session.remoteSettings.enableConnectProtocol).toBe(true);
  });

  it('reaches the origin as the handshake of RFC 6455, with a key of ours', async () => {
    await using edge = await TestEdge.start();
    const shaking = handshake(edge);
    const stream = ask(await edge.http2(), {
      'sec-websocket-protocol': 'chat, superchat',
      'sec-websocket-extensions': 'permessage-deflate',
      'sec-websocket-key': 'the visitor has no say here',
      origin: 'https://movies.phlix.example',
      'x-forwarded-for': '6.6.6.6',
      expect: '100-continue',
    });
    const shake = await shaking;
    const { headers, rawHeaders, method, url, httpVersion } = shake.message;
    expect([method, url, httpVersion]).toEqual(['GET', '/socket?token=1', '1.1']);
    expect(headers).toMatchObject({
      host: onlineHostname,
      connection: 'Upgrade',
      upgrade: 'websocket',
      origin: 'https://movies.phlix.example',
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'chat, superchat',
      'sec-websocket-extensions': 'permessage-deflate',
      'x-forwarded-for': '127.0.0.1',
    });
    const keys = rawHeaders.filter((_, at) => rawHeaders[at - 1] === 'sec-websocket-key');
    expect(keys).toHaveLength(1);
    expect(Buffer.from(keys[0] ?? '', 'base64')).toHaveLength(16);
    expect(headers.expect).toBeUndefined();

    agree(shake, undefined, 'Sec-WebSocket-Protocol: chat\r\nX-Kept: 1\r\n');
    const head = await headOf(stream);
    expect(head).toMatchObject({ ':status': 200, 'sec-websocket-protocol': 'chat', 'x-kept': '1' });
    expect(Object.keys(head)).not.toContain('sec-websocket-accept');
    expect(Object.keys(head)).not.toContain('upgrade');
    stream.destroy();
  });

  it('without a version asks for 13', async () => {
    await using edge = await TestEdge.start();
    const shaking = handshake(edge);
    const { 'sec-websocket-version': _, ...fields } = connectFields;
    (await edge.http2()).request(fields, { endStream: false }).on('error', () => {});
    expect((await shaking).message.headers['sec-websocket-version']).toBe('13');
  });

  it('carries bytes both ways as they are, beside other streams of the connection', async () => {
    await using edge = await TestEdge.start();
    const session = await edge.http2();
    const [first, second] = [await join(edge, session), await join(edge, session)];
    first.stream.write(Buffer.from('820100ff', 'hex'));
    const [heard] = (await once(first.pipe, 'data', deadline())) as [Buffer];
    expect(heard.toString('hex')).toBe('820100ff');
    second.pipe.write('not a frame at all');
    expect(await readUntil(second.stream, /at all$/)).toBe('not a frame at all');
    first.pipe.write('one');
    expect(await readUntil(first.stream, /one$/)).toBe('one');
    first.stream.destroy();
    second.stream.destroy();
  });

  it('carries what the origin sends in one piece with its 101', async () => {
    await using edge = await TestEdge.start();
    const shaking = handshake(edge);
    const stream = ask(await edge.http2());
    const shake = await shaking;
    shake.pipe.cork();
    agree(shake);
    shake.pipe.write('hello before you spoke');
    shake.pipe.uncork();
    expect(await readUntil(stream, /spoke$/)).toBe('hello before you spoke');
    stream.destroy();
  });

  it.each([
    ['the origin', (joined: Joined) => [joined.stream, joined.pipe] as const],
    ['the visitor', (joined: Joined) => [joined.pipe, joined.stream] as const],
  ])('waits for %s when it does not read', async (_who, sides) => {
    await using edge = await TestEdge.start();
    const [sender, reader] = sides(await join(edge, await edge.http2()));
    reader.pause();
    const piece = Buffer.alloc(65_536);
    const total = 128 * piece.length;
    let sent = 0;
    const send = (): void => {
      while (sent < total) {
        sent += piece.length;
        if (!sender.write(piece)) return;
      }
    };
    sender.on('drain', send);
    send();
    // Others come and go meanwhile; these bytes do not.
    for (let other = 0; other < 5; other++) await join(edge, await edge.http2());
    expect(sent).toBeLessThan(total / 2);
    let received = 0;
    reader.on('data', (bytes: Buffer) => (received += bytes.length));
    reader.resume();
    await expect.poll(() => received, { timeout: 10_000 }).toBe(total);
    sender.destroy();
  });
});

describe('the end of a WebSocket over HTTP/2', () => {
  it('passes as a half-close from either side', async () => {
    await using edge = await TestEdge.start();
    const { stream, pipe } = await join(edge, await edge.http2());
    stream.end('last');
    const words: Buffer[] = [];
    pipe.on('data', (piece: Buffer) => words.push(piece));
    await once(pipe, 'end', deadline());
    expect(Buffer.concat(words).toString()).toBe('last');
    pipe.end('and mine');
    expect(await bodyOf(stream)).toBe('and mine');
    expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
  });

  it.each([
    ['CANCEL', constants.NGHTTP2_CANCEL],
    ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
  ])('by a reset of the visitor (%s) is an abort at the origin', async (_name, code) => {
    await using edge = await TestEdge.start();
    const { stream } = await join(edge, await edge.http2());
    stream.close(code);
    await expect.poll(() => edge.resets).toEqual(['cancelled']);
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
  });

  it('by the origin breaking off is RST_STREAM with CANCEL, and no END_STREAM before it', async () => {
    await using edge = await TestEdge.start();
    const shaking = handshake(edge);
    const socket = await edge.connect({ ALPNProtocols: ['h2'] });
    const pieces: Buffer[] = [];
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    socket.write(Buffer.concat([preface, headersFrame(1, connectFields)]));
    agree(await shaking);
    const frames = () => framesOf(Buffer.concat(pieces)).filter(({ stream }) => stream === 1);
    await expect.poll(() => frames().map(({ type }) => type)).toEqual([frameType.headers]);
    for (const tunnelled of edge.streams) tunnelled.destroy(new Error('cut'));
    await expect.poll(() => frames().length).toBeGreaterThan(1);
    expect(frames().slice(1)).toEqual([
      { type: frameType.reset, flags: 0, stream: 1, payload: '00000008' },
    ]);
    socket.destroy();
  });
});

describe('an extended CONNECT that comes to nothing', () => {
  it('gets the refusal of the origin as an ordinary response', async () => {
    await using edge = await TestEdge.start();
    const session = await edge.http2();
    const shaking = handshake(edge);
    const stream = ask(session);
    const { pipe } = await shaking;
    pipe.end(
      'HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n',
    );
    const head = await headOf(stream);
    expect(head).toMatchObject({ ':status': 426, 'sec-websocket-version': '13' });
    expect(await bodyOf(stream)).toBe('no');
    expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  });

  it('leaves nothing that another request could follow on its connection (CVE-2026-58055)', async () => {
    await using edge = await TestEdge.start();
    const shaking = handshake(edge);
    const stream = ask(await edge.http2());
    const { pipe } = await shaking;
    pipe.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    expect((await headOf(stream))[':status']).toBe(403);
    expect(await bodyOf(stream)).toBe('no');
    expect(edge.resets).toEqual(['cancelled']);
  });

  it.each([
    ['with the proof of another key', 'AAAAAAAAAAAAAAAAAAAAAAAAAAA='],
    ['with an empty proof', ''],
  ])('because the origin agrees %s is a 502', async (_how, proof) => {
    await using edge = await TestEdge.start();
    const shaking = handshake(edge);
    const stream = ask(await edge.http2());
    agree(await shaking, proof);
    expect((await headOf(stream))[':status']).toBe(502);
    expect(await bodyOf(stream)).toContain('origin.bad-response');
    expect(edge.resets).toEqual(['cancelled']);
  });

  it.each([
    ['another protocol', { ':protocol': 'connect-udp' }, '501 edge.protocol'],
    ['a length', { 'content-length': '3' }, '400 edge.bad-request'],
    ['another scheme', { ':scheme': 'wss' }, '400 edge.bad-request'],
    ['no server', { ':authority': 'nobody.phlix.example' }, '404 tunnel.unknown'],
    ['a server that is away', { ':authority': 'asleep.phlix.example' }, '503 tunnel.offline'],
    ['a name of another certificate', { ':authority': hubHostname }, '421 edge.misdirected'],
    ['a broken path', { ':path': '/a#b' }, '400 edge.bad-request'],
  ])('for %s is told so', async (_what, fields: Record<string, string>, expected) => {
    await using edge = await TestEdge.start();
    const session = await edge.http2();
    const stream = ask(session, fields);
    const head = await headOf(stream);
    const { code } = JSON.parse(await bodyOf(stream)) as { code: string };
    expect(`${String(head[':status'])} ${code}`).toBe(expected);
    expect(edge.streams.size).toBe(0);
    expect(edge.admission.counted.busyTunnels).toBe(0);
  });

  it('with a method of its own is reset', async () => {
    await using edge = await TestEdge.start();
    const stream = ask(await edge.http2(), { ':method': 'GET' });
    await expect(once(stream, 'close', deadline())).rejects.toThrow(/PROTOCOL_ERROR/);
    expect(edge.streams.size).toBe(0);
  });

  it('for the hub itself is refused', async () => {
    await using edge = await TestEdge.start();
    const stream = ask(await edge.http2(hubHostname), { ':authority': hubHostname });
    expect((await headOf(stream))[':status']).toBe(400);
  });

  it('because it ended with its head is refused', async () => {
    await using edge = await TestEdge.start();
    const stream = (await edge.http2()).request(connectFields, { endStream: true });
    stream.on('error', () => {});
    expect((await headOf(stream))[':status']).toBe(400);
    expect(edge.streams.size).toBe(0);
  });
});
