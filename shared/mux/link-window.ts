// The bound on a link's bytes in flight: sends and acknowledgements come in, room to send goes out. It aims at 10 ms of queue.

import { ProtocolError } from '../errors.ts';
import {
  maxLinkWindowBytes,
  minLinkWindowBytes,
  slowLineDataBytes,
  maxDataBytes,
} from '../wire/limits.ts';

/** Queue that the link may build on top of the line's own delay: enough to keep the line full, too little to be felt. */
const targetQueueMs = 10;
/** The line's own delay is measured anew when it was not seen again for this long: routes change, and a standing queue hides. */
const remeasureAfterMs = 10_000;
/** At the floor with a full queue, the delay itself has probably grown: measure soon, but not in a loop. */
const remeasureAtFloorMs = 2_000;
/** In flight while measuring: two frames of a slow line, one of which is always acknowledged (an ack needs 16 KiB). */
const measuringBytes = 32 * 1024;
/** Samples of which the least counts: a pause of either process delays a burst of acks, but rarely four in a row. */
const samplesKept = 4;
/** From here up a 64 KiB frame passes in 3.3 ms, and smaller frames would only cost CPU. 160 Mbit/s. */
const fastLineBytesPerMs = 20_000;
const rateIntervalMs = 50;
/** A queue is gone soon after its last byte. */
const queueKnownMs = 2000;

/** Frames in flight that are remembered: 16 MiB in frames of 2 KiB. A peer that grants byte by byte makes more. */
const maxSentRecords = 8192;

interface Sent {
  endOffset: number;
  atMs: number;
  isMeasuring: boolean;
}

export class LinkWindow {
  #limitBytes = minLinkWindowBytes;
  #sentBytes = 0;
  #ackedBytes = 0;
  #minRttMs = Number.POSITIVE_INFINITY;
  #minRttSeenAtMs = 0;
  #samples: number[] = [];
  #sampledAtMs = Number.NEGATIVE_INFINITY;
  #sent: Sent[] = [];
  #sentHead = 0;
  #isStarting = true;
  #isMeasuring = false;
  #wasFull = false;
  #rateBytesPerMs = 0;
  #rateFromMs = 0;
  #rateFromBytes = 0;

  get limitBytes(): number {
    return this.#limitBytes;
  }

  get inFlightBytes(): number {
    return this.#sentBytes - this.#ackedBytes;
  }

  /** Sends that wait for their acknowledgement, as far as they are told apart. */
  get recordCount(): number {
    return this.#sent.length - this.#sentHead;
  }

  /** The line's delay without our queue; undefined before the first measurement. */
  get minRttMs(): number | undefined {
    return Number.isFinite(this.#minRttMs) ? this.#minRttMs : undefined;
  }

  /** How long what is sent now waits on the way; undefined when nothing was sent of late. */
  queueMs(nowMs: number): number | undefined {
    if (this.#samples.length === 0 || nowMs - this.#sampledAtMs > queueKnownMs) return undefined;
    return Math.max(0, Math.min(...this.#samples) - this.#minRttMs);
  }

  /** Payload of the next data frame: small on slow lines, where a large one would delay whoever comes next. */
  get frameBytes(): number {
    if (this.#isMeasuring) return slowLineDataBytes;
    return this.#rateBytesPerMs >= fastLineBytesPerMs ? maxDataBytes : slowLineDataBytes;
  }

  /**
   * Bytes that may be sent now while bytes wait: 0 until there is room for half a frame, so that no crumbs are sent.
   * A 0 also tells the window that it is what holds the sender back.
   */
  room(frameBytes: number): number {
    const limit = this.#isMeasuring ? measuringBytes : this.#limitBytes;
    const room = limit - this.inFlightBytes;
    if (room >= frameBytes / 2) return room;
    this.#wasFull = true;
    return 0;
  }

  /** A round trip measured on an idle link, by ping. */
  seed(rttMs: number, nowMs: number): void {
    if (rttMs <= this.#minRttMs) this.#setMinRtt(rttMs, nowMs);
  }

  onSent(bytes: number, nowMs: number): void {
    this.#sentBytes += bytes;
    const isMeasuring = this.#isMeasuring && this.inFlightBytes <= measuringBytes;
    const sent = { endOffset: this.#sentBytes, atMs: nowMs, isMeasuring };
    const last = this.#sent.at(-1);
    // Beyond that the round trip is measured on several frames at once.
    if (last === undefined || this.recordCount < maxSentRecords) this.#sent.push(sent);
    else Object.assign(last, sent);
  }

  /** @throws ProtocolError protocol.flow-control when more is acknowledged than was sent */
  onAck(bytes: number, nowMs: number): void {
    if (bytes > this.inFlightBytes) {
      throw new ProtocolError(
        'protocol.flow-control',
        `${bytes} bytes acknowledged of ${this.inFlightBytes} in flight`,
      );
    }
    this.#ackedBytes += bytes;
    this.#measureRate(nowMs);
    const newest = this.#forgetAcked();
    if (newest === undefined) return;
    const rttMs = nowMs - newest.atMs;
    if (newest.isMeasuring) this.#endMeasuring(rttMs, nowMs);
    else if (rttMs <= this.#minRttMs) this.#setMinRtt(rttMs, nowMs);
    this.#sampledAtMs = nowMs;
    if (!this.#isMeasuring) this.#adapt(bytes, this.#filter(rttMs), nowMs);
  }

  #adapt(ackedBytes: number, rttMs: number, nowMs: number): void {
    const queueMs = rttMs - this.#minRttMs;
    if (queueMs > targetQueueMs / 2) this.#isStarting = false;
    if (queueMs < targetQueueMs) {
      if (this.#wasFull) this.#grow(ackedBytes * this.#gain() * (1 - queueMs / targetQueueMs));
    } else {
      const excess = Math.min(1, queueMs / targetQueueMs - 1);
      this.#grow(-ackedBytes * this.#gain() * excess);
    }
    this.#wasFull = false;
    const sinceMs = nowMs - this.#minRttSeenAtMs;
    const isAtFloor = this.#limitBytes === minLinkWindowBytes && queueMs > targetQueueMs;
    if (sinceMs > (isAtFloor ? remeasureAtFloorMs : remeasureAfterMs)) this.#isMeasuring = true;
  }

  /**
   * Half of what was acknowledged while starting: 1.5 times per round trip. Then less the longer the line is against the
   * target, because the answer to a step comes a round trip late and a larger gain would swing.
   */
  #gain(): number {
    if (this.#isStarting) return 0.5;
    return 0.5 * Math.min(1, (2 * targetQueueMs) / (this.#minRttMs + targetQueueMs));
  }

  #grow(bytes: number): void {
    this.#limitBytes = Math.round(
      Math.min(maxLinkWindowBytes, Math.max(minLinkWindowBytes, this.#limitBytes + bytes)),
    );
  }

  #endMeasuring(rttMs: number, nowMs: number): void {
    this.#isMeasuring = false;
    this.#samples = [];
    this.#setMinRtt(rttMs, nowMs);
  }

  #setMinRtt(rttMs: number, nowMs: number): void {
    this.#minRttMs = rttMs;
    this.#minRttSeenAtMs = nowMs;
  }

  #filter(rttMs: number): number {
    this.#samples.push(rttMs);
    if (this.#samples.length > samplesKept) this.#samples.shift();
    return Math.min(...this.#samples);
  }

  /** Drops the records of acknowledged frames and returns the newest of them: the one whose arrival made the peer answer. */
  #forgetAcked(): Sent | undefined {
    let newest: Sent | undefined;
    for (;;) {
      const next = this.#sent[this.#sentHead];
      if (next === undefined || next.endOffset > this.#ackedBytes) break;
      newest = next;
      this.#sentHead += 1;
    }
    if (this.#sentHead > 1024 || this.#sentHead === this.#sent.length) {
      this.#sent = this.#sent.slice(this.#sentHead);
      this.#sentHead = 0;
    }
    return newest;
  }

  /** The best rate of late: what the line can do, not what the last small request needed. */
  #measureRate(nowMs: number): void {
    const elapsedMs = nowMs - this.#rateFromMs;
    if (elapsedMs < rateIntervalMs) return;
    const rate = (this.#ackedBytes - this.#rateFromBytes) / elapsedMs;
    // Falls by half in 35 busy intervals, about two seconds of traffic.
    this.#rateBytesPerMs = Math.max(rate, this.#rateBytesPerMs * 0.98);
    this.#rateFromMs = nowMs;
    this.#rateFromBytes = this.#ackedBytes;
  }
}
