import { once } from 'node:events';
import { connect, performServerHandshake, type IncomingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';

import { describe, expect, test } from 'vitest';

import {
  deadline,
  exchange,
  onlineHostname,
  readUntil,
  TestEdge,
} from '../../test/support/edge.ts';
import type { Curbed } from './response-policy.ts';

/** An edge whose origin answers with these bytes, and what the edge counted. */
async function answering(bytes: string) {
  const curbed: Curbed[] = [];
  const edge = await TestEdge.start({
    forwarding: { idleTimeoutMs: 10_000, onCurbed: (what) => curbed.push(what) },
  });
  edge.origin.removeAllListeners('connection');
  edge.origin.on('connection', (pipe: Duplex) => {
    pipe.on('data', () => pipe.write(bytes, 'latin1'));
  });
  return Object.assign(edge, { curbed });
}

const get = `GET / HTTP/1.1\r\nHost: ${onlineHostname}\r\nConnection: close\r\n\r\n`;

/** What a page on one tenant's host would do to its neighbours. */
const wide = [
  'Clear-Site-Data: "cookies", "storage"',
  'Set-Cookie: a=1; Domain=phlix.example; Path=/',
  'Set-Cookie: __Host-phlix_session=evil; Secure; Path=/',
  'Set-Cookie: own=1; Path=/; HttpOnly',
  'Service-Worker-Allowed: /',
  'Public-Key-Pins: pin-sha256="x"; max-age=1',
  'Strict-Transport-Security: max-age=60; includeSubDomains',
  'Alt-Svc: h3="evil.example:443"',
  'NEL: {"report_to":"x","max_age":600,"include_subdomains":true}',
  'Report-To: {"group":"x","max_age":600,"endpoints":[]}',
  'ETag: "1"',
].join('\r\n');

const everything: Curbed[] = [
  'alternative-service',
  'clear-site-data',
  'cookie-domain',
  'cookie-name',
  'key-pins',
  'network-reports',
  'network-reports',
  'service-worker-scope',
  'transport-security',
];

const forbidden =
  /clear-site-data|domain|__host-phlix|service-worker|public-key|subdomains|alt-svc|nel:|report-to/i;

describe('what reaches beyond the host of a tenant', () => {
  test('does not leave in a response, over HTTP/1.1', async () => {
    await using edge = await answering(`HTTP/1.1 200 OK\r\n${wide}\r\nContent-Length: 2\r\n\r\nok`);
    const answer = await edge.raw(get);
    expect(answer).not.toMatch(forbidden);
    expect(answer).toContain('set-cookie: a=1; Path=/\r\n');
    expect(answer).toContain('set-cookie: own=1; Path=/; HttpOnly\r\n');
    expect(answer).toContain('strict-transport-security: max-age=60\r\n');
    expect(answer).toContain('etag: "1"\r\n');
    expect(answer).toMatch(/\r\n\r\nok$/);
    expect(edge.curbed.toSorted()).toEqual(everything);
  });

  test('does not leave in a response, over HTTP/2', async () => {
    await using edge = await answering(`HTTP/1.1 200 OK\r\n${wide}\r\nContent-Length: 2\r\n\r\nok`);
    const session = await edge.http2();
    const { headers, body } = await exchange(session, { ':path': '/' });
    session.destroy();
    expect(JSON.stringify(headers)).not.toMatch(forbidden);
    expect(headers['set-cookie']).toEqual(['a=1; Path=/', 'own=1; Path=/; HttpOnly']);
    expect(body).toBe('ok');
    expect(edge.curbed.toSorted()).toEqual(everything);
  });

  test.each([404, 302, 500])('nor with status %i', async (status) => {
    await using edge = await answering(
      `HTTP/1.1 ${status} Whatever\r\n${wide}\r\nContent-Length: 0\r\n\r\n`,
    );
    expect(await edge.raw(get)).not.toMatch(forbidden);
    expect(edge.curbed.toSorted()).toEqual(everything);
  });

  test('nor in an interim response, nor in trailers', async () => {
    const trailers = 'Clear-Site-Data: "cookies"\r\nAlt-Svc: clear\r\nX-Checksum: 1\r\n';
    await using edge = await answering(
      `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n${wide}\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Clear-Site-Data, Alt-Svc, X-Checksum\r\n\r\n2\r\nok\r\n0\r\n${trailers}\r\n`,
    );
    const answer = await edge.raw(get);
    expect(answer).toContain('103 Early Hints');
    expect(answer).toContain('x-checksum: 1');
    expect(answer.replace(/^trailer:.*$/m, '')).not.toMatch(forbidden);
    const session = await edge.http2();
    const { information, trailers: kept } = await exchange(session, { ':path': '/' });
    session.destroy();
    expect(information[0]?.['link']).toBe('</a>');
    expect(JSON.stringify(information)).not.toMatch(forbidden);
    expect(kept).toMatchObject({ 'x-checksum': '1' });
    expect(JSON.stringify(kept)).not.toMatch(forbidden);
  });

  test('nor when the origin speaks HTTP/2', async () => {
    const fields = wide.split('\r\n').flatMap((line) => {
      const [name = '', ...value] = line.split(': ');
      return [name.toLowerCase(), value.join(': ')];
    });
    await using edge = await TestEdge.start({
      h2cOrigin: (connection) => {
        const session = performServerHandshake(connection, { strictSingleValueFields: false });
        session.on('error', () => {});
        session.on('stream', (stream) => {
          stream.respond([':status', '200', ...fields], { waitForTrailers: true });
          stream.on('wantTrailers', () => stream.sendTrailers({ 'clear-site-data': '"cookies"' }));
          stream.end('ok');
        });
      },
    });
    const session = await edge.http2();
    const { headers, trailers, body } = await exchange(session, { ':path': '/' });
    session.destroy();
    expect(body).toBe('ok');
    expect(JSON.stringify([headers, trailers])).not.toMatch(forbidden);
    expect(headers['set-cookie']).toEqual(['a=1; Path=/', 'own=1; Path=/; HttpOnly']);
  });

  test('nor when the origin switches to WebSocket', async () => {
    await using edge = await answering(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n${wide}\r\n\r\n`,
    );
    const socket = await edge.connect();
    socket.write(
      `GET / HTTP/1.1\r\nHost: ${onlineHostname}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    );
    const head = await readUntil(socket, /\r\n\r\n/);
    socket.destroy();
    expect(head).toMatch(/^HTTP\/1\.1 101 /);
    expect(head).not.toMatch(forbidden);
    expect(head).toContain('set-cookie: a=1; Path=/\r\n');
    expect(edge.curbed.toSorted()).toEqual(everything);
  });
});

describe('an origin that splits its response', () => {
  test.each([
    ['by a bare line feed', 'x: a\nSet-Cookie: __Host-phlix_session=evil\r\n'],
    ['by a bare carriage return', 'x: a\rSet-Cookie: b=c\r\n'],
    ['by a NUL', 'x: a\0b\r\n'],
    ['by a folded line', 'x: a\r\n Set-Cookie: b=c\r\n'],
    ['by a name with a blank', 'Set-Cookie : b=c\r\n'],
    ['by a name with CR', 'x\r: a\r\n'],
  ])('%s is not passed on', async (_how, line) => {
    await using edge = await answering(`HTTP/1.1 200 OK\r\n${line}Content-Length: 2\r\n\r\nok`);
    const answer = await edge.raw(get);
    expect(answer).toMatch(/^HTTP\/1\.1 502 /);
    expect(answer).toContain('"code":"origin.bad-response"');
    expect(answer.toLowerCase()).not.toContain('set-cookie');
    const session = await edge.http2();
    const { headers } = await exchange(session, { ':path': '/' });
    session.destroy();
    expect(headers[':status']).toBe(502);
  });
});

/** As a browser keeps them: at most 4 KiB each. */
function cookies(bytes: number): string[] {
  return Array.from({ length: Math.ceil(bytes / 3800) }, (_, i) => `c${i}=`.padEnd(3800, 'x'));
}

describe('a cookie jar that is too full', () => {
  test.each([36_000, 152_000, 1_000_000])('of %i bytes is emptied by the hub', async (bytes) => {
    await using edge = await TestEdge.start();
    const jar = `Cookie: ${cookies(bytes).join('; ')}\r\n`;
    const answer = await edge.raw(get.replace('\r\n\r\n', `\r\n${jar}\r\n`));
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(answer).toContain('clear-site-data: "cookies"\r\n');
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  test.each([36_000, 152_000])('of %i bytes is emptied over HTTP/2', async (bytes) => {
    await using edge = await TestEdge.start();
    const session = connect(`https://${onlineHostname}`, {
      createConnection: () => edge.connecting({ ALPNProtocols: ['h2'] }),
      maxSendHeaderBlockLength: 1_000_000,
    });
    session.on('error', () => {});
    const stream = session.request({
      ':authority': onlineHostname,
      ':path': '/',
      cookie: cookies(bytes),
    });
    const [head] = (await once(stream, 'response', deadline())) as [IncomingHttpHeaders];
    expect(head).toMatchObject({ ':status': 431, 'clear-site-data': '"cookies"' });
    session.destroy();
  });

  test.each([17_000, 31_000, 40_000])(
    'is not emptied for a target of %i bytes, which any page can make its reader ask for',
    async (bytes) => {
      await using edge = await TestEdge.start();
      const path = `/?${'x'.repeat(bytes)}`;
      const few = 'User-Agent: Mozilla/5.0 (X11; Linux)\r\nCookie: a=1; b=2\r\n';
      const answer = await edge.raw(get.replace('/', path).replace('\r\n\r\n', `\r\n${few}\r\n`));
      expect(answer).toMatch(/^HTTP\/1\.1 4(14|31) /);
      expect(answer).not.toContain('clear-site-data');
      const session = connect(`https://${onlineHostname}`, {
        createConnection: () => edge.connecting({ ALPNProtocols: ['h2'] }),
        maxSendHeaderBlockLength: 1_000_000,
      });
      session.on('error', () => {});
      const stream = session.request({
        ':authority': onlineHostname,
        ':path': path,
        cookie: 'a=1',
      });
      stream.on('error', () => {});
      const heads: IncomingHttpHeaders[] = [];
      stream.on('response', (head) => heads.push(head)).resume();
      await once(stream, 'close', deadline());
      for (const head of heads) expect(head).not.toHaveProperty('clear-site-data');
      session.destroy();
    },
  );

  test('is left alone by every other failure', async () => {
    await using edge = await TestEdge.start();
    const other = get.replace(onlineHostname, 'nobody.phlix.example');
    expect(await edge.raw(other)).not.toContain('clear-site-data');
  });
});
