import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { type Nginx, startNginx } from '../bench/nginx.ts';
import { contentBytes, contentHash, contentStream } from '../support/content.ts';
import { Curl, valuesOf } from '../support/curl.ts';
import { AgentProcess, deploy, type Deployment } from '../support/deployment.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { hasParts } from '../support/parts.ts';
import { okAnswer, type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const filmBytes = 3_000_001;
const film = `/content/film/${filmBytes}`;
const page = Buffer.from('<p>plain text that gzip makes shorter</p>\n'.repeat(500));
const gzipped = gzipSync(page);
const hasPrograms = hasParts('curl', 'nginx');

let deployment: Deployment;
let curl: Curl;
let origin: Origin;
let nginx: Nginx;
let raw: RawOrigin;
/** By the origin behind them: the fixture of node:http, nginx, and the one that writes bytes as told. */
let addresses: { node: string; nginx: string; raw: string };
const agents: AgentProcess[] = [];
/** Of the raw origin: visitors that wait for what a test writes next. */
const waiting: Socket[] = [];

describe.skipIf(!hasPrograms)('curl through hub and agent', () => {
  beforeAll(async () => {
    origin = await startOrigin();
    raw = await startRawOrigin(rawAnswers());
    nginx = await startStaticFiles();
    deployment = await deploy({ originPort: origin.port });
    curl = new Curl(deployment.hub.caFile);
    addresses = {
      node: deployment.address,
      nginx: await connect('shelf', nginx.port),
      raw: await connect('scripted', raw.port),
    };
  });

  afterAll(async () => {
    for (const agent of agents) await agent.stop();
    await deployment?.stop();
    await nginx?.program.stop();
    await raw?.stop();
    await origin?.stop();
  });

  describe.each(['--http1.1', '--http2'])('%s', (version) => {
    describe.each(['node', 'nginx'] as const)('a file from %s', (kind) => {
      const url = (): string => addresses[kind] + (kind === 'node' ? film : '/film.bin');

      test('comes whole', async () => {
        const answer = await curl.get(url(), version);
        expect(answer).toMatchObject({ exitCode: 0, status: 200 });
        expect(answer.sha256).toBe(contentHash('film', 0, filmBytes));
        expect(answer.told).toContain(version === '--http2' ? 'HTTP/2 200' : 'HTTP/1.1 200');
      });

      test.each([
        ['100-199', 100, 200],
        ['-1000', filmBytes - 1000, filmBytes],
        ['2999990-', 2_999_990, filmBytes],
        ['0-', 0, filmBytes],
      ])('comes by range %s', async (range, first, end) => {
        const answer = await curl.get(url(), version, '--range', range);
        expect(answer).toMatchObject({ exitCode: 0, status: 206 });
        expect(valuesOf(answer, 'content-range')).toEqual([
          `bytes ${first}-${end - 1}/${filmBytes}`,
        ]);
        expect(answer.sha256).toBe(contentHash('film', first, end));
      });

      test('a range behind its end is 416, with the size', async () => {
        const answer = await curl.get(url(), version, '--range', '9000000-');
        expect(answer.status).toBe(416);
        expect(valuesOf(answer, 'content-range')).toEqual([`bytes */${filmBytes}`]);
      });

      test('HEAD tells its length and sends nothing', async () => {
        const answer = await curl.get(url(), version, '--head');
        expect(answer).toMatchObject({ exitCode: 0, status: 200 });
        expect(valuesOf(answer, 'content-length')).toEqual([String(filmBytes)]);
      });

      test('If-Range continues the same file and starts anew with another', async () => {
        const [etag = ''] = valuesOf(await curl.get(url(), version, '--head'), 'etag');
        const ask = async (validator: string) =>
          curl.get(url(), version, '--range', '5-9', '--header', `If-Range: ${validator}`);
        expect(await ask(etag)).toMatchObject({ status: 206, body: contentBytes('film', 5, 5) });
        const other = await ask('"other"');
        expect([other.status, other.sha256]).toEqual([200, contentHash('film', 0, filmBytes)]);
      });
    });

    test('several ranges at once come untouched', async () => {
      const answer = await curl.get(
        `${addresses.nginx}/film.bin`,
        version,
        '--range',
        '0-99,1000-1099,-50',
      );
      expect(answer).toMatchObject({ exitCode: 0, status: 206 });
      const [type = ''] = valuesOf(answer, 'content-type');
      const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(type)?.[1] ?? 'none';
      const parts = [
        [0, 100],
        [1000, 1100],
        [filmBytes - 50, filmBytes],
      ].flatMap(([first = 0, end = 0]) => [
        Buffer.from(
          `\r\n--${boundary}\r\nContent-Type: application/octet-stream\r\n` +
            `Content-Range: bytes ${first}-${end - 1}/${filmBytes}\r\n\r\n`,
        ),
        contentBytes('film', first, end - first),
      ]);
      expect(answer.body).toEqual(
        Buffer.concat([...parts, Buffer.from(`\r\n--${boundary}--\r\n`)]),
      );
    });

    test('If-None-Match is answered 304 without a body', async () => {
      const url = `${addresses.nginx}/film.bin`;
      const [etag = ''] = valuesOf(await curl.get(url, version, '--head'), 'etag');
      const answer = await curl.get(url, version, '--header', `If-None-Match: ${etag}`);
      expect(answer).toMatchObject({ exitCode: 0, status: 304, body: Buffer.alloc(0) });
    });

    test('an upload of known length arrives whole, after 100 Continue', async () => {
      const body = contentBytes('up', 0, 2_000_000);
      const answer = await curl.send(
        { input: body },
        `${addresses.node}/upload`,
        version,
        '--request',
        'PUT',
        '--data-binary',
        '@-',
        '--header',
        'Expect: 100-continue',
      );
      expect(answer).toMatchObject({ exitCode: 0, status: 200, interim: [100] });
      expect(seen(answer.body)).toMatchObject({
        method: 'PUT',
        bytes: 2_000_000,
        sha256: contentHash('up', 0, 2_000_000),
      });
      expect(fieldsOf(answer.body, 'content-length')).toEqual(['2000000']);
    });

    test('an upload of unknown length arrives whole', async () => {
      const answer = await curl.send(
        { input: contentStream('up', 0, 1_500_000) as AsyncIterable<Buffer> },
        `${addresses.node}/upload`,
        version,
        '--upload-file',
        '-',
      );
      expect(answer).toMatchObject({ exitCode: 0, status: 200 });
      expect(seen(answer.body)).toMatchObject({
        bytes: 1_500_000,
        sha256: contentHash('up', 0, 1_500_000),
      });
      expect(fieldsOf(answer.body, 'transfer-encoding')).toEqual(['chunked']);
    });

    test.each(['DELETE', 'OPTIONS'])('%s may carry a body of unknown length', async (method) => {
      const options = [version, '--upload-file', '-', '--request', method];
      const answer = await curl.send(
        { input: contentBytes('up', 0, 100_000) },
        `${addresses.node}/upload`,
        ...options,
      );
      expect(answer).toMatchObject({ exitCode: 0, status: 200 });
      expect(seen(answer.body)).toMatchObject({ method, sha256: contentHash('up', 0, 100_000) });
    });

    test('trailers come behind the body', async () => {
      const answer = await curl.get(`${addresses.node}/trailers`, version);
      expect(answer.body.toString()).toBe('a body with something behind it\n');
      expect(valuesOf(answer, 'x-checksum')).toEqual(['behind']);
    });

    test('103 Early Hints comes before the answer', async () => {
      const answer = await curl.get(`${addresses.node}/hints`, version);
      expect(answer).toMatchObject({ exitCode: 0, status: 200, interim: [103] });
    });

    test('a download that broke off goes on where it stopped', async () => {
      const file = join(temporaryFolder('resume').path, 'film');
      const options = [version, '--output', file];
      const first = curl.get(`${addresses.raw}/breaks`, ...options);
      const socket = await nextVisitor();
      await vi.waitFor(() => expect(statSync(file).size).toBe(50_000), 10_000);
      socket.destroy();
      expect(brokenOff).toContain((await first).exitCode);
      const second = await curl.get(`${addresses.raw}/breaks`, ...options, '--continue-at', '-');
      expect(second).toMatchObject({ exitCode: 0, status: 206 });
      expect(hashOf(readFileSync(file))).toBe(contentHash('broken', 0, 100_000));
    });

    test('a compressed body is nobody’s business', async () => {
      const fixed = await curl.get(`${addresses.raw}/gzip`, version);
      expect(fixed.body).toEqual(gzipped);
      expect(valuesOf(fixed, 'content-encoding')).toEqual(['gzip']);
      const zip = ['--header', 'Accept-Encoding: gzip'];
      const onTheFly = await curl.get(`${addresses.nginx}/page.html`, version, ...zip);
      expect(valuesOf(onTheFly, 'content-encoding')).toEqual(['gzip']);
      expect(gunzipSync(onTheFly.body)).toEqual(page);
      const plain = await curl.get(`${addresses.nginx}/page.html`, version);
      expect(plain.body).toEqual(page);
    });

    test('fields keep their order and their doubles', async () => {
      const answer = await curl.get(`${addresses.raw}/fields`, version);
      expect(valuesOf(answer, 'set-cookie')).toEqual(['a=1; Path=/', 'b=2; HttpOnly', 'c=3']);
      const numbered = answer.fields.filter(([name]) => name.startsWith('x-field-'));
      expect(numbered).toEqual(manyFields.map(([name, value]) => [name.toLowerCase(), value]));
    });

    test('an event arrives before the next one is sent', async () => {
      const child = curl.start(`${addresses.raw}/live`, version);
      const lines = child.stdout?.setEncoding('utf8');
      for (const event of ['first', 'second', 'third']) {
        const socket = await nextVisitor();
        socket.write(chunk(`data: ${event}\n\n`));
        const [line] = await once(lines ?? child, 'data');
        expect(line).toBe(`data: ${event}\n\n`);
        waiting.push(socket);
      }
      (await nextVisitor()).end('0\r\n\r\n');
      expect(await once(child, 'close')).toEqual([0, null]);
    });

    test('an upload that the origin refuses early ends with its 413', async () => {
      const body = { input: contentBytes('large', 0, 8_000_000) };
      const options = [version, '--upload-file', '-', '--header', 'Expect:'];
      for (const address of [`${addresses.raw}/refuses`, `${addresses.nginx}/refuses`]) {
        const answer = await curl.send(body, address, ...options);
        expect(answer.status).toBe(413);
      }
    });

    test('the origin sees one of each field that the hub vouches for', async () => {
      const answer = await curl.get(
        `${addresses.node}/request`,
        version,
        ...forged.flatMap((line) => ['--header', line]),
      );
      const host = new URL(addresses.node).host;
      expect(fieldsOf(answer.body, 'x-forwarded-for')).toEqual(['127.0.0.1']);
      expect(fieldsOf(answer.body, 'x-forwarded-proto')).toEqual(['https']);
      expect(fieldsOf(answer.body, 'x-forwarded-host')).toEqual([host]);
      expect(fieldsOf(answer.body, 'host')).toEqual([host]);
      expect(fieldsOf(answer.body, 'x-request-id')).toEqual([
        expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      ]);
      expect(fieldsOf(answer.body, 'x-kept')).toEqual(['yes']);
      expect(answer.body.toString()).not.toMatch(/forged|_/i);
    });
  });

  test('absolute form names the same target', async () => {
    const target = `${addresses.node}/request`;
    const answer = await curl.get(target, '--http1.1', '--request-target', target);
    expect(seen(answer.body)).toMatchObject({ target: '/request' });
  });

  test('absolute form of another host is refused', async () => {
    const options = ['--http1.1', '--request-target', 'https://other.example/request'];
    const answer = await curl.get(`${addresses.node}/request`, ...options);
    expect(answer.status).toBe(400);
  });

  test('a name that is not of this hub gets an alert, and no certificate', async () => {
    const { port } = new URL(addresses.node);
    const options = ['--resolve', `stranger.example:${port}:127.0.0.1`];
    const answer = await curl.get(`https://stranger.example:${port}/`, ...options);
    expect(answer.exitCode).toBe(35);
    expect(answer.told).toContain('unrecognized name');
    expect(answer.told).not.toContain('Server certificate');
  });

  test('plain HTTP on the TLS port is told to use TLS', async () => {
    const answer = await curl.get(addresses.node.replace('https:', 'http:'));
    expect(answer).toMatchObject({ exitCode: 0, status: 400 });
    expect(answer.body.toString()).toContain('https://');
  });

  test('the plain port leads to the same address under https', async () => {
    const { http } = deployment.hub.ports;
    const from = `http://movies.phlix.localhost:${http}${film}?start=1`;
    const answer = await curl.get(from, '--range', '0-9');
    expect(answer.status).toBe(308);
    expect(valuesOf(answer, 'location')).toEqual([`${addresses.node}${film}?start=1`]);
    const followed = await curl.get(from, '--range', '0-9', '--location');
    expect(followed).toMatchObject({ status: 206, body: contentBytes('film', 0, 10) });
    const unknown = `http://nobody.phlix.localhost:${http}/`;
    expect((await curl.get(unknown)).status).toBe(404);
    expect((await curl.get(from, '--data', 'secret')).status).toBe(421);
  });
});

/** curl(1): a partial file, and a stream of HTTP/2 that was reset. */
const brokenOff = [18, 92];

/** What a visitor may pretend; the hub says it itself or drops it. */
const forged = [
  'X-Forwarded-For: forged-1.2.3.4',
  'X-Forwarded-For: 5.6.7.8',
  'X_Forwarded_For: forged',
  'X-Forwarded-Proto: forged',
  'X-Forwarded-Host: forged.example',
  'X-Forwarded-Port: forged',
  'X-Forwarded-Server: forged',
  'X-Real-IP: forged',
  'X-Request-Id: forged',
  'Forwarded: for=forged',
  'X-Kept: yes',
];

const manyFields = Array.from(
  { length: 60 },
  (_, i) => [`X-Field-${i % 7}`, `value ${i}`] as const,
);

function rawAnswers(): Parameters<typeof startRawOrigin>[0] {
  return {
    '/gzip': okAnswer(['Content-Type: text/html', 'Content-Encoding: gzip'], gzipped),
    '/fields': okAnswer(
      [
        'Set-Cookie: a=1; Path=/',
        ...manyFields.map(([name, value]) => `${name}: ${value}`),
        'Set-Cookie: b=2; HttpOnly',
        'Set-Cookie: c=3',
      ],
      Buffer.from('ok'),
    ),
    '/breaks': breaksOff,
    '/refuses': (socket) =>
      socket.end('HTTP/1.1 413 Too Large\r\nContent-Length: 6\r\nConnection: close\r\n\r\nenough'),
    '/live': (socket) => {
      socket.resume();
      socket.write(
        'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      arrive(socket);
    },
  };
}

/** Half of it, held for the test to cut, unless the visitor asks for the rest. */
function breaksOff(socket: Socket, head: string): void {
  socket.resume();
  if (/range: bytes=50000-/i.test(head)) {
    socket.write(
      `HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 50000-99999/100000\r\nContent-Length: 50000\r\nConnection: close\r\n\r\n`,
    );
    socket.end(contentBytes('broken', 50_000, 50_000));
    return;
  }
  socket.write('HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: 100000\r\n\r\n');
  socket.write(contentBytes('broken', 0, 50_000));
  arrive(socket);
}

let arrivals: (() => void) | undefined;

function arrive(socket: Socket): void {
  waiting.push(socket);
  arrivals?.();
}

async function nextVisitor(): Promise<Socket> {
  while (waiting.length === 0) {
    await new Promise<void>((resolve) => {
      arrivals = resolve;
    });
  }
  return waiting.shift() as Socket;
}

async function startStaticFiles(): Promise<Nginx> {
  const folder = temporaryFolder('nginx').path;
  writeFileSync(join(folder, 'film.bin'), contentBytes('film', 0, filmBytes));
  writeFileSync(join(folder, 'page.html'), page);
  return startNginx(
    folder,
    (port) => `
  types { text/html html; }
  default_type application/octet-stream;
  sendfile on;
  gzip on;
  server {
    listen 127.0.0.1:${port};
    root ${folder};
    location /refuses { client_max_body_size 1k; dav_methods PUT; }
  }`,
  );
}

async function connect(label: string, originPort: number): Promise<string> {
  const { hub } = deployment;
  const token = await hub.createToken('--label', label);
  const agent = new AgentProcess({ hub, originPort, token });
  agents.push(agent);
  return (await agent.reachable())[0] ?? '';
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function seen(body: Buffer): { fields: string[] } {
  return JSON.parse(body.toString()) as { fields: string[] };
}

/** What the origin saw under this name, each line. */
function fieldsOf(body: Buffer, name: string): string[] {
  const { fields } = seen(body);
  return fields.filter((_, i) => i % 2 === 1 && fields[i - 1]?.toLowerCase() === name);
}
