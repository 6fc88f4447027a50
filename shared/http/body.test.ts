import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { createBodyDecoder, responseFraming } from './body.ts';
import type { BodyFraming } from './body.ts';
import { encodeChunk, lastChunk } from './chunked.ts';
import { MessageError } from './field-section.ts';
import { ResponseHeadParser } from './head.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

function framing(method: string, status: number, ...lines: string[]): BodyFraming {
  const head = new ResponseHeadParser().push(
    bytes(`HTTP/1.1 ${status} x\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`),
  );
  if (head === undefined) throw new Error('the head is not complete');
  return responseFraming(method, head);
}

function read(framing: BodyFraming, ...chunks: string[]) {
  const pieces: string[] = [];
  const decoder = createBodyDecoder(framing, (piece) => pieces.push(piece.toString('latin1')));
  let surplus = 0;
  for (const chunk of chunks) surplus += chunk.length - decoder.push(bytes(chunk));
  const { isComplete, mayEndHere, trailers } = decoder;
  return { body: pieces.join(''), isComplete, mayEndHere, trailers, surplus };
}

describe('the framing of a response', () => {
  test.each<[string, number, string[], BodyFraming]>([
    ['GET', 200, ['Content-Length: 5'], 5],
    ['GET', 200, ['Content-Length: 0'], 0],
    ['GET', 200, ['Transfer-Encoding: Chunked'], 'chunked'],
    ['GET', 200, [], 'until-close'],
    ['HEAD', 200, ['Content-Length: 5'], 0],
    ['HEAD', 200, ['Transfer-Encoding: chunked'], 0],
    ['HEAD', 200, [], 0],
    ['GET', 103, [], 0],
    ['GET', 204, ['Content-Length: 5'], 0],
    ['GET', 204, [], 0],
    ['GET', 304, ['Content-Length: 5'], 0],
    ['GET', 304, ['Transfer-Encoding: chunked'], 0],
    ['GET', 205, ['Content-Length: 5'], 5],
    ['GET', 416, ['Content-Length: 7'], 7],
  ])('%s %d %j', (method, status, lines, expected) => {
    expect(framing(method, status, ...lines)).toBe(expected);
  });
});

describe('a body of known length', () => {
  test('ends at its last byte and leaves the rest', () => {
    expect(read(5, 'hel', 'loHTTP/1.1')).toMatchObject({
      body: 'hello',
      isComplete: true,
      mayEndHere: true,
      surplus: 8,
    });
    expect(read(0, 'x')).toMatchObject({ body: '', isComplete: true, surplus: 1 });
  });

  test('may not end before', () => {
    expect(read(5, 'hell')).toMatchObject({ isComplete: false, mayEndHere: false });
  });

  test('hands on nothing once it is complete: an empty piece would end a chunked answer', () => {
    const pieces: Buffer[] = [];
    const decoder = createBodyDecoder(1, (piece) => pieces.push(piece));
    expect([decoder.push(bytes('x')), decoder.push(bytes('y'))]).toEqual([1, 0]);
    expect(pieces).toEqual([bytes('x')]);
  });

  test('is handed on without a copy', () => {
    const chunk = bytes('hello');
    let piece: Buffer | undefined;
    createBodyDecoder(3, (given) => (piece = given)).push(chunk);
    chunk[0] = 0x4a;
    expect(piece?.toString()).toBe('Jel');
  });
});

test('a body that lasts until the close may end anywhere', () => {
  expect(read('until-close', 'a', 'b')).toMatchObject({
    body: 'ab',
    isComplete: false,
    mayEndHere: true,
    surplus: 0,
  });
});

describe('a chunked body', () => {
  const wire =
    '5\r\nhello\r\n' +
    '0A;name=value;q="a b";flag\r\n0123456789\r\n' +
    '000\r\nX-Sum: 1\r\nX-B:\r\n\r\n';
  const whole = {
    body: 'hello0123456789',
    isComplete: true,
    mayEndHere: false,
    trailers: ['x-sum', '1', 'x-b', ''],
    surplus: 0,
  };

  test('reads the same whole, split at every byte and in single bytes', () => {
    expect(read('chunked', wire)).toEqual(whole);
    for (let at = 0; at <= wire.length; at++) {
      expect(read('chunked', wire.slice(0, at), wire.slice(at))).toEqual(whole);
    }
    expect(read('chunked', ...wire.split(''))).toEqual(whole);
  });

  test('leaves the bytes behind its end', () => {
    expect(read('chunked', '0\r\n\r\nHTTP/1.1')).toMatchObject({ isComplete: true, surplus: 8 });
  });

  test('may not end before its last chunk', () => {
    for (const cut of ['', '5\r\nhel', '5\r\nhello\r\n', '0\r\n', '0\r\nX: y\r\n']) {
      expect(read('chunked', cut)).toMatchObject({ isComplete: false, mayEndHere: false });
    }
  });

  test('without trailers has none, not an empty list of them', () => {
    expect(read('chunked', '0\r\n\r\n').trailers).toBeUndefined();
  });

  test('reads back what the encoder wrote, whatever digits its size has', () => {
    for (const length of [0x19, 0x9f, 0xa0, 0xaf, 0xf9, 0xfa]) {
      const body = 'x'.repeat(length);
      const sent = Buffer.concat([encodeChunk(bytes(body)), lastChunk]).toString('latin1');
      expect(read('chunked', sent)).toMatchObject({ body, isComplete: true });
      expect(read('chunked', sent.toUpperCase())).toMatchObject({ body: body.toUpperCase() });
    }
    const chunk = Buffer.alloc(70_000, 'x');
    const sent = Buffer.concat([encodeChunk(chunk), encodeChunk(bytes('y')), lastChunk]);
    expect(read('chunked', sent.toString('latin1')).body).toBe(`${'x'.repeat(70_000)}y`);
  });

  test.each([
    ['no size', '\r\n'],
    ['a size that is no number', 'x\r\n'],
    ['a sign', '+5\r\nhello\r\n'],
    ['0x', '0x5\r\nhello\r\n'],
    ['a space before the size', ' 5\r\nhello\r\n'],
    ['a space behind the size', '5 \r\nhello\r\n'],
    ['an underscore in the size', '1_0\r\n'],
    ['a size beyond what is exact', '10000000000000\r\n'],
    ['bare LF behind the size', '5\nhello\r\n'],
    ['bare CR behind the size', '5\rhello\r\n'],
    ['another letter than CR behind the size', '5g\nhello\r\n'],
    ['bytes over the size', '5\r\nhelloX\r\n'],
    ['another letter than CR behind the bytes', '5\r\nhelloX\n0\r\n\r\n'],
    ['bare LF behind the bytes', '5\r\nhello\n0\r\n\r\n'],
    ['CR and no LF behind the bytes', '5\r\nhello\r0\r\n\r\n'],
    ['an empty extension', '5;\r\nhello\r\n'],
    ['a space in an extension', '5; a\r\nhello\r\n'],
    ['bare LF in an extension', '5;a\nhello\r\n'],
    ['NUL in an extension', '5;a=\0\r\nhello\r\n'],
    ['an open quote', '5;a="\r\nhello\r\n'],
    ['an extension without end', `5;${'a'.repeat(5000)}`],
    ['a length among the trailers', '0\r\nA: b\r\nContent-Length: 0\r\n\r\n'],
    ['a coding among the trailers', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'],
    ['bare LF in a trailer', '0\r\nA: b\n\r\n'],
    ['space before the colon of a trailer', '0\r\nA : b\r\n\r\n'],
  ])('is refused with %s', (_, text) => {
    expect(() => read('chunked', text)).toThrow(MessageError);
    expect(() => read('chunked', ...text.split(''))).toThrow(MessageError);
  });

  test.each([
    ['\r\n', 'a chunk without a size'],
    ['10000000000000\r\n', 'a chunk size too large to be exact'],
    ['5;\r\nhello\r\n', 'an unclear chunk extension'],
    ['5\r\nhelloX\r\n', 'chunks out of step'],
    ['0\r\nContent-Length: 0\r\n\r\n', 'a trailer that would change the framing'],
  ])('whoever reads the log is told what was wrong with %j', (text, what) => {
    expect(() => read('chunked', text)).toThrow(refusal(`the message has ${what}`));
  });

  test('takes a size and an extension at their limits, and not beyond', () => {
    expect(read('chunked', '0000000000005\r\nhello\r\n')).toMatchObject({ body: 'hello' });
    expect(read('chunked', extended(1024))).toMatchObject({ body: 'hello' });
    expect(() => read('chunked', extended(1025))).toThrow(
      refusal('a chunk extension exceeds 1024 bytes'),
    );
  });

  test('is refused when its trailers are over the limit', () => {
    expect(() => read('chunked', `0\r\n${'A: b\r\n'.repeat(65)}`)).toThrow(/over 64 fields/);
    expect(() => read('chunked', `0\r\nA: ${'b'.repeat(20_000)}`)).toThrow(/over 16384 bytes/);
  });
});

function refusal(message: string): Error {
  return expect.objectContaining({ code: 'http.malformed', message }) as Error;
}

/** A chunk whose extension has so many bytes. */
function extended(length: number): string {
  return `5;${'a'.repeat(length - 1)}\r\nhello\r\n`;
}
