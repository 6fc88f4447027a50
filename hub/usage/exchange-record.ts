// What is known of a visitor's exchange when it is over leaves here, for whoever keeps a record: an access log, traces.

export interface ExchangeRecord {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** The three below: milliseconds from then on. Undefined: it did not come so far. */
  readonly linkedMs: number | undefined;
  readonly answeredMs: number | undefined;
  readonly durationMs: number;
  /** Undefined: nobody answered. */
  readonly status: number | undefined;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** How often it went on after its line broke. */
  readonly resumes: number;
  /** The hub's code, where it was the hub that answered or broke off. */
  readonly failure: string | undefined;
}
