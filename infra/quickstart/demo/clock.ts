// Visitors who upgrade to WebSocket arrive; the time leaves once a second, and each message they send comes back with it.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { WebSocketServer } from 'ws';

/** What the page shows. `echo` is what the visitor sent, so that the page can time the way there and back. */
interface Tick {
  readonly now: number;
  readonly watching: number;
  readonly echo?: string;
}

export class Clock {
  /** The page sends short numbers; anything longer is not from it. */
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: 64 });
  readonly #timer = setInterval(() => this.#tick(), 1000);

  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, (visitor) => {
      visitor.on('error', () => visitor.terminate());
      visitor.on('message', (message: Buffer) => visitor.send(this.#now(message.toString())));
      visitor.send(this.#now());
    });
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const visitor of this.#server.clients) visitor.close(1001);
    this.#server.close();
  }

  #tick(): void {
    for (const visitor of this.#server.clients) visitor.send(this.#now());
  }

  #now(echo?: string): string {
    const tick: Tick = {
      now: Date.now(),
      watching: this.#server.clients.size,
      ...(echo !== undefined && { echo }),
    };
    return JSON.stringify(tick);
  }
}
