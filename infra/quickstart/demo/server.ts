// A film arrives; a small media server leaves: its page, the film by ranges and as HLS, a clock, and what it saw of the request.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Clock } from './clock.ts';
import { answerFile } from './file-answer.ts';
import type { Film } from './film.ts';

const page = fileURLToPath(new URL('page.html', import.meta.url));

const contentTypes: Record<string, string> = {
  m3u8: 'application/vnd.apple.mpegurl',
  m4s: 'video/iso.segment',
  mp4: 'video/mp4',
};

/** Not listening yet: the caller chooses where. Closing it ends the clock. */
export function createDemoServer(film: Film): Server {
  const clock = new Clock();
  const server = createServer((request, response) => {
    answer(film, request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.on('upgrade', (request, socket, head) => {
    if (pathOf(request) === '/clock') clock.accept(request, socket, head);
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  server.on('close', () => clock.stop());
  return server;
}

async function answer(
  film: Film,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = pathOf(request);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD', 'content-length': 0 }).end();
    return;
  }
  if (path === '/') return answerFile(request, response, page, 'text/html; charset=utf-8');
  if (path === '/film.mp4') return answerFile(request, response, film.mp4, 'video/mp4');
  if (path === '/api/film') return answerJson(response, describe(film));
  if (path === '/api/request') return answerJson(response, seen(request));
  // Names are spelt out, so no path can climb out of the folder.
  const [, part, extension = ''] = /^\/hls\/([a-z0-9]+\.(m3u8|m4s|mp4))$/.exec(path) ?? [];
  if (part !== undefined && film.hls !== undefined) {
    const contentType = contentTypes[extension] ?? 'application/octet-stream';
    return answerFile(request, response, join(film.hls, part), contentType);
  }
  response.writeHead(404, { 'content-type': 'text/plain' }).end('nothing here\n');
}

function describe(film: Film): object {
  const sources = [{ type: 'video/mp4', url: '/film.mp4' }];
  if (film.hls !== undefined) {
    sources.push({ type: 'application/vnd.apple.mpegurl', url: '/hls/index.m3u8' });
  }
  return { title: 'Into the Mandelbrot set', seconds: film.seconds, madeBy: film.madeBy, sources };
}

/** What a media server learns about its visitor through the tunnel: the page shows it. */
function seen(request: IncomingMessage): object {
  return {
    host: request.headers.host,
    visitor: request.headers['x-forwarded-for'] ?? request.socket.remoteAddress,
    scheme: request.headers['x-forwarded-proto'] ?? 'http',
    requestId: request.headers['x-request-id'],
  };
}

function answerJson(response: ServerResponse, body: object): void {
  const text = `${JSON.stringify(body)}\n`;
  response
    .writeHead(200, {
      'cache-control': 'no-store',
      'content-length': Buffer.byteLength(text),
      'content-type': 'application/json',
    })
    .end(text);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?')[0] ?? '/';
}
