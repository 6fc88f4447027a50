import { describe, expect, test } from 'vitest';
import { responseFraming } from '../../../shared/http/body.ts';
import { ResponseHeadParser, type ResponseHead } from '../../../shared/http/head.ts';
import { parseContentRange } from './content-range.ts';
import { ResumableBody } from './resumable-body.ts';

function headOf(status: number, ...lines: string[]): ResponseHead {
  const text = [`HTTP/1.1 ${status} x`, ...lines, '', ''].join('\r\n');
  const head = new ResponseHeadParser().push(Buffer.from(text, 'latin1'));
  if (head === undefined) throw new Error('no head');
  return head;
}

const framing = (head: ResponseHead) => responseFraming('GET', head);
const get = { method: 'GET', body: undefined, fields: ['accept', '*/*'] };
const ranged = { ...get, fields: ['range', 'bytes=100-499', 'if-range', '"other"'] };

function bodyOf(head: ResponseHead, delivered = 10, request = get): ResumableBody | undefined {
  return ResumableBody.of(request, head, framing(head), delivered);
}

const film = ['ETag: "a"', 'Content-Type: video/mp4'];
const whole = headOf(200, ...film, 'Content-Length: 1000');
const part = headOf(206, ...film, 'Content-Length: 400', 'Content-Range: bytes 100-499/1000');

describe('a response can be resumed', () => {
  test.each([
    ['whole', whole, get, 10],
    ['a part', part, ranged, 110],
    ['before its first byte', whole, get, 0, 0],
  ])('%s', (_, head, request, offset, delivered = 10) => {
    expect(bodyOf(head, delivered, request)?.offset).toBe(offset);
  });

  test('and its request has our range and condition in place of all of the visitor’s', () => {
    const ours = ['host', 'movies.test', 'accept-encoding', 'gzip'];
    const theirs = ['range', 'if-range', 'if-match', 'if-none-match', 'if-modified-since'];
    const asked = [...ours, ...[...theirs, 'if-unmodified-since'].flatMap((name) => [name, 'x'])];
    const conditions = ['range', 'bytes=110-499', 'if-range', '"a"'];
    expect(bodyOf(part, 10, ranged)?.requestFields(asked)).toEqual([...ours, ...conditions]);
  });
});

describe('a response cannot be resumed', () => {
  const length = 'Content-Length: 1000';
  test.each<[string, ResponseHead, typeof get?]>([
    ['without a validator', headOf(200, length)],
    ['with a weak one', headOf(200, length, 'ETag: W/"a"')],
    ['without a length', headOf(200, 'ETag: "a"')],
    ['in chunks', headOf(200, 'ETag: "a"', 'Transfer-Encoding: chunked')],
    ['that is empty', headOf(200, 'ETag: "a"', 'Content-Length: 0')],
    [
      'from an origin that says it has no ranges',
      headOf(200, length, ...film, 'Accept-Ranges: none'),
    ],
    ['chosen by what nobody knows', headOf(200, length, ...film, 'Vary: Accept, *')],
    ['to a HEAD', whole, { ...get, method: 'HEAD' }],
    ['to a POST', whole, { ...get, method: 'POST' }],
    ['that is an error', headOf(404, length, ...film)],
    [
      'of several parts',
      headOf(
        206,
        'ETag: "a"',
        'Content-Length: 400',
        'Content-Type: multipart/byteranges; boundary=x',
      ),
      ranged,
    ],
    [
      'of several parts, it says, and of one',
      headOf(
        206,
        'ETag: "a"',
        'Content-Length: 400',
        'Content-Range: bytes 100-499/1000',
        'Content-Type: multipart/byteranges',
      ),
      ranged,
    ],
    ['that is a part nobody asked for', part],
    ['that is a part of nobody knows what', headOf(206, ...film, 'Content-Length: 400'), ranged],
    [
      'whose part and length differ',
      headOf(206, ...film, 'Content-Length: 401', 'Content-Range: bytes 100-499/1000'),
      ranged,
    ],
    [
      'with two places',
      headOf(
        206,
        ...film,
        'Content-Length: 400',
        'Content-Range: bytes 100-499/1000',
        'Content-Range: bytes 100-499/1000',
      ),
      ranged,
    ],
  ])('%s', (_, head, request = get) => {
    expect(bodyOf(head, 10, request)).toBeUndefined();
  });

  test('of which the visitor has every byte', () => {
    expect(bodyOf(whole, 999)).toBeDefined();
    expect(bodyOf(whole, 1000)).toBeUndefined();
  });
});

function refusal(head: ResponseHead, body = bodyOf(whole)): string | undefined {
  return body?.refusalOf(head, framing(head));
}

describe('an answer', () => {
  const rest = ['Content-Length: 990', 'Content-Range: bytes 10-999/1000'];

  test.each([
    ['as before', headOf(206, ...film, ...rest)],
    ['that leaves the type out', headOf(206, 'ETag: "a"', ...rest)],
    ['with other fields', headOf(206, ...film, ...rest, 'Set-Cookie: a', 'Age: 1')],
  ])('%s is the rest', (_, head) => {
    expect(refusal(head)).toBeUndefined();
  });

  test.each([
    ['200, the whole file again', 'not-partial', headOf(200, ...film, 'Content-Length: 1000')],
    ['200, of the length that is missing', 'not-partial', headOf(200, ...film, ...rest)],
    ['412', 'not-partial', headOf(412, ...film, ...rest)],
    ['416', 'not-partial', headOf(416, ...film, 'Content-Length: 0', 'Content-Range: bytes */5')],
    ['401', 'not-partial', headOf(401, 'Content-Length: 0')],
    ['302', 'not-partial', headOf(302, 'Content-Length: 0', 'Location: /other')],
    ['304', 'not-partial', headOf(304, ...film)],
    ['with another tag', 'validator', headOf(206, 'ETag: "b"', ...rest)],
    ['with the same tag, but weak', 'validator', headOf(206, 'ETag: W/"a"', ...rest)],
    ['without a tag', 'validator', headOf(206, ...rest)],
    ['with two tags', 'validator', headOf(206, ...film, ...rest, 'ETag: "b"')],
    [
      'of several parts',
      'representation',
      headOf(206, 'ETag: "a"', ...rest, 'Content-Type: multipart/byteranges; boundary=x'),
    ],
    [
      'of another type',
      'representation',
      headOf(206, 'ETag: "a"', ...rest, 'Content-Type: text/html'),
    ],
    [
      'that is compressed now',
      'representation',
      headOf(206, ...film, ...rest, 'Content-Encoding: gzip'),
    ],
    ['without a place', 'range', headOf(206, ...film, 'Content-Length: 990')],
    ['with two places', 'range', headOf(206, ...film, ...rest, 'Content-Range: bytes 0-989/1000')],
    [
      'of bytes from the beginning',
      'range',
      headOf(206, ...film, 'Content-Length: 990', 'Content-Range: bytes 0-989/1000'),
    ],
    [
      'of one byte before',
      'range',
      headOf(206, ...film, 'Content-Length: 991', 'Content-Range: bytes 9-999/1000'),
    ],
    [
      'of one byte behind',
      'range',
      headOf(206, ...film, 'Content-Length: 989', 'Content-Range: bytes 11-999/1000'),
    ],
    [
      'that is less than was asked for',
      'range',
      headOf(206, ...film, 'Content-Length: 989', 'Content-Range: bytes 10-998/1000'),
    ],
    [
      'of a longer file',
      'range',
      headOf(206, ...film, 'Content-Length: 990', 'Content-Range: bytes 10-999/1001'),
    ],
    [
      'of a file of unknown length',
      'range',
      headOf(206, ...film, 'Content-Length: 990', 'Content-Range: bytes 10-999/*'),
    ],
    [
      'in other units',
      'range',
      headOf(206, ...film, 'Content-Length: 990', 'Content-Range: seconds 10-999/1000'),
    ],
    ['in chunks', 'range', headOf(206, ...film, rest[1] ?? '', 'Transfer-Encoding: chunked')],
    ['that ends with its connection', 'range', headOf(206, ...film, rest[1] ?? '')],
    ['shorter than its place', 'range', headOf(206, ...film, 'Content-Length: 989', rest[1] ?? '')],
    ['longer than its place', 'range', headOf(206, ...film, 'Content-Length: 991', rest[1] ?? '')],
  ])('%s is refused: %s', (_, reason, head) => {
    expect(refusal(head)).toBe(reason);
  });

  test('that is plain is not the rest of a compressed one, though its tag is the same', () => {
    const packed = headOf(200, ...film, 'Content-Encoding: gzip', 'Content-Length: 1000');
    expect(refusal(headOf(206, ...film, ...rest), bodyOf(packed))).toBe('representation');
    const twin = headOf(206, ...film, ...rest, 'Content-Encoding: GZIP');
    expect(refusal(twin, bodyOf(packed))).toBeUndefined();
  });

  test('with the same tag and another date is refused', () => {
    const dated = headOf(200, ...film, 'Content-Length: 1000', 'Last-Modified: x');
    expect(refusal(headOf(206, ...film, ...rest, 'Last-Modified: y'), bodyOf(dated))).toBe(
      'validator',
    );
    expect(
      refusal(headOf(206, ...film, ...rest, 'Last-Modified: x'), bodyOf(dated)),
    ).toBeUndefined();
    expect(refusal(headOf(206, ...film, ...rest), bodyOf(dated))).toBeUndefined();
  });

  test('is held against the date where there was no tag', () => {
    const date = 'Last-Modified: Sat, 21 Nov 2026 08:00:00 GMT';
    const dated = bodyOf(
      headOf(200, date, 'Date: Sun, 22 Nov 2026 08:00:00 GMT', 'Content-Length: 1000'),
    );
    expect(dated?.requestFields([])).toContain('Sat, 21 Nov 2026 08:00:00 GMT');
    expect(refusal(headOf(206, date, ...rest), dated)).toBeUndefined();
    expect(refusal(headOf(206, ...rest), dated)).toBe('validator');
    expect(refusal(headOf(206, date, 'ETag: "new"', ...rest), dated)).toBe('validator');
    const newer = 'Last-Modified: Sun, 22 Nov 2026 07:00:00 GMT';
    expect(refusal(headOf(206, newer, ...rest), dated)).toBe('validator');
  });

  test.each(['Repr-Digest', 'Digest'])('with another %s has kept its tag over a change', (name) => {
    const [before, after] = [`${name}: sha-256=:abc=:`, `${name}: sha-256=:ABC=:`];
    const summed = bodyOf(headOf(200, ...film, before, 'Content-Length: 1000'));
    expect(refusal(headOf(206, ...film, after, ...rest), summed)).toBe('validator');
    expect(refusal(headOf(206, ...film, before, ...rest), summed)).toBeUndefined();
    expect(refusal(headOf(206, ...film, ...rest), summed)).toBeUndefined();
  });

  test('to a part of unknown length may say the length', () => {
    const unknown = bodyOf(
      headOf(206, ...film, 'Content-Length: 400', 'Content-Range: bytes 100-499/*'),
      10,
      ranged,
    );
    const place = (length: string) =>
      headOf(206, ...film, 'Content-Length: 390', `Content-Range: bytes 110-499/${length}`);
    expect(refusal(place('*'), unknown)).toBeUndefined();
    expect(refusal(place('1000'), unknown)).toBeUndefined();
  });
});

test.each([
  ['bytes 0-0/1', { first: 0, last: 0, completeLength: 1 }],
  ['Bytes 5-9/*', { first: 5, last: 9, completeLength: undefined }],
  ['bytes 5-4/10', undefined],
  ['bytes 5-10/10', undefined],
  ['bytes */10', undefined],
  ['bytes 0-9/10, bytes 0-9/10', undefined],
  ['bytes -1-9/10', undefined],
  ['bytes 0-9', undefined],
  ['bytes  0-9/10', undefined],
  ['bytes 0x0-9/10', undefined],
  ['bytes 0-9999999999999999/99999999999999999', undefined],
  ['', undefined],
])('Content-Range %o is %o', (value, range) => {
  expect(parseContentRange(value)).toEqual(range);
});
