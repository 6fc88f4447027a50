import { once } from 'node:events';
import { request } from 'node:http';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';

import { contentBytes, contentHash } from '../content.ts';
import { type Origin, startOrigin } from './origin.ts';

let origin: Origin;
beforeAll(async () => {
  origin = await startOrigin();
});
afterAll(() => origin.stop());

test('content comes whole or by range, with its predictable bytes', async () => {
  const whole = await fetch(`${origin.url}/content/film/100000`);
  expect(Buffer.from(await whole.arrayBuffer())).toEqual(contentBytes('film', 0, 100_000));
  const headers = { range: 'bytes=99990-' };
  const part = await fetch(`${origin.url}/content/film/100000`, { headers });
  expect(part.status).toBe(206);
  expect(Buffer.from(await part.arrayBuffer())).toEqual(contentBytes('film', 99_990, 10));
});

test('an upload is counted and hashed', async () => {
  const body = contentBytes('up', 0, 70_000);
  const reply = await fetch(`${origin.url}/upload`, { method: 'PUT', body: new Uint8Array(body) });
  expect(await reply.json()).toMatchObject({
    method: 'PUT',
    bytes: 70_000,
    sha256: contentHash('up', 0, 70_000),
  });
});

test('trailers, early hints, events, drips and bodies without a length come as HTTP has them', async () => {
  const asked = request(`${origin.url}/trailers`).end();
  const [answer] = await once(asked, 'response');
  answer.resume();
  await once(answer, 'end');
  expect(answer.trailers).toEqual({ 'x-checksum': 'behind' });

  const hinting = request(`${origin.url}/hints`).end();
  const [information] = await once(hinting, 'information');
  expect(information.statusCode).toBe(103);
  hinting.destroy();

  const events = await (await fetch(`${origin.url}/events?count=2&everyMs=1`)).text();
  expect(events).toBe('id: 1\ndata: event 1\n\nid: 2\ndata: event 2\n\n');
  expect(await (await fetch(`${origin.url}/drip?bytes=3&everyMs=1`)).text()).toBe('...');
  expect(await (await fetch(`${origin.url}/unframed`)).text()).toBe('until the end\n');
  expect((await fetch(`${origin.url}/status/204`)).status).toBe(204);
});

test('a cut answer is noticed as cut', async () => {
  const reply = await fetch(`${origin.url}/cut/1000`);
  await expect(reply.arrayBuffer()).rejects.toThrow('terminated');
});

test('an asker who leaves is seen to have left', async () => {
  const leaving = new AbortController();
  const before = origin.seen.length;
  const asked = fetch(`${origin.url}/silence`, { signal: leaving.signal });
  while (origin.seen.length === before) await new Promise((resolve) => setImmediate(resolve));
  leaving.abort();
  await expect(asked).rejects.toThrow('aborted');
  expect(await origin.seen[before]?.closed).toBe(false);
});

test('messages come back over WebSocket, text as text and bytes as bytes', async () => {
  const socket = new WebSocket(`${origin.url.replace('http', 'ws')}/socket`);
  await once(socket, 'open');
  for (const sent of ['hello', Buffer.from([0, 255])]) {
    socket.send(sent);
    const [back, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
    expect(isBinary ? back : back.toString()).toEqual(sent);
  }
  socket.close();
  await once(socket, 'close');
});
