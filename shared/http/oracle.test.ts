import { Buffer } from 'node:buffer';
import { request } from 'node:http';
import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createBodyDecoder, responseFraming } from './body.ts';
import { MessageError } from './field-section.ts';
import { ResponseHeadParser } from './head.ts';

// llhttp, through node:http, reads the same bytes: whatever we accept, it accepts, and means the same by it.

interface Reading {
  readonly status: number;
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

/** One final response, read from chunks by our own parsers; undefined when it is refused or not whole. */
function readOurs(method: string, chunks: readonly Buffer[]): Reading | undefined {
  try {
    return readStrictly(method, chunks);
  } catch (error) {
    if (error instanceof MessageError) return undefined;
    throw error;
  }
}

function readStrictly(method: string, chunks: readonly Buffer[]): Reading | undefined {
  let parser = new ResponseHeadParser();
  let head: ReturnType<ResponseHeadParser['push']>;
  let decoder: ReturnType<typeof createBodyDecoder> | undefined;
  let body = '';
  for (const chunk of chunks) {
    let rest = chunk;
    while (decoder === undefined && rest.length > 0) {
      head = parser.push(rest);
      if (head === undefined) break;
      rest = rest.subarray(parser.consumed);
      if (head.status === 101) return undefined;
      if (head.status < 200) {
        parser = new ResponseHeadParser();
      } else {
        decoder = createBodyDecoder(responseFraming(method, head), (piece) => {
          body += piece.toString('latin1');
        });
      }
    }
    if (decoder !== undefined && !decoder.isComplete && rest.length > 0) decoder.push(rest);
  }
  if (head === undefined || decoder === undefined) return undefined;
  if (!decoder.isComplete && !decoder.mayEndHere) return undefined;
  return { status: head.status, fields: head.fields, body, trailers: decoder.trailers ?? [] };
}

/** The same by node:http. */
function readByNode(method: string, chunks: readonly Buffer[]): Promise<Reading | undefined> {
  const { promise, resolve } = Promise.withResolvers<Reading | undefined>();
  const socket = new Duplex({
    read: () => undefined,
    write(_chunk, _encoding, done) {
      done();
      // The request is out: the answer arrives, then the end.
      for (const chunk of chunks) socket.push(chunk);
      socket.push(null);
    },
  });
  let reading: Reading | undefined;
  let hasAnswer = false;
  const client = request({
    method,
    maxHeaderSize: 1 << 20,
    createConnection: () => socket,
  });
  client.on('error', () => undefined);
  client.on('upgrade', () => client.destroy());
  client.on('response', (response) => {
    hasAnswer = true;
    let body = '';
    response.on('close', () => resolve(reading));
    response.on('data', (piece: Buffer) => (body += piece.toString('latin1')));
    response.on('error', () => undefined);
    response.on('end', () => {
      if (!response.complete) return;
      const fields = lowerNames(response.rawHeaders);
      const trailers = lowerNames(response.rawTrailers);
      reading = { status: response.statusCode ?? 0, fields, body, trailers };
    });
  });
  client.on('close', () => {
    if (!hasAnswer) resolve(undefined);
  });
  client.end();
  return promise;
}

function lowerNames(fields: readonly string[]): string[] {
  return fields.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text));
}

const seeds = [
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/10\r\nContent-Length: 5\r\nETag: "a"\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n3;a=b;c="d e"\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n',
  'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end',
  'HTTP/1.0 200 OK\r\nServer: old\r\n\r\nuntil the end',
  'HTTP/1.1 204 No Content\r\nX: y\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n',
];

const fragments = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  ' ',
  '\t',
  '\v',
  ':',
  ';',
  '=',
  '"',
  '\\',
  ',',
  '0',
  '5',
  'f',
  '\x7f',
  '\x80',
  '\xff',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'Connection: upgrade\r\nUpgrade: websocket\r\n',
  ' folded\r\n',
  'HTTP/1.1 ',
  '0\r\n\r\n',
  '5\r\nhello\r\n',
  ';ext=1',
];

/** Mulberry32: small, and the same everywhere for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function mutate(text: string, random: (below: number) => number): string {
  const at = random(text.length + 1);
  switch (random(6)) {
    case 0:
      return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + random(3));
    case 2: {
      const length = random(20);
      return text.slice(0, at + length) + text.slice(at);
    }
    case 3: {
      // Between two lines, where whole fields make the most trouble.
      const line = text.indexOf('\r\n', at) + 2;
      return text.slice(0, line) + (fragments[random(fragments.length)] ?? '') + text.slice(line);
    }
    case 4:
      return text.slice(0, at);
    default:
      return text.slice(0, at) + (fragments[random(fragments.length)] ?? '') + text.slice(at);
  }
}

function split(wire: Buffer, random: (below: number) => number): Buffer[] {
  const at = random(wire.length + 1);
  return random(2) === 0 ? [wire] : [wire.subarray(0, at), wire.subarray(at)];
}

describe('beside llhttp', () => {
  test.each(seeds)('both read %j alike', async (text) => {
    const wire = Buffer.from(text, 'latin1');
    const ours = readOurs('GET', [wire]);
    expect(ours).toBeDefined();
    expect(await readByNode('GET', [wire])).toEqual(ours);
  });

  const cases = Number(process.env['HTTP_ORACLE_CASES'] ?? 20_000);
  const seed = Number(process.env['HTTP_ORACLE_SEED'] ?? 1);
  test(
    `nothing out of ${cases} damaged responses is accepted here and refused, or read otherwise, there (seed ${seed})`,
    { timeout: 60_000 + cases * 5 },
    async () => {
      const random = randomFrom(seed);
      let accepted = 0;
      for (let i = 0; i < cases; i++) {
        let text = seeds[i % seeds.length] ?? '';
        for (let rounds = 1 + random(3); rounds > 0; rounds--) text = mutate(text, random);
        const method = random(8) === 0 ? 'HEAD' : 'GET';
        const chunks = split(Buffer.from(text, 'latin1'), random);
        const ours = readOurs(method, chunks);
        if (ours === undefined) continue;
        accepted++;
        const theirs = await readByNode(method, chunks);
        expect({ text, method, read: theirs }).toEqual({ text, method, read: ours });
      }
      // A parser that refused everything would pass too.
      expect(accepted).toBeGreaterThan(cases / 20);
    },
  );
});
