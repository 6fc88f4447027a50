import type { Buffer } from 'node:buffer';
import { connect as connectTcp } from 'node:net';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { RedirectListener } from '../../../hub/edge/redirect.ts';
import { defaultSwitches } from '../../../hub/tunnels/server.ts';
import { directPeers } from '../../support/direct-peers.ts';
import { silent } from '../../support/databases.ts';
import {
  exchange,
  onlineHostname,
  readToClose,
  TestEdge,
  type EdgeOptions,
} from '../../support/edge.ts';
import { head, refusal, seen, seenOverHttp2, values } from '../asking.ts';

/** The only thing that our own proxies may say about a visitor here. */
const forwarded = [
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-server',
  'x-forwarded-uri',
  'x-forwarded-anything-new',
  'x-real-ip',
  'forwarded',
] as const;

function edge(options: EdgeOptions = {}): Promise<TestEdge> {
  return TestEdge.start(options);
}

describe('one request, one meaning', () => {
  test('CVE-2026-40910 (frp): credentials for a proxy neither route nor arrive', async () => {
    await using tested = await edge();
    const asked = head(
      'GET / HTTP/1.1',
      'Authorization: Basic b3duOm93bg==',
      'Proxy-Authorization: Basic ZXZpbDpldmls',
    );
    const arrived = await seen(tested, asked);
    expect(values(arrived, 'authorization')).toEqual(['Basic b3duOm93bg==']);
    expect(values(arrived, 'proxy-authorization')).toEqual([]);
    const over2 = await seenOverHttp2(tested, { 'proxy-authorization': 'x', authorization: 'y' });
    expect([values(over2, 'proxy-authorization'), values(over2, 'authorization')]).toEqual([
      [],
      ['y'],
    ]);
  });

  test('CVE-2025-54576 (oauth2-proxy): a query neither denies a path nor frees it', async () => {
    await using tested = await edge();
    const harmless = '/web/index.html?next=/System/Restart';
    expect((await seen(tested, head(`GET ${harmless} HTTP/1.1`))).url).toBe(harmless);
    for (const query of ['?/web/', '?x=/web/index.html', '??', '?api_key=1'])
      expect(await refusal(tested, head(`GET /System/Restart${query} HTTP/1.1`))).toBe(
        '403 edge.denied',
      );
  });

  test('CVE-2026-41059 (oauth2-proxy): a fragment in a target is refused', async () => {
    await using tested = await edge();
    for (const target of ['/web/#/System/Restart', '/System/Restart#', '/#'])
      expect(await refusal(tested, head(`GET ${target} HTTP/1.1`))).toBe('400 edge.bad-request');
    const session = await tested.http2();
    const { headers } = await exchange(session, { ':path': '/web/#/admin' });
    expect(headers[':status']).toBe(400);
    session.destroy();
    expect(tested.streams.size).toBe(0);
  });

  test('CVE-2026-40912 (Traefik): what was matched is what is forwarded', async () => {
    await using tested = await edge();
    for (const target of ['/a/%2e%2e/b', '/a/../b', '/%61', '/a%2Fb/./c', '/a//b', '/a;x=1'])
      expect((await seen(tested, head(`GET ${target} HTTP/1.1`))).url).toBe(target);
    const climbing = '/web/..%2f%53ystem/Restart';
    expect(await refusal(tested, head(`GET ${climbing} HTTP/1.1`))).toBe('403 edge.denied');
  });

  test('GHSA-gx7w-56w6-g48x (Caddy): a prefix ends where a segment does', async () => {
    await using tested = await edge();
    for (const target of [
      '/api/v1/administrator',
      '/administrator',
      '/setups',
      '/System/Restarted',
    ])
      expect((await seen(tested, head(`GET ${target} HTTP/1.1`))).url).toBe(target);
    for (const target of ['/api/v1/admin', '/api/v1/admin/', '/api/v1/admin/x'])
      expect(await refusal(tested, head(`GET ${target} HTTP/1.1`))).toBe('403 edge.denied');
  });

  test('CVE-2026-27587 (Caddy): a path with escapes matches in any case', async () => {
    await using tested = await edge();
    for (const target of ['/%73ystem/restart', '/SYSTEM/%72%65START', '/%53YSTEM%2frestart'])
      expect(await refusal(tested, head(`POST ${target} HTTP/1.1`))).toBe('403 edge.denied');
  });

  test('CVE-2021-32637 (Authelia): a malformed target is no way around a rule', async () => {
    await using tested = await edge();
    for (const prefix of ['/%', '/%zz', '/%e0%a4', '/%c0', '/%u00'])
      expect(await refusal(tested, head(`POST ${prefix}/System/Restart HTTP/1.1`))).toBe(
        '403 edge.denied',
      );
    for (const target of ['/%', '/%zz/x', '/%e0%a4'])
      expect((await seen(tested, head(`GET ${target} HTTP/1.1`))).url).toBe(target);
  });

  test('CVE-2026-34457 (oauth2-proxy): a health check’s name opens nothing', async () => {
    await using tested = await edge();
    for (const agent of ['GoogleHC/1.0', 'kube-probe/1.30', 'ELB-HealthChecker/2.0', 'Phlix'])
      expect(
        await refusal(tested, head('POST /System/Restart HTTP/1.1', `User-Agent: ${agent}`)),
      ).toBe('403 edge.denied');
  });

  test('CVE-2026-40575 (oauth2-proxy): what a visitor says of the original request is nothing', async () => {
    await using tested = await edge();
    const lies = [
      'X-Forwarded-Uri: /web/index.html',
      'X-Original-URL: /web/index.html',
      'X-Rewrite-URL: /web/index.html',
      'X-Forwarded-Host: hub.example',
      'X-Forwarded-Method: GET',
      'X-HTTP-Method-Override: GET',
    ];
    expect(await refusal(tested, head('POST /System/Restart HTTP/1.1', ...lies))).toBe(
      '403 edge.denied',
    );
    const arrived = await seen(tested, head('GET / HTTP/1.1', ...lies));
    expect(values(arrived, 'x-forwarded-host')).toEqual([onlineHostname]);
    for (const name of ['x-forwarded-uri', 'x-original-url', 'x-rewrite-url', 'x-forwarded-method'])
      expect(values(arrived, name)).toEqual([]);
  });

  test('CVE-2026-55602 (http-proxy-middleware): hosts are looked up whole', async () => {
    await using tested = await edge();
    const wrong = [
      `${onlineHostname}.evil.example`,
      `evil-${onlineHostname}`,
      `x.${onlineHostname}`,
      'phlix.example',
      'nobody.phlix.example',
    ];
    for (const host of wrong) {
      const asked = head(`GET /${onlineHostname}/ HTTP/1.1`).replace(onlineHostname, 'x');
      const answer = await refusal(tested, asked.replace(/Host: .*\r\n/, `Host: ${host}\r\n`));
      expect(answer).toMatch(/^(404 tunnel\.unknown|421 edge\.misdirected)$/);
    }
    expect(tested.streams.size).toBe(0);
  });

  test('CVE-2026-55603 (http-proxy-middleware): a body is never built anew', async () => {
    await using tested = await edge();
    const body = 'a=1\r\nX-Injected: 1\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n';
    const asked = head(
      'POST / HTTP/1.1',
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${body.length}`,
    );
    const arrived = await seen(tested, asked + body);
    expect(arrived.body).toBe(body);
    expect(values(arrived, 'x-injected')).toEqual([]);
  });

  test('CVE-2026-29057 (http-proxy): DELETE and OPTIONS keep their chunked bodies', async () => {
    const targets: (string | undefined)[] = [];
    await using tested = await edge({
      origin: (request, response) => {
        targets.push(request.url);
        let text = '';
        request.on('data', (piece: Buffer) => (text += piece.toString()));
        request.on('end', () => response.end(text));
      },
    });
    const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
    for (const method of ['DELETE', 'OPTIONS', 'PATCH']) {
      const asked = head(`${method} /outer HTTP/1.1`, 'Transfer-Encoding: chunked');
      const chunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
      expect(await tested.raw(asked + chunk)).toContain(smuggled);
    }
    expect(targets).toEqual(['/outer', '/outer', '/outer']);
  });

  test('CVE-2026-58055 (nghttpx): an upgrade with a body is refused, and reuses no connection', async () => {
    await using tested = await edge();
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    for (const framing of ['Content-Length: 26', 'Transfer-Encoding: chunked']) {
      const asked = head('GET /ws HTTP/1.1', ...upgrade, framing);
      const smuggled = 'GET /smuggled HTTP/1.1\r\n\r\n';
      expect(await refusal(tested, asked + smuggled)).toBe('400 edge.bad-request');
    }
    expect(tested.streams.size).toBe(0);
  });

  test('CVE-2026-88004 (Traefik): trailers of a request end at the edge', async () => {
    await using tested = await edge();
    const asked = head('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'Trailer: X-Forwarded-For');
    const trailers = 'X-Forwarded-For: 6.6.6.6\r\nAuthorization: evil\r\nHost: evil\r\n\r\n';
    const arrived = await seen(tested, `${asked}1\r\na\r\n0\r\n${trailers}`);
    expect(arrived.body).toBe('a');
    expect(values(arrived, 'x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(values(arrived, 'authorization')).toEqual([]);
    const session = await tested.http2();
    const stream = session.request(
      { ':authority': onlineHostname, ':method': 'POST', ':path': '/' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () =>
      stream.sendTrailers({ 'x-forwarded-for': '6.6.6.6', authorization: 'evil' }),
    );
    stream.end('a');
    let text = '';
    for await (const piece of stream) text += String(piece);
    session.destroy();
    expect(text).toContain('"body":"a"');
    expect(text).not.toMatch(/6\.6\.6\.6|evil/);
  });
});

describe('fields that only a proxy may set', () => {
  test('CVE-2024-45410 (Traefik): Connection cannot take our fields away', async () => {
    await using tested = await edge();
    const asked = head(
      'GET / HTTP/1.1',
      'Connection: close, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Request-Id, Host',
      'X-Forwarded-For: 6.6.6.6',
    );
    const arrived = await seen(tested, asked);
    expect(values(arrived, 'x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(values(arrived, 'x-forwarded-host')).toEqual([onlineHostname]);
    expect(values(arrived, 'x-forwarded-proto')).toEqual(['https']);
    expect(values(arrived, 'host')).toEqual([onlineHostname]);
    expect(values(arrived, 'x-request-id')).toHaveLength(1);
  });

  test.each(['CVE-2024-52003 (Traefik)', 'CVE-2026-35051 (Traefik)'])(
    '%s: X-Forwarded-Prefix and its family are made anew or gone',
    async () => {
      await using tested = await edge();
      const lies = forwarded.map((name) => `${name}: 6.6.6.6`);
      const ours = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'];
      for (const arrived of [
        await seen(tested, head('GET / HTTP/1.1', ...lies)),
        await seenOverHttp2(tested, Object.fromEntries(forwarded.map((name) => [name, '6.6.6.6']))),
      ]) {
        expect(JSON.stringify(arrived)).not.toContain('6.6.6.6');
        for (const name of forwarded)
          expect(values(arrived, name)).toHaveLength(ours.includes(name) ? 1 : 0);
      }
    },
  );

  test('CVE-2026-54764 (Traefik): no port is derived from what the visitor says', async () => {
    await using tested = await edge();
    const arrived = await seen(
      tested,
      head('GET / HTTP/1.1', 'X-Forwarded-Proto: http', 'X-Forwarded-Port: 80'),
    );
    expect(values(arrived, 'x-forwarded-proto')).toEqual(['https']);
    expect(values(arrived, 'x-forwarded-port')).toEqual([]);
  });

  const identity = [
    'remote-user',
    'remote-groups',
    'x-auth-request-email',
    'x-authentik-username',
    'x-webauth-user',
    'x-phlix-access',
    'x-phlix-user',
    'x-remote-user',
    'tailscale-user-login',
    'cf-access-jwt-assertion',
  ];

  test('GHSA-7r4p-vjf4-gxv4 (Caddy): an identity that nobody vouched for never arrives', async () => {
    await using tested = await edge();
    const asked = head('GET / HTTP/1.1', ...identity.map((name) => `${name}: admin`));
    expect(JSON.stringify(await seen(tested, asked))).not.toContain('admin');
  });

  test.each([
    'CVE-2025-64484 (oauth2-proxy)',
    'CVE-2026-39858 (Traefik)',
    'CVE-2026-54763 (Traefik)',
    'GHSA-f59h-q822-g45g (Caddy)',
  ])('%s: nor does it under an alias that a server folds into the name', async () => {
    await using tested = await edge();
    const names = [...forwarded, ...identity];
    const sign = fc.constantFrom('-', '_', '.', '--', '_-', "'", '~');
    const alias = fc.tuple(fc.constantFrom(...names), sign).map(([name, by]) =>
      name
        .split('-')
        .map((word, at) => (at % 2 === 0 ? word : word.toUpperCase()))
        .join(by),
    );
    for (const name of fc.sample(alias, 60)) {
      const arrived = await seen(tested, head('GET / HTTP/1.1', `${name}: 6.6.6.6`));
      expect([name, JSON.stringify(arrived).includes('6.6.6.6')]).toEqual([name, false]);
    }
  });

  test('CVE-2024-47070 (authentik): an address that cannot be read is nobody’s address', async () => {
    await using tested = await edge({ trustedProxies: ['127.0.0.1/32'] });
    for (const line of ['a', '', '1.2.3.4, a', 'unknown', '203.0.113.7, 0x7f.1', '::1%eth0'])
      expect(
        values(
          await seen(tested, head('GET / HTTP/1.1', `X-Forwarded-For: ${line}`)),
          'x-forwarded-for',
        ),
      ).toEqual(['192.0.0.8']);
  });

  test('better-auth#10203: the client is the last address before a trusted one, not the first', async () => {
    await using tested = await edge({ trustedProxies: ['127.0.0.1/32'] });
    const asked = head(
      'GET / HTTP/1.1',
      'X-Forwarded-For: 6.6.6.6',
      'X-Forwarded-For: 203.0.113.7',
    );
    expect(values(await seen(tested, asked), 'x-forwarded-for')).toEqual(['203.0.113.7']);
  });

  test('jellyfin#17223: the origin gets one X-Forwarded-For, whatever the visitor sends', async () => {
    await using tested = await edge();
    const asked = head('GET / HTTP/1.1', 'X-Forwarded-For: 127.0.0.1, 10.0.0.1', 'X-Real-IP: ::1');
    expect(values(await seen(tested, asked), 'x-forwarded-for')).toEqual(['127.0.0.1']);
    await using strange = await edge({ trustedProxies: ['127.0.0.1/32'] });
    const through = head('GET / HTTP/1.1', 'X-Forwarded-For: 10.0.0.9, 203.0.113.7');
    expect(values(await seen(strange, through), 'x-forwarded-for')).toEqual(['203.0.113.7']);
  });
});

describe('endpoints that a media server offers to whoever seems local', () => {
  test.each([
    ['jellyfin#16673', 'POST', '/System/Restart'],
    ['jellyfin#16673', 'POST', '/emby/system/restart/'],
    ['jellyfin#13987', 'GET', '/web/ConfigurationPage?name=Jellyfin.Plugin'],
    ['jellyfin#13987', 'GET', '/web/ConfigurationPages'],
    ['jellyfin#5415', 'GET', '/Startup/User'],
    ['jellyfin#13986', 'POST', '/Users/ForgotPassword'],
  ])('%s: %s %s stays at home', async (_issue, method, target) => {
    await using tested = await edge();
    tested.switches = { ...defaultSwitches, product: 'jellyfin' };
    expect(await refusal(tested, head(`${method} ${target} HTTP/1.1`))).toBe('403 edge.denied');
    expect(tested.streams.size).toBe(0);
  });
});

describe('many and large', () => {
  test('GHSA-cpf9-ph2j-ccr9 (zrok): cookies that announce many cookies cost nothing', async () => {
    await using tested = await edge();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 200; i++) {
      const jar = `session=999999999|x; session-count=2147483647; session_0=a; session_${'9'.repeat(i)}=b`;
      const arrived = await seen(tested, head('GET / HTTP/1.1', `Cookie: ${jar}`));
      expect(values(arrived, 'cookie')).toEqual([jar]);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });

  test('CVE-2026-58044 (Node): fields beyond the limit are refused, never dropped in silence', async () => {
    await using tested = await edge();
    for (const count of [101, 1001, 2500])
      expect(
        await refusal(tested, head('GET / HTTP/1.1', ...Array<string>(count).fill('a: b'))),
      ).toBe('431 edge.fields-too-large');
  });

  test('CVE-2026-21710 (Node): a field named __proto__ is a field', async () => {
    await using tested = await edge();
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const { method } = await seen(tested, head('GET / HTTP/1.1', `${name}: x`));
      expect(method).toBe('GET');
    }
    const over2 = await seenOverHttp2(tested, { constructor: 'x', hasownproperty: 'y' });
    expect(values(over2, 'constructor')).toEqual(['x']);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});

describe('pages of our own', () => {
  const hostile = '<svg onload=alert(1)>';

  test('CVE-2026-40302 (zrok): an error page shows nothing that the visitor wrote', async () => {
    await using tested = await edge();
    const encoded = encodeURIComponent(hostile);
    const pages = [
      head(`GET /System/Restart?e=${hostile.replaceAll(' ', '+')} HTTP/1.1`, 'Accept: text/html'),
      head(`GET /System/Restart/${encoded}?error=${encoded} HTTP/1.1`, 'Accept: text/html'),
      head(
        'GET /System/Restart HTTP/1.1',
        'Accept: text/html',
        `Referer: ${hostile}`,
        `X: ${hostile}`,
      ),
      head('GET / HTTP/1.1', 'Accept: text/html', `Expect: ${hostile}`),
    ];
    for (const asked of pages) {
      const page = await tested.raw(asked);
      expect(page).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(page).toContain("content-security-policy: default-src 'none'");
      expect(page).not.toContain('<svg');
      expect(page).not.toContain('svg onload');
    }
  });

  test('CVE-2026-41181 (Traefik): an error page is made here, and nobody else is asked for it', async () => {
    const asked: (string | undefined)[] = [];
    await using tested = await edge({
      origin: (request) => (asked.push(request.url), request.socket.destroy()),
    });
    const answer = await tested.raw(
      head('POST /upload HTTP/1.1', 'Authorization: secret', 'Cookie: secret', 'Content-Length: 0'),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 502 /);
    expect(answer).not.toContain('secret');
    expect(asked).toEqual(['/upload']);
  });

  test.each(['CVE-2020-5233', 'CVE-2020-11053', 'CVE-2021-21291'])(
    '%s (oauth2-proxy): the way to HTTPS leads to the same host only',
    async () => {
      const redirect = new RedirectListener({
        isKnown: (hostname) => hostname === onlineHostname,
        httpsPort: 8443,
        peers: directPeers(silent),
      });
      const { port } = await redirect.listen('127.0.0.1:0');
      const place = `https://${onlineHostname}:8443/`;
      const targets = [
        '//evil.example',
        '/\\evil.example',
        '/%5cevil.example',
        '/%2f%2fevil.example',
        '/%0d%0aLocation:%20evil',
        '/.evil.example',
        '/@evil.example',
        '//evil.example@x/',
        '/?//evil',
      ];
      for (const target of targets) {
        const socket = connectTcp(port, '127.0.0.1');
        socket.write(head(`GET ${target} HTTP/1.1`));
        const answer = await readToClose(socket);
        const [, location = place] = /^location: (.*)\r$/im.exec(answer) ?? [];
        expect(new URL(location).host).toBe(`${onlineHostname}:8443`);
        expect(answer).toMatch(/^HTTP\/1\.1 (400|308) /);
      }
      for (const host of [
        'evil.example',
        `${onlineHostname}.evil.example`,
        `a@${onlineHostname}`,
      ]) {
        const socket = connectTcp(port, '127.0.0.1');
        socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
        expect(await readToClose(socket)).not.toMatch(/^location/im);
      }
      await redirect.close();
    },
  );
});
