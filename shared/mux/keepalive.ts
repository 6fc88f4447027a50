// Pings leave at an interval; replies come in and become a round trip; silence past the deadline means the link is dead.

import { randomBytes } from 'node:crypto';
import type { Buffer } from 'node:buffer';

export interface KeepaliveOptions {
  readonly intervalMs: number;
  readonly deadlineMs: number;
  readonly nowMs: () => number;
  readonly send: (payload: Buffer) => void;
  readonly onRtt: (rttMs: number) => void;
  readonly onDead: () => void;
}

export class Keepalive {
  readonly #options: KeepaliveOptions;
  #timer: NodeJS.Timeout | undefined;
  #awaited: Buffer | undefined;
  #sentAtMs = 0;
  #rttMs: number | undefined;

  constructor(options: KeepaliveOptions) {
    this.#options = options;
  }

  /** Latest round trip in milliseconds. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** The first ping leaves now: it seeds the link's window. */
  start(): void {
    this.#ping();
  }

  stop(): void {
    this.#awaited = undefined;
    clearTimeout(this.#timer);
  }

  /** A reply to anything but the last ping is old or invented, and proves nothing. */
  receiveReply(payload: Buffer): void {
    if (this.#awaited === undefined || !this.#awaited.equals(payload)) return;
    this.#awaited = undefined;
    this.#rttMs = this.#options.nowMs() - this.#sentAtMs;
    this.#options.onRtt(this.#rttMs);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ping(), this.#options.intervalMs);
  }

  #ping(): void {
    this.#awaited = randomBytes(8);
    this.#sentAtMs = this.#options.nowMs();
    this.#options.send(this.#awaited);
    this.#timer = setTimeout(() => this.#options.onDead(), this.#options.deadlineMs);
  }
}
