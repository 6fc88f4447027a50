// One byte stream to an origin: its events arrive here, on listeners set once, and go to whoever uses the stream at the moment.

import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { ResetReason } from '../../shared/wire/codes.ts';
import type { CarryingStream } from '../usage/meter.ts';
import { PieceWriter, type PieceSink } from './piece-writer.ts';

/** A byte pipe to one connection at the origin: a stream of the tunnel. */
export type OriginStream = Duplex &
  CarryingStream &
  Pick<PieceSink, 'sendNow'> & { reset(reason: ResetReason): void };

export interface ConnectionUser {
  onChunk(chunk: Buffer): void;
  /** A write that returned false has been taken. */
  onDrain(): void;
  /** The origin has ended its direction. */
  onEnd(): void;
  /** The stream is gone, at most once; without an error when both directions had ended. */
  onClosed(error: Error | undefined): void;
}

/** An origin that answers a FIN at all does so at once; the time is the line's. */
const farewellMs = 5000;

export class OriginConnection {
  readonly #stream: OriginStream;
  readonly #pieces: PieceWriter;
  #user: ConnectionUser | undefined;
  #hasEnded = false;
  #isClosed = false;

  /** Carried an exchange before: the origin may be closing it just now. */
  isReused = false;

  /** Whom the origin takes for its visitor, where it is told; nobody else may use it. */
  readonly owner: string | undefined;

  constructor(stream: OriginStream, owner?: string) {
    this.#stream = stream;
    this.owner = owner;
    this.#pieces = new PieceWriter(stream, () => this.#user?.onDrain());
    stream.on('data', (chunk: Buffer) => this.#user?.onChunk(chunk));
    stream.on('drain', () => this.#user?.onDrain());
    stream.on('end', () => {
      this.#hasEnded = true;
      this.#user?.onEnd();
    });
    stream.on('error', (error) => this.#closed(error));
    stream.on('close', () => this.#closed(undefined));
  }

  /** What is known of it while it carries. */
  get stream(): CarryingStream {
    return this.#stream;
  }

  /** Both directions are open. */
  get isUsable(): boolean {
    return !this.#hasEnded && !this.#isClosed;
  }

  /** From now on events go to `user`; to nobody when undefined. */
  use(user: ConnectionUser | undefined): void {
    this.#user = user;
  }

  /** False: wait for `onDrain`. */
  write(bytes: Buffer): boolean {
    return this.#pieces.write(bytes);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Half-close. For upgraded connections only: behind a request an origin may take it for an abort (Kestrel does). */
  end(): void {
    this.#stream.end();
  }

  /** Ends an idle connection as HTTP clients do: the origin sees a FIN, not a reset, and answers it with its own. */
  retire(): void {
    const drop = (): void => this.reset('cancelled');
    const deadline = setTimeout(drop, farewellMs).unref();
    const onClosed = (): void => clearTimeout(deadline);
    this.use({ onChunk: drop, onEnd: () => undefined, onClosed, onDrain: () => undefined });
    this.#stream.end();
  }

  /** Gives the stream up: nobody hears of it any more. */
  reset(reason: ResetReason): void {
    this.#user = undefined;
    if (!this.#isClosed) this.#stream.reset(reason);
  }

  #closed(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#user?.onClosed(error);
  }
}
