// What one stranger may use of the hub's own API. Every number is a setting; the reason stands beside its default.

export interface ApiLimits {
  /** From the question for a nonce to its use. An agent needs a second; five minutes are for one that is suspended in between. */
  readonly enrolNonceMs: number;
  /** A token, a key, a signature and a name are 500 bytes. */
  readonly enrolBytes: number;
  /** For the whole body: whoever sends a byte a minute is not waited for. */
  readonly enrolTimeoutMs: number;
  /** Of any other body that declares nothing else: the largest form of the dashboard is a tenth of it. */
  readonly bodyBytes: number;
  readonly bodyTimeoutMs: number;
}

export const defaultApiLimits: ApiLimits = {
  enrolNonceMs: 300_000,
  enrolBytes: 8192,
  enrolTimeoutMs: 10_000,
  bodyBytes: 65_536,
  bodyTimeoutMs: 10_000,
};
