// What becomes of bearers and of devices that ask to be let in leaves here, for what is counted (hub/telemetry/account-metrics.ts).

export interface TokenCounts {
  /** A request that bears a token: it is good, or nobody's, or one too many, or from a network that it is not for. */
  bearer(result: 'ok' | 'refused' | 'locked' | 'network'): void;
  device(step: 'opened' | 'full' | 'approved' | 'denied' | 'fetched' | 'wrong-code'): void;
}

/** For rooms that are tested without. */
export const noTokenCounts: TokenCounts = { bearer: () => undefined, device: () => undefined };
