import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { contentBytes, contentHash } from '../support/content.ts';
import { type Curl, valuesOf } from '../support/curl.ts';
import { CurlSetting, film, filmBytes } from '../support/curl-setting.ts';
import { hasParts } from '../support/parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const hasPrograms = hasParts('curl', 'nginx');

let setting: CurlSetting;
let curl: Curl;
let addresses: CurlSetting['addresses'];

describe.skipIf(!hasPrograms)('files and their ranges, asked for by curl', () => {
  beforeAll(async () => {
    setting = await CurlSetting.open();
    ({ curl, addresses } = setting);
  });

  afterAll(async () => setting?.stop());

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

    test('a download that broke off goes on where it stopped', async () => {
      const file = join(temporaryFolder('resume').path, 'film');
      const options = [version, '--output', file];
      const first = curl.get(`${addresses.raw}/breaks`, ...options);
      const socket = await setting.nextVisitor();
      await vi.waitFor(() => expect(statSync(file).size).toBe(50_000), 10_000);
      socket.destroy();
      expect(brokenOff).toContain((await first).exitCode);
      const second = await curl.get(`${addresses.raw}/breaks`, ...options, '--continue-at', '-');
      expect(second).toMatchObject({ exitCode: 0, status: 206 });
      expect(hashOf(readFileSync(file))).toBe(contentHash('broken', 0, 100_000));
    });
  });
});

/** curl(1): a partial file, and a stream of HTTP/2 that was reset. */
const brokenOff = [18, 92];

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
