// A socket arrives; a conversation in lines leaves, in which either end may fall silent or go.

import type { Socket } from 'node:net';

/** Ours are a few hundred bytes; whoever sends more is somebody else. */
const maxLineChars = 64 * 1024;

export class LineSocket {
  readonly #socket: Socket;
  readonly #lines: string[] = [];
  #rest = '';
  #onLine: () => void = () => undefined;
  /** Resolves when the other end is gone. */
  readonly closed: Promise<void>;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => this.#receive(text));
    // A half that ends has nothing more to say, and would not be answered.
    socket.on('end', () => this.#onLine());
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#onLine();
        resolve();
      });
    });
  }

  /** The next line; undefined when none comes within the time, or none can come. */
  async next(withinMs: number): Promise<string | undefined> {
    if (this.#lines.length === 0 && !this.#socket.readableEnded && !this.#socket.destroyed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        this.#onLine = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#onLine = () => undefined;
    }
    return this.#lines.shift();
  }

  send(line: string): void {
    this.#socket.write(`${line}\n`);
  }

  /** Says the last word, if there is one. */
  end(text = ''): void {
    this.#socket.end(text);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    const pieces = (this.#rest + text).split('\n');
    this.#rest = pieces.pop() ?? '';
    this.#lines.push(...pieces);
    if (this.#rest.length > maxLineChars) this.#socket.destroy();
    if (pieces.length > 0) this.#onLine();
  }
}
