import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { MessageError } from './field-section.ts';
import { encodeRequestHead, encodeResponseHead, hasToken, ResponseHeadParser } from './head.ts';
import type { ResponseHead } from './head.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

function parse(text: string): ResponseHead | undefined {
  return new ResponseHeadParser().push(bytes(text));
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof MessageError) return error.code;
    throw error;
  }
  return 'accepted';
}

const partial =
  'HTTP/1.1 206 Partial Content\r\n' +
  'Content-Type: video/mp4\r\n' +
  'CONTENT-LENGTH: \t5 \r\n' +
  'Set-Cookie: a=1\r\n' +
  'Set-Cookie: b=\xe9\r\n' +
  'X-Empty:\r\n' +
  '\r\n';

const partialHead: ResponseHead = {
  status: 206,
  version: '1.1',
  fields: [
    'content-type',
    'video/mp4',
    'content-length',
    '5',
    'set-cookie',
    'a=1',
    'set-cookie',
    'b=\xe9',
    'x-empty',
    '',
  ],
  contentLength: 5,
  isChunked: false,
  isPersistent: true,
};

describe('a response head', () => {
  test('is read with its fields in order, names in lower case, values trimmed', () => {
    expect(parse(partial)).toEqual(partialHead);
  });

  test('reads the same whole and split at every byte, and the bytes behind it are left alone', () => {
    const wire = bytes(`${partial}hello`);
    for (let at = 0; at <= wire.length; at++) {
      const parser = new ResponseHeadParser();
      const chunks = [wire.subarray(0, at), wire.subarray(at)];
      let head = parser.push(chunks[0] as Buffer);
      let rest = chunks[0]?.subarray(parser.consumed);
      if (head === undefined) {
        head = parser.push(chunks[1] as Buffer);
        rest = chunks[1]?.subarray(parser.consumed);
      }
      expect(head).toEqual(partialHead);
      expect('hello'.startsWith(String(rest))).toBe(true);
    }
  });

  test('reads the same in single bytes', () => {
    const parser = new ResponseHeadParser();
    const heads = [...bytes(partial)].map((byte) => parser.push(Buffer.from([byte])));
    expect(heads.slice(0, -1).every((head) => head === undefined)).toBe(true);
    expect(heads.at(-1)).toEqual(partialHead);
    expect(parser.consumed).toBe(1);
  });

  test('does not depend on a chunk that is reused after the push', () => {
    const parser = new ResponseHeadParser();
    const slab = bytes(partial.slice(0, 60));
    expect(parser.push(slab)).toBeUndefined();
    slab.fill(0);
    expect(parser.push(bytes(partial.slice(60)))).toEqual(partialHead);
  });

  test('may lack the reason and the space before it', () => {
    expect(parse('HTTP/1.1 204\r\n\r\n')?.status).toBe(204);
    expect(parse('HTTP/1.1 404 \r\n\r\n')?.status).toBe(404);
    expect(parse('HTTP/1.0 200 Tr\xe8s bien\r\n\r\n')?.version).toBe('1.0');
  });

  test.each([
    ['HTTP/1.1 200 OK\r\n\r\n', true],
    ['HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n', true],
    ['HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n', false],
    ['HTTP/1.1 200 OK\r\nConnection: x, close\r\n\r\n', false],
    ['HTTP/1.1 200 OK\r\nConnection: x\r\nConnection: close\r\n\r\n', false],
    ['HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n', false],
    ['HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n', false],
    ['HTTP/1.1 204 No Content\r\n\r\n', true],
    ['HTTP/1.1 200 OK\r\nX-Door: close\r\n\r\n', true],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', true],
  ])('tells whether the connection may be used again: %j', (wire, isPersistent) => {
    expect(parse(wire)?.isPersistent).toBe(isPersistent);
  });
});

describe('an ambiguous head is refused:', () => {
  const ok = 'HTTP/1.1 200 OK\r\n';
  test.each([
    ['bare LF behind the status line', 'HTTP/1.1 200 OK\nA: b\r\n\r\n'],
    ['bare LF behind a field', `${ok}A: b\nC: d\r\n\r\n`],
    ['bare CR in a value', `${ok}A: b\rC: d\r\n\r\n`],
    ['CR CR LF', `${ok}A: b\r\r\n\r\n`],
    ['obs-fold with a space', `${ok}A: b\r\n c\r\n\r\n`],
    ['obs-fold with a tab', `${ok}A: b\r\n\tc\r\n\r\n`],
    ['a fold behind the status line', `${ok} A: b\r\n\r\n`],
    ['space before the colon', `${ok}Content-Length : 5\r\n\r\n`],
    ['tab before the colon', `${ok}Content-Length\t: 5\r\n\r\n`],
    ['NUL in a value', `${ok}A: b\0c\r\n\r\n`],
    ['a control character in a value', `${ok}A: b\x01c\r\n\r\n`],
    ['DEL in a value', `${ok}A: b\x7f\r\n\r\n`],
    ['NUL in the reason', 'HTTP/1.1 200 O\0K\r\n\r\n'],
    ['an empty name', `${ok}: b\r\n\r\n`],
    ['a name that is no token', `${ok}A(b): c\r\n\r\n`],
    ['a name outside ASCII', `${ok}A\xe9: c\r\n\r\n`],
    ['a line without a colon', `${ok}Content-Length\r\n\r\n`],
    [
      'Content-Length beside Transfer-Encoding',
      `${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
    ],
    [
      'Transfer-Encoding beside Content-Length',
      `${ok}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n`,
    ],
    ['two different lengths', `${ok}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`],
    ['the same length twice', `${ok}Content-Length: 5\r\nContent-Length: 5\r\n\r\n`],
    ['a list of lengths', `${ok}Content-Length: 5, 5\r\n\r\n`],
    ['a signed length', `${ok}Content-Length: +5\r\n\r\n`],
    ['a negative length', `${ok}Content-Length: -5\r\n\r\n`],
    ['a hexadecimal length', `${ok}Content-Length: 0x5\r\n\r\n`],
    ['an empty length', `${ok}Content-Length:\r\n\r\n`],
    ['a length beyond what is exact', `${ok}Content-Length: 9007199254740993\r\n\r\n`],
    ['identity before chunked', `${ok}Transfer-Encoding: identity, chunked\r\n\r\n`],
    ['chunked before identity', `${ok}Transfer-Encoding: chunked, identity\r\n\r\n`],
    ['gzip before chunked', `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n`],
    [
      'chunked in two lines',
      `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    ],
    ['identity', `${ok}Transfer-Encoding: identity\r\n\r\n`],
    ['xchunked', `${ok}Transfer-Encoding: xchunked\r\n\r\n`],
    ['vertical tab before chunked', `${ok}Transfer-Encoding: \vchunked\r\n\r\n`],
    ['chunked before a tab', `${ok}Transfer-Encoding: chunked\t\r\n\r\n`],
    ['chunked on HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['an interim head with a body', 'HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n'],
    ['a chunked interim head', 'HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['an interim head that closes', 'HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\n'],
    ['two digits of status', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['four digits of status', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a status that is no number', 'HTTP/1.1 2x0 OK\r\n\r\n'],
    ['a status of no class', 'HTTP/1.1 600 OK\r\n\r\n'],
    ['status 099', 'HTTP/1.1 099 OK\r\n\r\n'],
    ['two spaces before the status', 'HTTP/1.1  200 OK\r\n\r\n'],
    ['a tab before the reason', 'HTTP/1.1 200\tOK\r\n\r\n'],
    ['an HTTP/0.9 body', '<html>\r\n'],
    ['HTTP/2.0', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n'],
    ['http in lower case', 'http/1.1 200 OK\r\n\r\n'],
    ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['an HTTP/2 SETTINGS frame', '\0\0\x12\x04\0\0\0\0\0'],
    ['a TLS alert', '\x15\x03\x03\0\x02\x02\x70'],
    ['the banner of SSH', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['a request', 'GET / HTTP/1.1\r\n'],
    ['an empty line first', '\r\nHTTP/1.1 200 OK\r\n\r\n'],
  ])('%s', (_, wire) => {
    expect(codeOf(() => parse(wire))).toBe('http.malformed');
    const parser = new ResponseHeadParser();
    const refused = () => {
      for (const byte of bytes(wire)) parser.push(Buffer.from([byte]));
    };
    expect(codeOf(refused)).toBe('http.malformed');
  });
});

test.each([
  ['HTTP/2 200\r\n\r\n', 'no HTTP/1 status line'],
  ['HTTP/1.1 200\r\nContent-Length: 5, 5\r\n\r\n', 'an unclear Content-Length'],
  ['HTTP/1.1 200\r\nTransfer-Encoding: gzip\r\n\r\n', 'a Transfer-Encoding other than one chunked'],
  [
    'HTTP/1.1 200\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    'both Content-Length and Transfer-Encoding',
  ],
  [
    'HTTP/1.1 103\r\nContent-Length: 5\r\n\r\n',
    'an interim head that ends the connection or has a body',
  ],
])('whoever reads the log is told what was wrong with %j', (wire, what) => {
  expect(() => parse(wire)).toThrow(`the message has ${what}`);
});

describe('the limits of a head', () => {
  const limits = { bytes: 1000, fields: 10 };
  const parseMany = (count: number) =>
    new ResponseHeadParser(limits).push(
      bytes(`HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(count)}\r\n`),
    );

  test('end it at the first byte over, whole or in pieces, however much is pushed at once', () => {
    const long = bytes(`HTTP/1.1 200 OK\r\nA: ${'b'.repeat(100_000)}`);
    expect(codeOf(() => new ResponseHeadParser(limits).push(long))).toBe('http.too-large');
    const parser = new ResponseHeadParser(limits);
    let pushed = 0;
    const drip = () => {
      for (; pushed < long.length; pushed++) parser.push(long.subarray(pushed, pushed + 1));
    };
    expect(codeOf(drip)).toBe('http.too-large');
    expect(pushed).toBe(limits.bytes - 1);
  });

  test('end it at the first field over', () => {
    expect(parseMany(10)?.fields).toHaveLength(20);
    expect(codeOf(() => parseMany(11))).toBe('http.too-large');
  });

  test('do not count the body that arrives with it', () => {
    const wire = bytes(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(5000)}`);
    expect(new ResponseHeadParser(limits).push(wire)?.status).toBe(200);
  });
});

describe('a head that goes out', () => {
  test('is the bytes of its lines, values in latin1', () => {
    const head = encodeRequestHead('GET', '/a?b=\xe9', ['host', 'movies.test', 'x', '\xe9']);
    expect(head.toString('latin1')).toBe(
      'GET /a?b=\xe9 HTTP/1.1\r\nhost: movies.test\r\nx: \xe9\r\n\r\n',
    );
    expect(encodeResponseHead(101, 'Switching Protocols', ['a', '\xe9']).toString('latin1')).toBe(
      'HTTP/1.1 101 Switching Protocols\r\na: \xe9\r\n\r\n',
    );
  });

  test.each([
    ['CR LF in a value', 'GET', '/', ['a', 'b\r\nc: d']],
    ['NUL in a value', 'GET', '/', ['a', '\0']],
    ['a character that latin1 would cut down to LF', 'GET', '/', ['a', '\u010a']],
    ['a colon in a name', 'GET', '/', ['a: b\r\nc', 'd']],
    ['an empty name', 'GET', '/', ['', 'd']],
    ['a space in the target', 'GET', '/ HTTP/1.1\r\na: b', []],
    ['a wide character in the target', 'GET', '/\u010a', []],
    ['an empty target', 'GET', '', []],
    ['a space in the method', 'GET /', '/', []],
  ])('is refused with %s', (_, method, target, fields) => {
    expect(codeOf(() => encodeRequestHead(method, target, fields))).toBe('http.unsafe');
  });

  test('is refused with the name of the part that would break out of its place', () => {
    const why = 'holds a character that HTTP forbids there';
    expect(() => encodeRequestHead('GET', '/ ', [])).toThrow(`the request line ${why}`);
    expect(() => encodeRequestHead('GET', '/', ['a', '\n'])).toThrow(`the field "a" ${why}`);
  });
});

test('a token is found in a list in any case, and not in part', () => {
  expect(hasToken('Keep-Alive ,\tUpgrade', 'upgrade')).toBe(true);
  expect(hasToken('upgrades', 'upgrade')).toBe(false);
  expect(hasToken('up', 'upgrade')).toBe(false);
});
