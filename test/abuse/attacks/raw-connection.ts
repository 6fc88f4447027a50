// A hub's address arrives; a TLS connection leaves on which any bytes can be said, and which tells how the hub ended it.

import { Buffer } from 'node:buffer';
import { connect, type TLSSocket } from 'node:tls';

import { frameType, preface } from '../../support/http2-frames.ts';
import type { Target } from './target.ts';

export interface Wish {
  /** Default: HTTP/2, whose preface is said at once. */
  readonly protocol?: 'h2' | 'http/1.1';
  readonly maxVersion?: 'TLSv1.2';
  /** Takes nothing from the kernel: the hub's writes fill every buffer on the way. */
  readonly isDeaf?: boolean;
}

/** A burst that the hub does not read in this time is not read: the attacker looks up now and then. */
const writeMs = 500;

export class RawConnection {
  readonly socket: TLSSocket;
  /** What the hub did; undefined while it does nothing. */
  ending: string | undefined;
  #goaway: string | undefined;
  #head = Buffer.alloc(0);
  /** Of the frame being skipped. */
  #left = 0;
  readonly #waiting = new Set<() => void>();

  /** Resolves when it can speak, or when the hub has ended it. */
  static async open(target: Target, wish: Wish): Promise<RawConnection> {
    const connection = new RawConnection(target, wish);
    await new Promise<void>((resolve) => {
      connection.socket.once('secureConnect', resolve);
      connection.#waiting.add(resolve);
    });
    if (connection.ending === undefined && wish.protocol !== 'http/1.1')
      connection.socket.write(preface);
    return connection;
  }

  private constructor({ port, serverName }: Target, wish: Wish) {
    const protocol = wish.protocol ?? 'h2';
    this.socket = connect({
      host: '127.0.0.1',
      port,
      servername: serverName,
      rejectUnauthorized: false,
      ALPNProtocols: [protocol],
      ...(wish.maxVersion && { maxVersion: wish.maxVersion }),
    });
    this.socket.setMaxListeners(0);
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      const alert = /alert number (\d+)/.exec(error.message)?.[1];
      this.#end(alert === undefined ? (error.code ?? error.message) : `alert ${alert}`);
    });
    this.socket.on('end', () => this.#end('closed'));
    this.socket.on('close', () => this.#end('closed'));
    if (wish.isDeaf === true) this.socket.pause();
    else this.socket.on('data', (bytes: Buffer) => protocol === 'h2' && this.#hear(bytes));
  }

  /** Resolves when it was taken, when it takes too long, or with the connection. */
  async write(bytes: Buffer): Promise<void> {
    if (this.ending !== undefined) return;
    if (this.socket.write(bytes)) {
      await new Promise((resolve) => setImmediate(resolve));
      return;
    }
    const drained = new Promise<void>((resolve) => this.socket.once('drain', resolve));
    await Promise.race([drained, this.over(writeMs)]);
  }

  /** Resolves when the hub has ended it, or with the time. */
  over(ms: number): Promise<void> {
    if (this.ending !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waiting.add(done);
    });
  }

  /** Says how it ended. */
  leave(): string {
    const ending = this.ending ?? 'left by us';
    this.socket.destroy();
    return ending;
  }

  #end(how: string): void {
    this.ending ??= this.#goaway === undefined ? nameOf(how) : `${this.#goaway}, ${nameOf(how)}`;
    for (const done of this.#waiting) done();
  }

  /** Looks for GOAWAY only; whatever else the hub says is skipped. */
  #hear(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0) {
      const skipped = Math.min(this.#left, rest.length);
      this.#left -= skipped;
      rest = rest.subarray(skipped);
      const wanted = Math.min(17 - this.#head.length, rest.length);
      if (this.#left > 0 || wanted === 0) continue;
      this.#head = Buffer.concat([this.#head, rest.subarray(0, wanted)]);
      rest = rest.subarray(wanted);
      this.#readHead();
    }
  }

  /** Seventeen bytes: a frame's head and the first two numbers of a GOAWAY. Of shorter frames it holds more than one. */
  #readHead(): void {
    while (this.#head.length >= 9) {
      const end = 9 + this.#head.readUIntBE(0, 3);
      const isGoaway = this.#head.readUInt8(3) === frameType.goaway;
      if (isGoaway && this.#head.length < 17) return;
      if (isGoaway) this.#goaway = `goaway ${this.#head.readUInt32BE(13)}`;
      this.#left = Math.max(0, end - this.#head.length);
      this.#head = this.#head.subarray(Math.min(end, this.#head.length));
    }
  }
}

function nameOf(how: string): string {
  return how === 'ECONNRESET' || how === 'EPIPE' ? 'reset' : how;
}
