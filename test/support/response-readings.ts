// A response's bytes arrive; what our own parsers read in them leaves, and what llhttp reads, and damaged ones to try both with.

import { Buffer } from 'node:buffer';
import { request } from 'node:http';
import { Duplex } from 'node:stream';

import { createBodyDecoder, responseFraming } from '../../shared/http/body.ts';
import { ResponseHeadParser } from '../../shared/http/head.ts';
import type { Random } from './random.ts';

export interface ResponseReading {
  readonly status: number;
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

/** One final response, read from chunks by our own parsers; undefined while it is not whole. @throws MessageError */
export function readResponse(
  method: string,
  chunks: readonly Buffer[],
): ResponseReading | undefined {
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

/** The same by node:http; undefined also when it is refused. */
export function readResponseByNode(
  method: string,
  chunks: readonly Buffer[],
): Promise<ResponseReading | undefined> {
  const { promise, resolve } = Promise.withResolvers<ResponseReading | undefined>();
  const socket = new Duplex({
    read: () => undefined,
    write(_chunk, _encoding, done) {
      done();
      // The request is out: the answer arrives, then the end.
      for (const chunk of chunks) socket.push(chunk);
      socket.push(null);
    },
  });
  let reading: ResponseReading | undefined;
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

/** Whole and right. */
export const wholeResponses = [
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

/** Wrong in one to three places, and in one piece or two. */
export function damagedResponse(random: Random): { method: string; chunks: Buffer[] } {
  let text = random.pick(wholeResponses);
  for (let rounds = 1 + random.below(3); rounds > 0; rounds -= 1) text = damaged(text, random);
  const method = random.below(8) === 0 ? 'HEAD' : 'GET';
  return { method, chunks: inPieces(Buffer.from(text, 'latin1'), random) };
}

function damaged(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  switch (random.below(6)) {
    case 0:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + random.below(3));
    case 2: {
      const length = random.below(20);
      return text.slice(0, at + length) + text.slice(at);
    }
    case 3: {
      // Between two lines, where whole fields make the most trouble.
      const line = text.indexOf('\r\n', at) + 2;
      return text.slice(0, line) + random.pick(fragments) + text.slice(line);
    }
    case 4:
      return text.slice(0, at);
    default:
      return text.slice(0, at) + random.pick(fragments) + text.slice(at);
  }
}

function inPieces(wire: Buffer, random: Random): Buffer[] {
  const at = random.below(wire.length + 1);
  return random.below(2) === 0 ? [wire] : [wire.subarray(0, at), wire.subarray(at)];
}
