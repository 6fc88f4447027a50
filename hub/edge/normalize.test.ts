import * as fc from 'fast-check';
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

function kept(request: ReturnType<typeof http1>): readonly string[] {
  if ('refusal' in request) throw new Error(request.refusal);
  return request.fields;
}

const refusal = (code: string) => expect.objectContaining({ refusal: code }) as NormalRequest;

describe('the host', () => {
  it.each([
    ['Movies.Example', 'movies.example', 'movies.example'],
    ['movies.example.', 'movies.example', 'movies.example'],
    ['movies.example:8443', 'movies.example', 'movies.example:8443'],
  ])('%s is read as %s', (written, hostname, authority) => {
    expect(normalizeHttp1('GET', '/', '1.1', ['Host', written], limits)).toMatchObject({
      hostname,
      authority,
    });
  });

  it.each([
    'user@movies.example',
    'a,b',
    'a b',
    '',
    'movies.example:',
    'mo_vies.example',
    '[::1]',
    'movies.example/x',
  ])('%j is refused', (written) => {
    expect(normalizeHttp1('GET', '/', '1.1', ['Host', written], limits)).toEqual(
      refusal('edge.bad-request'),
    );
  });

  it('may not be missing, in any version', () => {
    for (const version of ['1.0', '1.1'])
      expect(normalizeHttp1('GET', '/', version, [], limits)).toEqual(refusal('edge.bad-request'));
    expect(
      normalizeHttp2([':method', 'GET', ':path', '/', ':scheme', 'https'], true, limits),
    ).toEqual(refusal('edge.bad-request'));
  });

  it('may not be there twice, not even alike', () => {
    expect(http1(['host', 'movies.example'])).toEqual(refusal('edge.bad-request'));
    expect(http2(['host', 'movies.example', 'host', 'movies.example'])).toEqual(
      refusal('edge.bad-request'),
    );
  });

  it('of HTTP/2 is :authority, and host must say the same', () => {
    expect(http2(['host', 'MOVIES.example'])).toMatchObject({ hostname: 'movies.example' });
    expect(http2(['host', 'other.example'])).toEqual(refusal('edge.bad-request'));
    expect(http2(['host', 'movies.example:444'])).toEqual(refusal('edge.bad-request'));
    expect(
      normalizeHttp2([':method', 'GET', ':path', '/', 'host', 'a.example'], true, limits),
    ).toMatchObject({ hostname: 'a.example' });
  });
});

describe('the target', () => {
  it.each([
    ['/Videos/1/stream.mp4?static=true', '/Videos/1/stream.mp4?static=true'],
    ['//double', '//double'],
    ['/a/../b/%2f;x', '/a/../b/%2f;x'],
    ['http://movies.example/x?y', '/x?y'],
    ['HTTPS://MOVIES.example', '/'],
    ['https://movies.example?x', '/?x'],
  ])('%s goes on as %s', (target, written) => {
    expect(http1([], { target })).toMatchObject({ target: written });
  });

  it.each([
    '/a#b',
    '/a\\b',
    '/a b',
    '/a\tb',
    '/a\0',
    '/a\x7f',
    '/\u{1f600}',
    // UTF-8, not escaped: llhttp reads no such line, from a visitor or at an origin.
    '/caf\xc3\xa9',
    '',
    'x',
    '*',
    'ftp://movies.example/',
    'http://other.example/',
    'http://movies.example:444/',
    'http://u@movies.example/',
    'http:///x',
  ])('%j is refused', (target) => {
    expect(http1([], { target })).toEqual(refusal('edge.bad-request'));
  });

  it('* is for OPTIONS', () => {
    expect(http1([], { method: 'OPTIONS', target: '*' })).toMatchObject({ target: '*' });
  });

  it('above the limit is too long', () => {
    expect(http1([], { target: `/${'x'.repeat(limits.targetBytes - 1)}` })).toHaveProperty(
      'target',
    );
    expect(http1([], { target: `/${'x'.repeat(limits.targetBytes)}` })).toEqual(
      refusal('edge.target-too-long'),
    );
  });
});

describe('the method', () => {
  it.each(['CONNECT', 'TRACE'])('%s is not offered', (method) => {
    expect(http1([], { method, target: '/' })).toEqual(refusal('edge.method'));
    expect(http2([], { method })).toEqual(refusal('edge.method'));
  });

  it.each(['', 'GE T', 'GET\r\n', 'é', 'x'.repeat(33), 'get', 'FETCH'])(
    '%j is refused',
    (method) => {
      expect(http2([], { method })).toEqual(refusal('edge.bad-request'));
    },
  );

  it('PROPFIND passes', () => {
    expect(http1([], { method: 'PROPFIND' })).toMatchObject({ method: 'PROPFIND' });
  });
});

describe('fields', () => {
  it('keep their order and their repetitions, with lower-case names', () => {
    const fields = [
      'Range',
      'bytes=0-1, 5-',
      'If-Range',
      '"x"',
      'X-Emby-Token',
      't',
      'Accept-Language',
      'de',
      'Accept-Language',
      'en',
      '__proto__x',
      'y',
    ];
    expect(kept(http1(fields))).toEqual([
      'range',
      'bytes=0-1, 5-',
      'if-range',
      '"x"',
      'x-emby-token',
      't',
      'accept-language',
      'de',
      'accept-language',
      'en',
    ]);
  });

  it.each([
    'Range',
    'If-Range',
    'If-None-Match',
    'If-Modified-Since',
    'If-Match',
    'If-Unmodified-Since',
    'Authorization',
    'X-Emby-Authorization',
    'X-Plex-Token',
    'X-Requested-With',
    'Origin',
    'Referer',
    'Sec-Fetch-Site',
    'constructor',
    'hasOwnProperty',
  ])('%s reaches the origin', (name) => {
    expect(kept(http1([name, 'value']))).toEqual([name.toLowerCase(), 'value']);
  });

  it.each([
    'Connection',
    'Keep-Alive',
    'TE',
    'Trailer',
    'Upgrade',
    'HTTP2-Settings',
    'Proxy-Connection',
    'Proxy-Authorization',
    'Proxy',
    'Forwarded',
    'X-Forwarded-For',
    'X-Forwarded-Anything',
    'X-Request-Id',
    'X-HTTP-Method-Override',
  ])('%s does not', (name) => {
    expect(kept(http1([name, 'close']))).toEqual([]);
  });

  it.each([
    ['trailers', true],
    ['gzip;q=0.5, Trailers', true],
    [' trailers\t, deflate', true],
    ['trailers;q=1', false],
    ['x-trailers', false],
    ['trailers gzip', false],
    ['', false],
  ])('TE: %j asks for trailers: %j', (value, takesTrailers) => {
    const fields = ['TE', value, 'Connection', 'TE'];
    expect(http1(fields)).toMatchObject({ takesTrailers, fields: [] });
    expect(http1(['TE', 'gzip', ...fields])).toMatchObject({ takesTrailers });
    expect(http1(fields, { version: '1.0' })).toMatchObject({ takesTrailers: false });
  });

  it('that Connection names are for this connection only', () => {
    expect(
      kept(
        http1([
          'X-Secret',
          '1',
          'Connection',
          'keep-alive, X-Secret',
          'X-Other',
          '2',
          'Connection',
          'x-third',
          'x-third',
          '3',
        ]),
      ),
    ).toEqual(['x-other', '2']);
  });

  it('named by Connection do not include the host or the length', () => {
    const request = http1(['Connection', 'host, content-length', 'Content-Length', '3'], {
      method: 'POST',
    });
    expect(request).toMatchObject({ authority: 'movies.example', bodyLength: 3 });
  });

  it.each([
    ['a', 'x\ny'],
    ['a', 'x\0'],
    ['a', '\u0100'],
    ['a b', 'x'],
    ['', 'x'],
    ['é', 'x'],
    ['a:', 'x'],
    ['a(', 'x'],
  ])('%j: %j is refused', (name, value) => {
    expect(http1([name, value])).toEqual(refusal('edge.bad-request'));
  });

  it('of a connection have no place in HTTP/2', () => {
    for (const name of ['connection', 'keep-alive', 'upgrade', 'transfer-encoding'])
      expect(http2([name, 'x'])).toEqual(refusal('edge.bad-request'));
  });

  it('are at most 100, and 32 KiB', () => {
    const lines = Array.from({ length: 200 }, () => 'a');
    expect(http1(lines.slice(2))).toHaveProperty('fields');
    expect(http1(lines)).toEqual(refusal('edge.fields-too-large'));
    expect(http1(['cookie', 'x'.repeat(33_000)])).toEqual(refusal('edge.fields-too-large'));
  });

  it('of cookies in crumbs are one line, and count as one', () => {
    const crumbs = Array.from({ length: 120 }, (_, at) => ['cookie', `c${at}=1`]).flat();
    const fields = kept(http2(['a', '1', ...crumbs, 'b', '2']));
    expect(fields).toHaveLength(6);
    expect(fields[3]).toMatch(/^c0=1; c1=1; .*; c119=1$/);
  });

  it('of forwarding are handed over for the walk, by their true name only', () => {
    const lines = ['X-Forwarded-For', 'a', 'x_forwarded_for', 'b', 'X-FORWARDED-FOR', 'c'];
    expect(http1(lines)).toMatchObject({ forwardedFor: ['a', 'c'], fields: [] });
  });

  it('say whether a page is wanted', () => {
    expect(http1(['Accept', 'text/html,*/*'])).toMatchObject({ wantsPage: true });
    expect(http1(['Accept', '*/*'])).toMatchObject({ wantsPage: false });
    expect(http1(['Accept', 'text/html', 'Host', 'x'])).toMatchObject({
      refusal: 'edge.bad-request',
      wantsPage: true,
    });
  });
});

it('never throws, and keeps no unsafe byte, whatever the request is', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom('host', 'Content-Length', 'Connection', 'chunked', 'a.example', '5', 'cookie'),
  );
  fc.assert(
    fc.property(
      text,
      text,
      fc.constantFrom('1.0', '1.1', '2.0', ''),
      fc.array(text, { maxLength: 14 }),
      fc.boolean(),
      (method, target, version, fields, flag) => {
        for (const request of [
          normalizeHttp1(method, target, version, fields, limits, flag),
          normalizeHttp2([':method', method, ':path', target, ...fields], flag, limits),
        ]) {
          if ('refusal' in request) continue;
          expect(request.target).not.toMatch(/[\0-\x20\x7f#\\]/);
          for (const piece of request.fields) expect(piece).toMatch(/^[\t\x20-\x7e\x80-\xff]*$/);
        }
      },
    ),
    { numRuns: 2000 },
  );
});
