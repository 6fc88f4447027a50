// Three origins behind one hub leave, and curl to ask them: the fixture on node:http, nginx with files, and one that writes bytes as told.

import { Buffer } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { type Nginx, startNginx } from '../bench/nginx.ts';
import { contentBytes } from './content.ts';
import { Curl } from './curl.ts';
import { AgentProcess, deploy, type Deployment } from './deployment.ts';
import { type Origin, startOrigin } from './origin/origin.ts';
import { okAnswer, type RawOrigin, startRawOrigin } from './raw-origin.ts';
import { temporaryFolder } from './temporary-folder.ts';

export const filmBytes = 3_000_001;
export const film = `/content/film/${filmBytes}`;
export const page = Buffer.from('<p>plain text that gzip makes shorter</p>\n'.repeat(500));
export const gzipped = gzipSync(page);
export const manyFields = Array.from(
  { length: 60 },
  (_, i) => [`X-Field-${i % 7}`, `value ${i}`] as const,
);

type OriginKind = 'node' | 'nginx' | 'raw';

export class CurlSetting {
  readonly deployment: Deployment;
  readonly curl: Curl;
  /** By the origin behind them. */
  readonly addresses: Readonly<Record<OriginKind, string>>;
  readonly #waiting: Waiting;
  readonly #stops: (() => Promise<unknown>)[];

  static async open(): Promise<CurlSetting> {
    const waiting = new Waiting();
    const origin: Origin = await startOrigin();
    const raw: RawOrigin = await startRawOrigin(rawAnswers(waiting));
    const nginx = await startStaticFiles();
    const deployment = await deploy({ originPort: origin.port });
    const agents: AgentProcess[] = [];
    const connect = async (label: string, originPort: number): Promise<string> => {
      const { hub } = deployment;
      const agent = new AgentProcess({
        hub,
        originPort,
        token: await hub.createToken('--label', label),
      });
      agents.push(agent);
      return (await agent.reachable())[0] ?? '';
    };
    const addresses = {
      node: deployment.address,
      nginx: await connect('shelf', nginx.port),
      raw: await connect('scripted', raw.port),
    };
    const stops = [
      ...agents.map((agent) => async () => agent.stop()),
      async () => deployment.stop(),
      async () => nginx.program.stop(),
      async () => raw.stop(),
      async () => origin.stop(),
    ];
    return new CurlSetting(deployment, addresses, waiting, stops);
  }

  private constructor(
    deployment: Deployment,
    addresses: Readonly<Record<OriginKind, string>>,
    waiting: Waiting,
    stops: (() => Promise<unknown>)[],
  ) {
    this.deployment = deployment;
    this.curl = new Curl(deployment.hub.caFile);
    this.addresses = addresses;
    this.#waiting = waiting;
    this.#stops = stops;
  }

  /** Of the raw origin: who waits for what a test writes next. */
  async nextVisitor(): Promise<Socket> {
    return this.#waiting.next();
  }

  putBack(visitor: Socket): void {
    this.#waiting.arrive(visitor);
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) await stop();
  }
}

class Waiting {
  readonly #sockets: Socket[] = [];
  #wake: (() => void) | undefined;

  arrive(socket: Socket): void {
    this.#sockets.push(socket);
    this.#wake?.();
  }

  async next(): Promise<Socket> {
    for (;;) {
      const socket = this.#sockets.shift();
      if (socket !== undefined) return socket;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function rawAnswers(waiting: Waiting): Parameters<typeof startRawOrigin>[0] {
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
    '/breaks': (socket, head) => breaksOff(waiting, socket, head),
    '/refuses': (socket) =>
      socket.end('HTTP/1.1 413 Too Large\r\nContent-Length: 6\r\nConnection: close\r\n\r\nenough'),
    '/live': (socket) => {
      socket.resume();
      socket.write(
        'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      waiting.arrive(socket);
    },
  };
}

/** Half of it, held for the test to cut, unless the visitor asks for the rest. */
function breaksOff(waiting: Waiting, socket: Socket, head: string): void {
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
  waiting.arrive(socket);
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
