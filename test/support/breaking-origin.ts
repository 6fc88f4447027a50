// A film and what is to go wrong with it arrive; an origin leaves that serves ranges of it well, and breaks off, changes or answers wrongly as told.

import { Buffer } from 'node:buffer';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { contentBytes } from './content.ts';

/** For one answer. `hold` sends no more, `drop` resets the connection, `end` closes it as a process does that is told to stop. */
export interface Break {
  /** Of the body; undefined: before the head. */
  readonly afterBytes: number | undefined;
  readonly how: 'hold' | 'drop' | 'end';
}

interface Asked {
  readonly method: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

/** What is wrong with the answers to ranges. */
type Fault = 'ignores-range' | 'shifted' | 'tag-of-no-file' | 'longer' | 'refuses-range';

export class BreakingOrigin {
  readonly asked: Asked[] = [];
  /** For the next answers, one each; then all is well. */
  readonly breaks: Break[] = [];
  film: Buffer;
  etag = '"first"';
  fault: Fault | undefined;
  readonly #filmBytes: number;
  readonly #events = new EventEmitter();
  #server: Server | undefined;
  #port = 0;
  #held = 0;

  constructor(filmBytes: number) {
    this.#filmBytes = filmBytes;
    this.film = contentBytes('film', 0, filmBytes);
  }

  get port(): number {
    return this.#port;
  }

  /** On the port that it had before. */
  async start(): Promise<void> {
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** As a killed process: every connection is gone, and none is accepted. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server?.listening !== true) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  /** Another file under the same name. */
  replace(): void {
    this.film = contentBytes('another film', 0, this.film.length);
    this.etag = '"second"';
  }

  /** Forgets what a test told it. */
  heal(): void {
    this.film = contentBytes('film', 0, this.#filmBytes);
    this.etag = '"first"';
    this.fault = undefined;
    this.breaks.length = 0;
    this.asked.length = 0;
    this.#held = 0;
  }

  /** Resolves when so many answers are held. */
  async holds(answers = 1): Promise<void> {
    while (this.#held < answers) await once(this.#events, 'held');
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { range, 'if-range': ifRange } = request.headers;
    this.asked.push({
      method: request.method ?? '',
      range,
      ifRange: ifRange as string | undefined,
    });
    response.on('error', () => undefined);
    const broken = this.breaks.shift();
    if (broken !== undefined && broken.afterBytes === undefined) {
      this.#break(broken, request);
      return;
    }
    const body = this.#head(response, range, ifRange as string | undefined);
    const sent = body.subarray(0, broken?.afterBytes ?? body.length);
    if (broken === undefined) response.end(sent);
    else if (sent.length > 0) response.write(sent, () => this.#break(broken, request));
    else response.flushHeaders();
    if (broken !== undefined && sent.length === 0) this.#break(broken, request);
  }

  #break({ how }: Break, { socket }: IncomingMessage): void {
    if (how === 'drop') socket.resetAndDestroy();
    else if (how === 'end') socket.end();
    this.#held += 1;
    this.#events.emit('held');
  }

  /** Writes the head, and returns the body that it promises. */
  #head(response: ServerResponse, range: string | undefined, ifRange: string | undefined): Buffer {
    const { film, fault } = this;
    const wanted = /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
    const isCurrent = ifRange === undefined || ifRange === this.etag;
    const etag = fault === 'tag-of-no-file' && wanted !== null ? '"third"' : this.etag;
    response.setHeader('etag', etag).setHeader('content-type', 'video/mp4');
    if (fault === 'refuses-range' && ifRange !== undefined) {
      response.writeHead(412, { 'content-length': 0 });
      return Buffer.alloc(0);
    }
    const ignores = fault === 'ignores-range' || (!isCurrent && fault !== 'tag-of-no-file');
    if (wanted === null || ignores) {
      response.writeHead(200, { 'content-length': film.length });
      return film;
    }
    const shift = fault === 'shifted' ? -1 : 0;
    const first = Number(wanted[1]) + shift;
    const last = wanted[2] === '' ? film.length - 1 : Number(wanted[2]) + shift;
    const complete = film.length + (fault === 'longer' ? 1 : 0);
    response.writeHead(206, {
      'content-length': last - first + 1,
      'content-range': `bytes ${first}-${last}/${complete}`,
    });
    return film.subarray(first, last + 1);
  }
}
