// What happens in a hub is counted here; the counts leave for the log and for tests. They only ever go up, from the start of the process.

export class Counter {
  #value = 0;

  get value(): number {
    return this.#value;
  }

  increment(): void {
    this.#value += 1;
  }
}

/** Why a response that broke off was not taken up again. */
export const resumeFailures = [
  'not-partial',
  'validator',
  'range',
  'representation',
  'timeout',
  'no-progress',
  'broken',
  'server-gone',
  'hub-draining',
  'visitor-left',
] as const;

export type ResumeFailureReason = (typeof resumeFailures)[number];

export class Counters {
  /** Exchanges that broke off and may go on: each ends as one of the other three. */
  readonly resumesStarted = new Counter();
  readonly resumesSucceeded = new Counter();
  readonly resumesFailed: Readonly<Record<ResumeFailureReason, Counter>>;
  /** Nothing of a response had reached the visitor: the request itself was sent again. */
  readonly requestsReplayed = new Counter();

  constructor() {
    const counters = resumeFailures.map((reason) => [reason, new Counter()] as const);
    this.resumesFailed = Object.fromEntries(counters) as Record<ResumeFailureReason, Counter>;
  }

  /** The counts now, for the log. */
  get counted() {
    return {
      resumesStarted: this.resumesStarted.value,
      resumesSucceeded: this.resumesSucceeded.value,
      resumesFailed: Object.fromEntries(
        resumeFailures.map((reason) => [reason, this.resumesFailed[reason].value]),
      ),
      requestsReplayed: this.requestsReplayed.value,
    };
  }
}
