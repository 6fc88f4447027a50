// The memory of the process arrives, twice a second; whether there is room for another exchange or another agent leaves.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Memory {
  /** What the kernel counts. */
  readonly residentBytes: number;
  /** What can be in use: the rest of the resident bytes are pages that the allocator keeps for the next who asks. */
  readonly heldBytes: number;
}

export interface OverloadOptions {
  /** What this process may take, bytes. */
  readonly limitBytes: number;
  readonly measure?: () => Memory;
  /** Collects all garbage. */
  readonly collect?: () => void;
  readonly nowMs?: () => number;
  /** Told of each change, for the log. */
  readonly onChange: (state: { sheds: boolean; residentBytes: number }) => void;
}

/** Twice a second: at 1 Gbit/s that is 60 MB between two looks, well inside the room that is left above the marks. */
const lookEveryMs = 500;
/** New exchanges end here: what runs can still grow into its windows. */
const shedAt = 0.7;
/** Agents are told to come back later only here: without its agent a server is gone for everybody. */
const refuseAt = 0.85;
/**
 * Memory falls slowly behind a collection; below this it is over. Or where the mean of what is resident and what is in use
 * lies below it: the nearer the limit, the more of it has to be nobody's.
 */
const calmAt = 0.65;
/** Where pages are retained that nobody uses, the marks lie this far above them: 200 MB of 4 GiB, three looks at 1 Gbit/s. */
const roomAboveRetained = 0.05;
/** Whatever is retained: from here on the kernel is too near to let anything begin. */
const shedAtLast = 0.97;
/** With no new exchange nothing is allocated, and V8 collects nothing by itself; a heap of 1 GB takes it half a second. */
const collectEveryMs = 5000;

/**
 * Answers 503 before the kernel ends the process, and with it every film. Resident memory is what the kernel counts;
 * it holds buffers outside the heap, of which a relay mostly consists.
 */
export class Overload {
  readonly #options: OverloadOptions;
  readonly #measure: () => Memory;
  readonly #collect: () => void;
  readonly #nowMs: () => number;
  readonly #timer: NodeJS.Timeout;
  #share = 0;
  /** How much of the limit was resident when it was over last, if it was more than in a calm hub. */
  #retainedShare = 0;
  #collectedAtMs = -Infinity;
  #sheds = false;

  constructor(options: OverloadOptions) {
    this.#options = options;
    this.#measure = options.measure ?? memoryMeter();
    this.#collect = options.collect ?? collector();
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#timer = setInterval(() => this.look(), lookEveryMs).unref();
  }

  /** New exchanges are refused. */
  get sheds(): boolean {
    return this.#sheds;
  }

  /** New links are refused as well. */
  get refusesAgents(): boolean {
    return this.#share >= this.#mark(refuseAt);
  }

  look(): void {
    const { limitBytes, onChange } = this.#options;
    const { residentBytes, heldBytes } = this.#measure();
    this.#share = residentBytes / limitBytes;
    const meanShare = (this.#share + heldBytes / limitBytes) / 2;
    const isCalm = this.#share < calmAt || (meanShare < calmAt && this.#share < shedAtLast);
    if (this.#share < calmAt) this.#retainedShare = 0;
    else if (this.#sheds && isCalm) this.#retainedShare = this.#share;
    const sheds = this.#sheds ? !isCalm : this.#share >= this.#mark(shedAt);
    if (sheds) this.#collectNowAndThen();
    if (sheds === this.#sheds) return;
    this.#sheds = sheds;
    onChange({ sheds, residentBytes });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The allocator gives few pages back once small things lie between them: without this a peak would be an overload for ever. */
  #mark(usual: number): number {
    return Math.max(usual, Math.min(shedAtLast, this.#retainedShare + roomAboveRetained));
  }

  #collectNowAndThen(): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#collectedAtMs < collectEveryMs) return;
    this.#collectedAtMs = nowMs;
    this.#collect();
  }
}

/** What is resident when the hub starts, besides what V8 knows of, is the program itself. */
function memoryMeter(): () => Memory {
  const programBytes = process.memoryUsage.rss() - knownBytes();
  return () => ({
    residentBytes: process.memoryUsage.rss(),
    heldBytes: programBytes + knownBytes(),
  });
}

function knownBytes(): number {
  const { heapTotal, external } = process.memoryUsage();
  return heapTotal + external;
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: { type: 'major' }) => void;
  return () => collect({ type: 'major' });
}
