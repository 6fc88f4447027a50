// A test plays the other end of a link by hand: frames it writes arrive at once, frames it is sent are kept to be looked at.

import { Buffer } from 'node:buffer';
import type { Transport } from '../../shared/mux/transport.ts';
import { decodeFrames, encodeFrames, type NaiveFrame } from './naive-codec.ts';

export class ScriptedPeer {
  /** The end that is under test: for a FramePipe. */
  readonly transport: Transport;
  /** What was sent to this peer, chunk by chunk. */
  readonly chunks: Buffer[] = [];
  /** How the end under test left the link. */
  state: 'open' | 'closed' | 'destroyed' = 'open';
  /** A peer that does not read leaves what it is sent in the sender's memory. */
  #isReading = true;
  #unwritten: (() => void)[] = [];

  constructor() {
    this.transport = {
      send: (chunk, written) => {
        this.chunks.push(Buffer.from(chunk));
        if (written === undefined) return;
        if (this.#isReading) queueMicrotask(written);
        else this.#unwritten.push(written);
      },
      close: () => {
        if (this.state === 'open') this.state = 'closed';
      },
      destroy: (error) => {
        if (this.state === 'destroyed') return;
        this.state = 'destroyed';
        queueMicrotask(() => this.transport.onClosed(error));
      },
      onChunk: () => {},
      onClosed: () => {},
    };
  }

  /** All frames in one chunk. What the end under test throws is thrown here. */
  send(...frames: readonly NaiveFrame[]): void {
    this.sendBytes(encodeFrames(frames));
  }

  sendBytes(bytes: Buffer): void {
    this.transport.onChunk(bytes);
  }

  stopReading(): void {
    this.#isReading = false;
  }

  resumeReading(): void {
    this.#isReading = true;
    for (const written of this.#unwritten.splice(0)) written();
  }

  /** The line goes away under both. */
  vanish(error?: Error): void {
    this.state = 'destroyed';
    this.transport.onClosed(error);
  }

  get received(): NaiveFrame[] {
    return decodeFrames(Buffer.concat(this.chunks));
  }

  /** The frames of one type, in order. */
  receivedOf(type: number): NaiveFrame[] {
    return this.received.filter((frame) => frame.type === type);
  }

  get receivedBytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }
}

/** Lets everything happen that is due now: sessions send at the end of a turn of the event loop. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
}
