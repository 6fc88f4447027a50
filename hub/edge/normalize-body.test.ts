import { describe, expect, it } from 'vitest';

import { defaultEdgeLimits as limits } from './limits.ts';
import { normalizeHttp1, normalizeHttp2, type NormalRequest } from './normalize.ts';

const host = ['Host', 'movies.example'];

function http1(
  fields: string[] = [],
  { method = 'GET', target = '/', version = '1.1', isUpgrade = false } = {},
) {
  return normalizeHttp1(method, target, version, [...host, ...fields], limits, isUpgrade);
}

function http2(fields: string[] = [], { method = 'GET', target = '/', hasEnded = true } = {}) {
  const pseudo = [
    ':method',
    method,
    ':scheme',
    'https',
    ':authority',
    'movies.example',
    ':path',
    target,
  ];
  return normalizeHttp2([...pseudo, ...fields], hasEnded, limits);
}

const refusal = (code: string) => expect.objectContaining({ refusal: code }) as NormalRequest;

describe('the body', () => {
  it.each([
    [['Content-Length', '5'], { hasBody: true, bodyLength: 5 }],
    [['Content-Length', '0'], { hasBody: true, bodyLength: 0 }],
    [['Transfer-Encoding', 'chunked'], { hasBody: true, bodyLength: undefined }],
    [[], { hasBody: false }],
  ])('of POST with %j is %j', (fields, body) => {
    expect(http1(fields, { method: 'POST' })).toMatchObject({ ...body, fields: [] });
  });

  it.each([
    ['Transfer-Encoding', 'identity, chunked'],
    ['Transfer-Encoding', 'chunked, identity'],
    ['Transfer-Encoding', 'gzip, chunked'],
    ['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'],
    ['Transfer-Encoding', 'xchunked'],
    ['Transfer-Encoding', ''],
    ['Transfer-Encoding', 'chunked', 'Content-Length', '5'],
    ['Content-Length', '5', 'Content-Length', '5'],
    ['Content-Length', '+5'],
    ['Content-Length', '5, 5'],
    ['Content-Length', '-1'],
    ['Content-Length', ''],
    ['Content-Length', '0x5'],
    ['Content-Length', '1'.repeat(16)],
  ])('framed by %j %j %j %j is refused', (...fields) => {
    expect(http1(fields, { method: 'POST' })).toEqual(refusal('edge.bad-request'));
  });

  it('of HTTP/1.0 cannot be chunked', () => {
    expect(http1(['Transfer-Encoding', 'chunked'], { method: 'POST', version: '1.0' })).toEqual(
      refusal('edge.bad-request'),
    );
  });

  it('of GET and HEAD is dropped', () => {
    for (const method of ['GET', 'HEAD']) {
      expect(http1(['Content-Length', '5'], { method })).toMatchObject({
        hasBody: false,
        fields: [],
      });
      expect(http2(['content-length', '5'], { method, hasEnded: false })).toMatchObject({
        hasBody: false,
        fields: [],
      });
    }
  });

  it('of DELETE is kept', () => {
    expect(http1(['Transfer-Encoding', 'chunked'], { method: 'DELETE' })).toMatchObject({
      hasBody: true,
    });
  });

  it('of HTTP/2 is there when the stream goes on', () => {
    expect(http2([], { method: 'POST', hasEnded: false })).toMatchObject({
      hasBody: true,
      bodyLength: undefined,
    });
    expect(http2(['content-length', '7'], { method: 'POST', hasEnded: false })).toMatchObject({
      hasBody: true,
      bodyLength: 7,
    });
    expect(http2(['content-length', '7'], { method: 'POST' })).toEqual(refusal('edge.bad-request'));
  });

  it('may not come with an upgrade', () => {
    expect(http1(['Content-Length', '5'], { isUpgrade: true })).toEqual(
      refusal('edge.bad-request'),
    );
    expect(http1(['Transfer-Encoding', 'chunked'], { isUpgrade: true })).toEqual(
      refusal('edge.bad-request'),
    );
    expect(
      http1(['Upgrade', 'websocket', 'Connection', 'Upgrade', 'Sec-WebSocket-Key', 'k'], {
        isUpgrade: true,
      }),
    ).toMatchObject({ fields: ['sec-websocket-key', 'k'] });
  });
});

describe('Expect', () => {
  it('100-continue is answered here and not passed on', () => {
    expect(
      http1(['Expect', '100-Continue', 'Content-Length', '5'], { method: 'POST' }),
    ).toMatchObject({ expectsContinue: true, fields: [] });
  });

  it('without a body or from HTTP/1.0 is ignored', () => {
    expect(http1(['Expect', '100-continue'])).toMatchObject({ expectsContinue: false, fields: [] });
    expect(
      http1(['Expect', '100-continue', 'Content-Length', '5'], { method: 'POST', version: '1.0' }),
    ).toMatchObject({ expectsContinue: false });
  });

  it('anything else cannot be met', () => {
    expect(http1(['Expect', 'tea'])).toEqual(refusal('edge.expectation'));
    expect(http1(['Expect', '100-continue', 'Expect', 'tea'])).toEqual(refusal('edge.expectation'));
  });
});
