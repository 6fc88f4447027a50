// A running curl arrives; what it has so far can be waited for, and its whole answer leaves when it has ended.

import { Buffer } from 'node:buffer';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';

interface Downloaded {
  /** 18: the connection closed with bytes outstanding; 92: the stream was reset. */
  readonly exitCode: number;
  readonly status: number;
  readonly body: Buffer;
}

export class Download {
  readonly done: Promise<Downloaded>;
  readonly #moved = new EventEmitter();
  readonly #pieces: Buffer[] = [];
  #bytes = 0;
  #told = '';
  #hasEnded = false;

  /** `curl` was started with `--verbose`. */
  constructor(curl: ChildProcess) {
    curl.stdout?.on('data', (piece: Buffer) => this.#take(piece));
    curl.stderr?.on('data', (text: Buffer) => (this.#told += text.toString('latin1')));
    this.done = once(curl, 'close').then(([exitCode]) => {
      this.#hasEnded = true;
      this.#moved.emit('moved');
      const status = Number(/^< HTTP\/\S+ (\d{3})/m.exec(this.#told)?.[1] ?? 0);
      return { exitCode: Number(exitCode), status, body: Buffer.concat(this.#pieces) };
    });
  }

  /** Resolves when so many bytes have come. @throws with what curl told when they will not */
  async reaches(bytes: number): Promise<void> {
    while (this.#bytes < bytes) {
      if (this.#hasEnded) throw new Error(`${this.#bytes} of ${bytes} bytes came\n${this.#told}`);
      await once(this.#moved, 'moved');
    }
  }

  #take(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    this.#moved.emit('moved');
  }
}
