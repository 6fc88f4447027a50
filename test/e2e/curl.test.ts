import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { gunzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { contentBytes, contentHash, contentStream } from '../support/content.ts';
import { type Curl, valuesOf } from '../support/curl.ts';
import { CurlSetting, film, gzipped, manyFields, page } from '../support/curl-setting.ts';
import { hasParts } from '../support/parts.ts';

const hasPrograms = hasParts('curl', 'nginx');

let setting: CurlSetting;
let curl: Curl;
let addresses: CurlSetting['addresses'];

describe.skipIf(!hasPrograms)('messages and addresses, as curl speaks them', () => {
  beforeAll(async () => {
    setting = await CurlSetting.open();
    ({ curl, addresses } = setting);
  });

  afterAll(async () => setting?.stop());

  describe.each(['--http1.1', '--http2'])('%s', (version) => {
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
        const socket = await setting.nextVisitor();
        socket.write(chunk(`data: ${event}\n\n`));
        const [line] = await once(lines ?? child, 'data');
        expect(line).toBe(`data: ${event}\n\n`);
        setting.putBack(socket);
      }
      (await setting.nextVisitor()).end('0\r\n\r\n');
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
    const { http } = setting.deployment.hub.ports;
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

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

function seen(body: Buffer): { fields: string[] } {
  return JSON.parse(body.toString()) as { fields: string[] };
}

/** What the origin saw under this name, each line. */
function fieldsOf(body: Buffer, name: string): string[] {
  const { fields } = seen(body);
  return fields.filter((_, i) => i % 2 === 1 && fields[i - 1]?.toLowerCase() === name);
}
