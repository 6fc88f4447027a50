import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';

import { parseRange } from './file-answer.ts';
import { createDemoServer } from './server.ts';

const content = Buffer.from('0123456789');

describe('a Range field', () => {
  test.each([
    ['bytes=0-3', { first: 0, last: 3 }],
    ['bytes=4-', { first: 4, last: 9 }],
    ['bytes=4-999', { first: 4, last: 9 }],
    ['bytes=-3', { first: 7, last: 9 }],
    ['bytes=-999', { first: 0, last: 9 }],
    ['bytes=10-', 'none'],
    ['bytes=-0', 'none'],
    ['bytes=3-2', 'all'],
    ['bytes=-', 'all'],
    ['bytes=0-1,3-4', 'all'],
    ['lines=1-2', 'all'],
    [undefined, 'all'],
  ])('%s of ten bytes is %o', (field, expected) => {
    expect(parseRange(field, content.length)).toEqual(expected);
  });

  test.each(['bytes=0-0', 'bytes=-1', 'bytes=0-'])('%s of an empty file cannot be met', (field) => {
    expect(parseRange(field, 0)).toBe('none');
  });
});

describe('the demo media server', () => {
  let folder: string;
  let server: ReturnType<typeof createDemoServer>;
  let origin: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'phlix-demo-'));
    await writeFile(join(folder, 'film.mp4'), content);
    await writeFile(join(folder, 'index.m3u8'), '#EXTM3U\n');
    const film = {
      mp4: join(folder, 'film.mp4'),
      hls: folder,
      seconds: 1,
      madeBy: 'ffmpeg',
    } as const;
    server = createDemoServer(film).listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await rm(folder, { recursive: true });
  });

  test('a range is answered with exactly its bytes', async () => {
    const reply = await fetch(`${origin}/film.mp4`, { headers: { range: 'bytes=2-5' } });
    expect(reply.status).toBe(206);
    expect(reply.headers.get('content-range')).toBe('bytes 2-5/10');
    expect(reply.headers.get('content-length')).toBe('4');
    expect(await reply.text()).toBe('2345');
  });

  test('a range beyond the end is refused with the size of the file', async () => {
    const reply = await fetch(`${origin}/film.mp4`, { headers: { range: 'bytes=10-' } });
    expect(reply.status).toBe(416);
    expect(reply.headers.get('content-range')).toBe('bytes */10');
  });

  test('HEAD tells the size and sends nothing, whatever range it names', async () => {
    const headers = { range: 'bytes=2-5' };
    const reply = await fetch(`${origin}/film.mp4`, { method: 'HEAD', headers });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('content-length')).toBe('10');
    expect(await reply.text()).toBe('');
  });

  test('If-Range of this version gets the range, of another version the whole film', async () => {
    const etag = (await fetch(`${origin}/film.mp4`)).headers.get('etag') ?? '';
    const ask = (ifRange: string) =>
      fetch(`${origin}/film.mp4`, { headers: { range: 'bytes=2-5', 'if-range': ifRange } });
    expect((await ask(etag)).status).toBe(206);
    expect((await ask('"another"')).status).toBe(200);
    expect((await ask(`W/${etag}`)).status).toBe(200);
  });

  test('a version that the visitor has is not sent again', async () => {
    const etag = (await fetch(`${origin}/film.mp4`)).headers.get('etag') ?? '';
    const headers = { 'if-none-match': `"another", W/${etag}` };
    expect((await fetch(`${origin}/film.mp4`, { headers })).status).toBe(304);
  });

  test('the HLS playlist has its type, and no path leaves its folder', async () => {
    const playlist = await fetch(`${origin}/hls/index.m3u8`);
    expect(playlist.headers.get('content-type')).toBe('application/vnd.apple.mpegurl');
    expect(await playlist.text()).toBe('#EXTM3U\n');
    expect((await fetch(`${origin}/hls/..%2f..%2fetc%2fpasswd`)).status).toBe(404);
    expect((await fetch(`${origin}/hls/none.m4s`)).status).toBe(404);
  });

  test('the page loads nothing from another host', async () => {
    const text = await (await fetch(`${origin}/`)).text();
    expect(text).toContain('id="film"');
    expect(text.match(/(?:src|href)="(?!\/|data:)[^"]*"/g)).toBeNull();
  });

  test('the API names every source that the page offers', async () => {
    const about = (await (await fetch(`${origin}/api/film`)).json()) as {
      sources: { url: string }[];
    };
    for (const { url } of about.sources) expect((await fetch(`${origin}${url}`)).status).toBe(200);
  });

  test('other methods are refused with the list of those that work', async () => {
    const reply = await fetch(`${origin}/film.mp4`, { method: 'DELETE' });
    expect(reply.status).toBe(405);
    expect(reply.headers.get('allow')).toBe('GET, HEAD');
  });

  test('the clock ticks, and gives back what it was sent', async () => {
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/clock`);
    const messages: { now: number; echo?: string }[] = [];
    socket.on('message', (text: Buffer) => messages.push(JSON.parse(text.toString())));
    await once(socket, 'message', { signal: AbortSignal.timeout(5000) });
    socket.send('42');
    await once(socket, 'message', { signal: AbortSignal.timeout(5000) });
    await once(socket, 'message', { signal: AbortSignal.timeout(5000) });
    socket.close();
    expect(messages.some(({ echo }) => echo === '42')).toBe(true);
    expect(Math.abs((messages[0]?.now ?? 0) - Date.now())).toBeLessThan(10_000);
  });
});

test('the bundled clip is a film that starts at once', async () => {
  const clip = await readFile(new URL('clip.mp4', import.meta.url));
  expect(clip.length).toBeLessThan(200_000);
  expect(clip.indexOf('moov')).toBeLessThan(clip.indexOf('mdat'));
});
