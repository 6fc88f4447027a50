// Addresses arrive whose browsers have sent more than HTTP/2 can refuse with a word; they are remembered for the next connection, and forgotten soon.

/** A browser comes back at once, or its user has clicked "reload". */
const rememberedMs = 120_000;
/** Whoever is beyond it sees an error of the connection again, and nothing worse. */
const maxAddresses = 1000;

export class PlainlySpoken {
  readonly #untilByBucket = new Map<string, number>();
  readonly #nowMs: () => number;

  /** `nowMs`: monotonic milliseconds. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  add(bucket: string): void {
    const now = this.#nowMs();
    // Oldest first, since whoever comes again is put behind the others.
    this.#untilByBucket.delete(bucket);
    for (const [known, until] of this.#untilByBucket) {
      if (until > now && this.#untilByBucket.size < maxAddresses) break;
      this.#untilByBucket.delete(known);
    }
    this.#untilByBucket.set(bucket, now + rememberedMs);
  }

  has(bucket: string): boolean {
    const until = this.#untilByBucket.get(bucket);
    return until !== undefined && until > this.#nowMs();
  }
}
