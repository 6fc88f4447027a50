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
  #dueAtMs = 0;
  #rttMs: number | undefined;
  #isStopped = false;

  constructor(options: KeepaliveOptions) {
    this.#options = options;
  }

  /** Latest round trip in milliseconds. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** The first ping leaves now: it seeds the link's window. */
  start(): void {
    this.#ping(this.#options.deadlineMs);
  }

  /** Asks now, and for a sooner answer: whoever calls has a reason to doubt that the line still stands. */
  probe(deadlineMs: number): void {
    if (this.#isStopped) return;
    // Asked already, and due sooner: asking again and again must not put the answer off.
    const isDueSooner = this.#dueAtMs <= this.#options.nowMs() + deadlineMs;
    if (this.#awaited !== undefined && isDueSooner) return;
    clearTimeout(this.#timer);
    this.#ping(deadlineMs);
  }

  stop(): void {
    this.#isStopped = true;
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
    this.#timer = setTimeout(() => this.#ping(this.#options.deadlineMs), this.#options.intervalMs);
  }

  #ping(deadlineMs: number): void {
    this.#awaited = randomBytes(8);
    this.#sentAtMs = this.#options.nowMs();
    this.#dueAtMs = this.#sentAtMs + deadlineMs;
    this.#options.send(this.#awaited);
    this.#timer = setTimeout(() => this.#options.onDead(), deadlineMs);
  }
}
