// A public address arrives; requests go to it over HTTP/1.1 with the local authority trusted, and its answers leave as they come.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect } from 'node:tls';

import { WebSocket } from 'ws';

export interface Wish {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Readable;
}

/** One viewer: connections of its own, kept open between requests. */
export class Visitor {
  readonly #url: URL;
  readonly #ca: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(address: string, caFile: string) {
    this.#url = new URL(address);
    this.#ca = readFileSync(caFile, 'utf8');
  }

  /** Resolves with the head; the body waits to be read. */
  async ask(
    path: string,
    { method = 'GET', headers = {}, body }: Wish = {},
  ): Promise<IncomingMessage> {
    const asked = request({
      ...this.#place(),
      path,
      method,
      agent: this.#agent,
      headers: { host: this.#url.host, ...headers },
    });
    const answered = once(asked, 'response') as Promise<[IncomingMessage]>;
    // Sent beside the wait for the answer, which may come before the end of the body.
    if (body === undefined) asked.end();
    else pipeline(body, asked).catch((error: Error) => asked.destroy(error));
    const [answer] = await answered;
    return answer;
  }

  /** Not open yet. */
  socket(path: string): WebSocket {
    const url = new URL(path, this.#url);
    url.protocol = 'wss:';
    return new WebSocket(url, {
      createConnection: () => connect({ ...this.#place(), ALPNProtocols: ['http/1.1'] }),
      perMessageDeflate: false,
    });
  }

  leave(): void {
    this.#agent.destroy();
  }

  /** Node does not resolve *.localhost (RFC 6761 §6.3). */
  #place(): { host: string; port: number; servername: string; ca: string } {
    const { hostname, port } = this.#url;
    return { host: '127.0.0.1', port: Number(port), servername: hostname, ca: this.#ca };
  }
}
