// News of one caller arrive; the lines of one event stream leave (WHATWG HTML §9.2), for as long as he listens and his login lives.

import type { NewsItem } from './news.ts';

export interface ChannelOptions {
  /** Whether it is this caller's to know. Asked for each item, in their order. */
  readonly mayKnow: (item: NewsItem) => Promise<boolean>;
  readonly heartbeatMs: number;
  /** What may wait for a reader who does not read: then the channel is over, and he asks how things stand. */
  readonly bufferBytes: number;
  readonly onClosed: () => void;
}

/** A browser comes back after this time, and not with all the others at once. */
const retryMs = { least: 1000, spread: 2000 };

export class EventChannel {
  readonly content: ReadableStream<Uint8Array>;
  readonly #options: ChannelOptions;
  readonly #text = new TextEncoder();
  readonly #heartbeat: NodeJS.Timeout;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #told: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.content = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => this.close(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: options.bufferBytes }),
    );
    this.#heartbeat = setInterval(() => this.#write(': beat\n\n'), options.heartbeatMs);
    const retry = retryMs.least + Math.floor(Math.random() * retryMs.spread);
    // Whatever happened while nobody listened is not repeated: this is when to look.
    this.#write(`retry: ${retry}\nevent: ready\ndata: {}\n\n`);
  }

  /** In the order of the calls, though it takes time to find out whether it is his to know. */
  tell(item: NewsItem): void {
    if (this.#controller === undefined) return;
    this.#waiting += 1;
    if (this.#waiting > mostWaiting) return this.close();
    this.#told = this.#told.then(async () => this.#pass(item));
    return undefined;
  }

  close(): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    this.#controller = undefined;
    clearInterval(this.#heartbeat);
    try {
      controller.close();
    } catch {
      // Cancelled by its reader: it is closed.
    }
    this.#options.onClosed();
  }

  async #pass(item: NewsItem): Promise<void> {
    try {
      if (await this.#options.mayKnow(item))
        this.#write(`event: ${item.topic}\ndata: ${JSON.stringify(item.body)}\n\n`);
    } catch {
      // The database is away: he comes back, and looks.
      this.close();
    } finally {
      this.#waiting -= 1;
    }
  }

  #write(text: string): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    if ((controller.desiredSize ?? 0) <= 0) return this.close();
    controller.enqueue(this.#text.encode(text));
  }
}

/** Items whose reader is still being looked up: a database that has stopped answering must not pile them up. */
const mostWaiting = 256;
