import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { connect } from 'node:tls';

import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';

import { HelloReader, maxHelloBytes, type Peek } from './client-hello.ts';

const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);
const vector16 = (body: Buffer) => Buffer.concat([u16(body.length), body]);

/** TLS 1.2 hello as a record: server name `name`, ALPN h2, written by hand from RFC 5246 and 6066. */
function helloRecord(name: Buffer, extraExtensions: Buffer = Buffer.alloc(0)): Buffer {
  const sni = vector16(vector16(Buffer.concat([Buffer.from([0]), vector16(name)])));
  const alpn = vector16(vector16(Buffer.from('026832', 'hex')));
  const extensions = Buffer.concat([
    Buffer.from('0000', 'hex'),
    sni,
    Buffer.from('0010', 'hex'),
    alpn,
    extraExtensions,
  ]);
  const body = Buffer.concat([
    Buffer.from('0303', 'hex'),
    Buffer.alloc(32),
    Buffer.from('00', 'hex'),
    vector16(Buffer.from('c02f', 'hex')),
    Buffer.from('0100', 'hex'),
    vector16(extensions),
  ]);
  const message = Buffer.concat([Buffer.from([1, 0]), vector16(body)]);
  return Buffer.concat([Buffer.from('160301', 'hex'), vector16(message)]);
}

async function nodeHello(options: {
  servername: string;
  ALPNProtocols?: string[];
  maxVersion?: 'TLSv1.2';
}): Promise<Buffer> {
  const sink = new Duplex({
    read() {},
    write: (chunk: Buffer, _encoding, done) => (sink.emit('hello', chunk), done()),
  });
  const written = once(sink, 'hello', { signal: AbortSignal.timeout(5000) }) as Promise<[Buffer]>;
  const socket = connect({ socket: sink, ...options });
  socket.on('error', () => {});
  const [hello] = await written;
  socket.destroy();
  return hello;
}

const peek = (bytes: Buffer): Peek => new HelloReader().push(bytes);
const named = (serverName: string) => ({
  state: 'hello',
  hello: {
    serverName,
    versions: [0x0303],
    cipherSuites: [0xc02f],
    signatureSchemes: undefined,
    groups: undefined,
    protocols: ['h2'],
  },
});

describe('a hello', () => {
  it('of a real client is read', async () => {
    const bytes = await nodeHello({
      servername: 'Movies.Phlix.media',
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    expect(peek(bytes)).toMatchObject({
      state: 'hello',
      hello: {
        serverName: 'movies.phlix.media',
        versions: [0x0304, 0x0303],
        cipherSuites: expect.arrayContaining([0x1301, 0xc02b]),
        signatureSchemes: expect.arrayContaining([0x0403, 0x0804]),
        groups: expect.arrayContaining([23, 29]),
        protocols: ['h2', 'http/1.1'],
      },
    });
  });

  it('of a TLS 1.2 client is read', async () => {
    const bytes = await nodeHello({ servername: 'a.b', maxVersion: 'TLSv1.2' });
    expect(peek(bytes)).toMatchObject({
      state: 'hello',
      hello: { serverName: 'a.b', versions: [0x0303], protocols: [] },
    });
  });

  it('is read when split at any byte, and when it arrives byte by byte', async () => {
    for (const bytes of [
      helloRecord(Buffer.from('a.example')),
      await nodeHello({ servername: 'a.example', ALPNProtocols: ['h2'] }),
    ]) {
      const whole = peek(bytes);
      for (let at = 1; at < bytes.length; at += 1) {
        const reader = new HelloReader();
        expect(reader.push(bytes.subarray(0, at))).toEqual({ state: 'more' });
        expect(reader.push(bytes.subarray(at))).toEqual(whole);
        expect(reader.bytes).toEqual(bytes);
      }
      const reader = new HelloReader();
      const states = [...bytes].map((byte) => reader.push(Buffer.from([byte])).state);
      expect(states).toEqual([...Array.from({ length: bytes.length - 1 }, () => 'more'), 'hello']);
    }
  });

  it('is read when cut into many records', () => {
    const record = helloRecord(Buffer.from('a.example'));
    for (const size of [1, 3, 4, 7, 50]) {
      const pieces: Buffer[] = [];
      for (let at = 5; at < record.length; at += size) {
        const payload = record.subarray(at, at + size);
        pieces.push(Buffer.from([0x16, 3, 1, 0, payload.length]), payload);
      }
      expect(peek(Buffer.concat(pieces))).toEqual(named('a.example'));
    }
  });

  it('in records of one byte each costs a stranger more than us', () => {
    const message = Buffer.concat([Buffer.from('01003e00', 'hex'), Buffer.alloc(2000)]);
    const concat = vi.spyOn(Buffer, 'concat');
    const reader = new HelloReader();
    const states = [...message].map(
      (byte) => reader.push(Buffer.from([0x16, 3, 1, 0, 1, byte])).state,
    );
    const joined = concat.mock.calls.reduce((sum, [pieces]) => sum + pieces.length, 0);
    concat.mockRestore();
    expect(new Set(states)).toEqual(new Set(['more']));
    // Two for each piece that arrives, and nothing for the records before it.
    expect(joined).toBeLessThan(3 * message.length);
  });

  it('may be followed by more bytes', () => {
    const record = helloRecord(Buffer.from('a.example'));
    expect(peek(Buffer.concat([record, Buffer.from('140303000101', 'hex')]))).toEqual(
      named('a.example'),
    );
  });

  it.each([
    '',
    'a_b.c',
    '-a',
    '192.0.2.1:443',
    'a.b\0',
    '[::1]',
    'ä.example',
    'a'.repeat(255),
    '*.example',
  ])('with %j for a server name has none', (name) => {
    expect(peek(helloRecord(Buffer.from(name, 'latin1')))).toMatchObject({
      state: 'hello',
      hello: { serverName: undefined },
    });
  });

  it('with an extension twice is malformed', () => {
    const twice = Buffer.from('00000006000400000161', 'hex');
    expect(peek(helloRecord(Buffer.from('a.example'), twice)).state).toBe('malformed');
  });

  it.each([
    ['signatures', '000d00050003040308'],
    ['signatures behind the list', '000d00060002040304'],
    ['versions', '002b0003020304ff'],
  ])('with %s that do not fill their extension is malformed', (_what, hex) => {
    const extra = Buffer.from(hex, 'hex');
    expect(peek(helloRecord(Buffer.from('a.example'), extra)).state).toBe('malformed');
  });

  it('whose lengths do not add up is malformed', () => {
    const record = helloRecord(Buffer.from('a.example'));
    for (const at of [8, 43, 45, 48, 51, 55, 57, 60]) {
      const broken = Buffer.from(record);
      broken[at] = 0xff;
      expect(['malformed', 'more']).toContain(peek(broken).state);
    }
  });
});

describe('other first bytes', () => {
  it.each(['GET / HTTP/1.1\r\n', 'P', 'CONNECT a:1 HTTP/1.1'])('%j is plain http', (text) => {
    expect(peek(Buffer.from(text))).toEqual({ state: 'plain-http' });
  });

  it.each([
    'SSH-2.0-x'.toLowerCase(),
    '\x80\x2e\x01',
    '\0',
    '\x17\x03\x03\x00\x01a',
    '\x16\x02\x00\x00\x01\x01',
    '\x16\x03\x01\x00\x00',
    '\x16\x03\x01\x00\x04\x02\x00\x00\x00',
  ])('%j is malformed', (text) => {
    expect(peek(Buffer.from(text, 'latin1'))).toEqual({ state: 'malformed' });
  });

  it('never gathers more than the limit', () => {
    const reader = new HelloReader();
    let state = reader.push(Buffer.from('160301400001ffffff', 'hex')).state;
    while (state === 'more' && reader.bytes.length < 100_000)
      state = reader.push(Buffer.alloc(100)).state;
    expect(state).toBe('malformed');
    expect(reader.bytes.length).toBeLessThanOrEqual(maxHelloBytes + 105);
  });

  it('never throw, whatever they are', () => {
    const almost = fc
      .tuple(fc.nat(150), fc.uint8Array({ minLength: 1, maxLength: 8 }))
      .map(([at, patch]) => {
        const bytes = helloRecord(Buffer.from('movies.example'));
        bytes.set(patch.subarray(0, Math.max(0, bytes.length - at)), Math.min(at, bytes.length));
        return bytes;
      });
    const random = fc
      .uint8Array({ maxLength: 600 })
      .map((bytes) => Buffer.concat([Buffer.from('160301', 'hex'), bytes]));
    fc.assert(
      fc.property(
        fc.oneof(
          almost,
          random,
          fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        ),
        (bytes) => {
          expect(['more', 'hello', 'plain-http', 'malformed']).toContain(peek(bytes).state);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
