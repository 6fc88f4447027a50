import { describe, expect, it } from 'vitest';

import { onlineHostname, TestEdge } from '../../test/support/edge.ts';

const host = `Host: ${onlineHostname}\r\n`;
const get = (path = '/', more = '') =>
  `GET ${path} HTTP/1.1\r\n${host}${more}Connection: close\r\n\r\n`;

function refusalOf(answer: string): string {
  const { code } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as { code: string };
  return `${answer.slice(9, 12)} ${code}`;
}

describe('a request that may mean two things', () => {
  const post = (fields: string, body = '') => `POST / HTTP/1.1\r\n${host}${fields}\r\n${body}`;
  it.each([
    ['two hosts', `GET / HTTP/1.1\r\n${host}${host}\r\n`],
    ['no host', 'GET / HTTP/1.1\r\n\r\n'],
    ['a host with userinfo', 'GET / HTTP/1.1\r\nHost: a@movies.phlix.example\r\n\r\n'],
    [
      'an absolute target of another host',
      `GET https://nobody.phlix.example/ HTTP/1.1\r\n${host}\r\n`,
    ],
    [
      'length and chunks',
      post('Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\nG'),
    ],
    ['two lengths', post('Content-Length: 1\r\nContent-Length: 2\r\n', 'ab')],
    ['equal lengths in one line', post('Content-Length: 1, 1\r\n', 'a')],
    ['a signed length', post('Content-Length: +1\r\n', 'a')],
    ['an obscured chunked', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n')],
    [
      'a doubled chunked',
      post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n'),
    ],
    ['identity and chunked', post('Transfer-Encoding: identity, chunked\r\n', '0\r\n\r\n')],
    ['a space before the colon', post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n')],
    ['a folded line', post('X-A: b\r\n c: d\r\n')],
    ['a bare line feed', `GET / HTTP/1.1\n${host}\r\n`],
    ['a bare carriage return', post('X-A: b\rTransfer-Encoding: chunked\r\n')],
    ['a zero byte', post('X-A: b\0c\r\n')],
    ['chunks in HTTP/1.0', `POST / HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    [
      'a chunk size with a line feed',
      post('Transfer-Encoding: chunked\r\n', '1\n\r\na\r\n0\r\n\r\n'),
    ],
    ['a fragment', `GET /a#b HTTP/1.1\r\n${host}\r\n`],
    ['a backslash', `GET /a\\b HTTP/1.1\r\n${host}\r\n`],
    ['an unknown version', `GET / HTTP/1.9\r\n${host}\r\n`],
    [
      'an upgrade with a body',
      `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\na`,
    ],
    ['no HTTP at all', 'HELO there\r\n\r\n'],
  ])('by %s is refused, and nothing follows on its connection', async (_what, bytes) => {
    await using edge = await TestEdge.start();
    const answer = await edge.raw(bytes + get('/smuggled'));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(refusalOf(answer)).toBe('400 edge.bad-request');
  });

  it.each([
    ['CONNECT', `CONNECT ${onlineHostname}:443 HTTP/1.1\r\n${host}\r\n`, '405 edge.method'],
    ['TRACE', `TRACE / HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, '405 edge.method'],
    ['another expectation', get('/', 'Expect: tea\r\n'), '417 edge.expectation'],
    ['too many fields', get('/', 'a: b\r\n'.repeat(101)), '431 edge.fields-too-large'],
    [
      'fields that are too large',
      get('/', `a: ${'b'.repeat(40_000)}\r\n`),
      '431 edge.fields-too-large',
    ],
    ['a target that is too long', get(`/${'x'.repeat(20_000)}`), '414 edge.target-too-long'],
  ])('so is %s', async (_what, bytes, refusal) => {
    await using edge = await TestEdge.start();
    expect(refusalOf(await edge.raw(bytes))).toBe(refusal);
  });

  it('reads nothing that is pipelined behind a refusal', async () => {
    const paths: (string | undefined)[] = [];
    await using edge = await TestEdge.start({
      origin: (request, response) => (paths.push(request.url), response.end()),
    });
    const unclear = `POST /unclear HTTP/1.1\r\n${host}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n`;
    const answer = await edge.raw(unclear + get('/smuggled'));
    expect(refusalOf(answer)).toBe('400 edge.bad-request');
    expect(edge.streams.size).toBe(0);
    expect(paths).toEqual([]);
  });

  it('ignores h2c, and any upgrade but WebSocket', async () => {
    await using edge = await TestEdge.start();
    const h2c = get('/', 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n').replace(
      'close',
      'Upgrade, HTTP2-Settings, close',
    );
    const answer = await edge.raw(h2c);
    expect(answer).toMatch(/^HTTP\/1\.1 200/);
    expect(answer.slice(answer.indexOf('{')).toLowerCase()).not.toMatch(
      /h2c|http2-settings|connection/,
    );
  });
});
