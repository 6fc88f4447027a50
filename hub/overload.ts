// The memory of the process arrives, twice a second; whether there is room for another exchange or another agent leaves.

export interface OverloadOptions {
  /** What this process may take, bytes. */
  readonly limitBytes: number;
  /** Resident memory now, bytes. */
  readonly measure?: () => number;
  /** Told of each change, for the log. */
  readonly onChange: (state: { sheds: boolean; residentBytes: number }) => void;
}

/** Twice a second: at 1 Gbit/s that is 60 MB between two looks, well inside the room that is left above the marks. */
const lookEveryMs = 500;
/** New exchanges end here: what runs can still grow into its windows. */
const shedAt = 0.7;
/** Agents are told to come back later only here: without its agent a server is gone for everybody. */
const refuseAt = 0.85;
/** Memory falls slowly behind a collection; below this it is over. */
const calmAt = 0.65;

/**
 * Answers 503 before the kernel ends the process, and with it every film. Resident memory is what the kernel counts;
 * it holds buffers outside the heap, of which a relay mostly consists.
 */
export class Overload {
  readonly #options: OverloadOptions;
  readonly #measure: () => number;
  readonly #timer: NodeJS.Timeout;
  #share = 0;
  #sheds = false;

  constructor(options: OverloadOptions) {
    this.#options = options;
    this.#measure = options.measure ?? (() => process.memoryUsage.rss());
    this.#timer = setInterval(() => this.look(), lookEveryMs).unref();
  }

  /** New exchanges are refused. */
  get sheds(): boolean {
    return this.#sheds;
  }

  /** New links are refused as well. */
  get refusesAgents(): boolean {
    return this.#share >= refuseAt;
  }

  look(): void {
    const residentBytes = this.#measure();
    this.#share = residentBytes / this.#options.limitBytes;
    const sheds = this.#share >= (this.#sheds ? calmAt : shedAt);
    if (sheds === this.#sheds) return;
    this.#sheds = sheds;
    this.#options.onChange({ sheds, residentBytes });
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
