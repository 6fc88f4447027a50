// A tunnel's stream arrives; the same byte pipe leaves in the shape that node:http2 survives: it never ends, it only breaks.

import type { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';

import type { OriginStream } from '../origin-connection.ts';

/**
 * node:http2 reads a stream that is no socket through its JSStreamSocket. An end of such a stream makes it end its own
 * side, and a frame that wants to go out behind that fails an assertion, which ends the process: any origin could do it.
 * So an end is told apart, and the session is given up by `destroy`, which has no such trap.
 */
export class H2cPipe extends Duplex {
  readonly #stream: OriginStream;

  constructor(stream: OriginStream, onOriginEnd: () => void) {
    super({ readableHighWaterMark: 1, writableHighWaterMark: stream.writableHighWaterMark });
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) stream.pause();
    });
    stream.pause();
    stream.once('end', onOriginEnd);
    // 'close' follows; what it was is for whoever owns the stream.
    stream.on('error', () => undefined);
    stream.once('close', () => this.destroy());
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(
    chunk: Buffer,
    _encoding: string,
    callback: (error?: Error | null) => void,
  ): void {
    this.#stream.write(chunk, callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.#stream.cork();
    for (const [at, { chunk }] of chunks.entries()) {
      this.#stream.write(chunk, at === chunks.length - 1 ? callback : undefined);
    }
    this.#stream.uncork();
  }

  override _final(callback: () => void): void {
    this.#stream.end();
    callback();
  }

  override _destroy(_error: Error | null, callback: () => void): void {
    this.#stream.reset('cancelled');
    callback();
  }
}
