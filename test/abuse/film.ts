// Requests of viewers and of attackers arrive; a film leaves at its own pace, more bytes than anybody reads, or the end of an upload.

import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { contentBytes } from '../support/content.ts';

export const filmSeed = 'film';
/** 16 Mbit/s: a good 4K stream. */
export const filmBytesPerSecond = 2_000_000;
/** Twenty frames a second: a stall of a quarter of a second is five of them. */
const paceMs = 50;
/** Longer than any run. */
const filmBytes = 10 * 3600 * filmBytesPerSecond;
const bigBytes = 1e12;

export interface FilmOrigin {
  readonly port: number;
  stop(): void;
}

export async function startFilmOrigin(): Promise<FilmOrigin> {
  const server: Server = createServer((request, response) => {
    if (request.url === '/film') playFilm(response);
    else if (request.url === '/big') pour(response);
    else {
      request.resume();
      // An upload is answered when it has ended.
      request.on('end', () => response.end('small\n'));
    }
  });
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Without a validator: what breaks off is not mended, but seen. */
function playFilm(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': filmBytes, 'content-type': 'video/mp4' });
  const startedAt = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * filmBytesPerSecond);
    // A viewer who does not read must not fill this process.
    if (due <= sent || response.writableNeedDrain) return;
    response.write(contentBytes(filmSeed, sent, due - sent));
    sent = due;
  }, paceMs);
  response.on('close', () => clearInterval(timer));
}

/** As fast as it is taken. */
function pour(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': bigBytes });
  const piece = contentBytes('big', 0, 65_536);
  const write = (): void => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', write);
  response.on('error', () => undefined);
  write();
}
