import { describe, expect, it } from 'vitest';

import { onlineHostname, TestEdge, type Seen } from '../../test/support/edge.ts';

const get = (path = '/', more = '') =>
  `GET ${path} HTTP/1.1\r\nHost: ${onlineHostname}\r\n${more}Connection: close\r\n\r\n`;

function seen(answer: string): Seen {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Seen;
}

describe('HTTP/1.1', () => {
  it('reaches the origin with one clean set of fields', async () => {
    await using edge = await TestEdge.start();
    const answer = await edge.raw(
      get('/Items?x=1', 'X-Forwarded-For: 6.6.6.6\r\nX_Real_IP: 6\r\nAccept: */*\r\n'),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    const { rawHeaders, ...request } = seen(answer);
    expect(request).toEqual({ method: 'GET', url: '/Items?x=1', body: '' });
    expect(rawHeaders).toEqual([
      'host',
      onlineHostname,
      'accept',
      '*/*',
      'x-forwarded-for',
      '127.0.0.1',
      'x-forwarded-proto',
      'https',
      'x-forwarded-host',
      onlineHostname,
      'x-request-id',
      expect.stringMatching(/^[0-9a-f-]{36}$/),
    ]);
  });
});
