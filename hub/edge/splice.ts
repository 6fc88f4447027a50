// Two byte pipes, a visitor's connection and an origin's, become one: bytes, half-closes and aborts pass both ways, no faster than the slower side.

import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { Meter } from '../usage/meter.ts';
import type { ConnectionUser, OriginConnection } from './origin-connection.ts';
import { PieceWriter } from './piece-writer.ts';
import type { VisitorUpgrade } from './visitor.ts';

/** What a visitor may send before the origin has agreed; an honest WebSocket client waits for the 101. */
const maxHeldBytes = 65_536;

/** Holds the visitor's bytes from the start; they move only after `start`, when both ends speak the new protocol. */
export class Splice implements ConnectionUser {
  readonly #pipe: Duplex;
  readonly #cut: () => void;
  readonly #pieces: PieceWriter;
  readonly #idleTimeoutMs: number;
  readonly #meter: Meter | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #connection: OriginConnection | undefined;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #hasVisitorEnded = false;
  #hasOriginEnded = false;
  #isOriginFull = false;

  constructor(
    visitor: Pick<VisitorUpgrade, 'pipe' | 'firstBytes' | 'cut'>,
    idleTimeoutMs: number,
    meter?: Meter,
  ) {
    const { pipe } = visitor;
    this.#pipe = pipe;
    this.#cut = () => visitor.cut();
    this.#pieces = new PieceWriter(pipe, () => this.#onVisitorRoom());
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#meter = meter;
    this.#hold(visitor.firstBytes);
    pipe.on('data', (chunk: Buffer) => this.#onVisitorChunk(chunk));
    pipe.on('drain', () => this.#onVisitorDrain());
    pipe.on('end', () => this.#onVisitorEnd());
    // Of HTTP/2 streams: reset, which with NO_ERROR would look like an 'end'.
    pipe.on('aborted', () => this.#onVisitorClosed());
    pipe.on('close', () => this.#onVisitorClosed());
  }

  /** Joins the two. The origin's first bytes go to the visitor before anything else. */
  start(connection: OriginConnection, firstBytes: Buffer): void {
    this.#connection = connection;
    connection.use(this);
    this.#meet(this.#meter);
    this.#idleTimer = setTimeout(() => this.#destroy(), this.#idleTimeoutMs);
    if (firstBytes.length > 0) this.onChunk(firstBytes);
    for (const chunk of this.#held) this.#toOrigin(connection, chunk);
    this.#held = [];
    if (this.#hasVisitorEnded) connection.end();
    this.#letVisitorSend();
  }

  onChunk(chunk: Buffer): void {
    this.#idleTimer?.refresh();
    const isInTime = this.#meter === undefined || this.#meter.down(chunk.length);
    const takesMore = this.#pieces.write(chunk);
    if (this.#meter !== undefined) this.#meter.isViewerFull = !takesMore;
    if (!takesMore || !isInTime) this.#connection?.pause();
  }

  onDrain(): void {
    this.#idleTimer?.refresh();
    this.#isOriginFull = false;
    this.#letVisitorSend();
  }

  onEnd(): void {
    this.#hasOriginEnded = true;
    this.#pipe.end();
  }

  onClosed(error: Error | undefined): void {
    clearTimeout(this.#idleTimer);
    if (error !== undefined || !this.#hasOriginEnded) this.#cut();
  }

  #onVisitorChunk(chunk: Buffer): void {
    if (this.#connection === undefined) {
      this.#hold(chunk);
      return;
    }
    this.#idleTimer?.refresh();
    this.#toOrigin(this.#connection, chunk);
  }

  #onVisitorDrain(): void {
    this.#idleTimer?.refresh();
    this.#onVisitorRoom();
  }

  #onVisitorRoom(): void {
    if (this.#meter !== undefined) this.#meter.isViewerFull = false;
    if (this.#meter?.isDownHeld !== true) this.#connection?.resume();
  }

  #toOrigin(connection: OriginConnection, chunk: Buffer): void {
    const isInTime = this.#meter === undefined || this.#meter.up(chunk.length);
    this.#isOriginFull = !connection.write(chunk);
    if (this.#isOriginFull || !isInTime) this.#pipe.pause();
  }

  #letVisitorSend(): void {
    if (!this.#isOriginFull && this.#meter?.isUpHeld !== true) this.#pipe.resume();
  }

  /** What a rate held back goes on when it is time for it. */
  #meet(meter: Meter | undefined): void {
    if (meter === undefined) return;
    meter.onUpRoom = () => this.#letVisitorSend();
    meter.onDownRoom = () => {
      if (!meter.isViewerFull) this.#connection?.resume();
    };
  }

  #onVisitorEnd(): void {
    this.#hasVisitorEnded = true;
    this.#connection?.end();
  }

  #onVisitorClosed(): void {
    this.#held = [];
    // His last bytes may still wait for an origin that reads no more: the clock runs on, and ends it.
    if (this.#hasVisitorEnded && this.#hasOriginEnded) return;
    clearTimeout(this.#idleTimer);
    this.#connection?.reset('cancelled');
    this.#connection = undefined;
  }

  #hold(chunk: Buffer): void {
    // The answer was not a 101 and has gone out: nobody will read what the visitor sends now.
    if (chunk.length === 0 || this.#pipe.writableEnded) return;
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes >= maxHeldBytes) this.#pipe.pause();
  }

  #destroy(): void {
    this.#connection?.reset('idle-timeout');
    this.#cut();
  }
}
