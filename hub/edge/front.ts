// A decrypted connection and the protocol it agreed on arrive; its requests leave through the HTTP/1.x or the HTTP/2 side.

import type { Socket } from 'node:net';

import type { VisitorConnection } from './connection.ts';
import { Http1Front } from './front-http1.ts';
import { Http2Front } from './front-http2.ts';
import type { FrontOptions } from './front-options.ts';
import { Routing } from './routing.ts';

/** What is said at the end of a drain has so long to get out, in milliseconds. */
export const lastWordsMs = 250;

export class Front {
  readonly #http1: Http1Front;
  readonly #http2: Http2Front;

  constructor(options: FrontOptions) {
    const routing = new Routing(options);
    this.#http1 = new Http1Front(options, routing);
    this.#http2 = new Http2Front(options, routing);
  }

  accept(socket: Socket, connection: VisitorConnection): void {
    if (connection.isHttp2) this.#http2.accept(socket, connection);
    else this.#http1.accept(socket, connection);
  }

  /** Takes no more requests on the connections it has, and lets the running ones finish. */
  drain(): void {
    this.#http1.drain();
    this.#http2.drain();
  }

  /** Tells visitors whose answers go on that they will not be whole. Their connections are cut afterwards. */
  cut(): void {
    this.#http2.cut();
  }

  stop(): void {
    this.#http1.stop();
    this.#http2.stop();
  }
}
