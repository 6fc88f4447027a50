// How people's tries end leaves here, to be counted: the port that this domain tells monitoring through.

/** How a try to sign in ended. */
export type LoginResult = 'ok' | 'factor' | 'failed' | 'locked' | 'busy';

/** What is counted (hub/telemetry/account-metrics.ts). */
export interface AccountCounts {
  login(result: LoginResult, method: string): void;
  stepUp(result: 'asked' | 'ok' | 'failed'): void;
  /** An address has failed so often that it is refused. */
  blocked(): void;
  loginEnded(): void;
  breachCheck(result: 'clean' | 'found' | 'unknown'): void;
  /** By an account's list of networks. */
  networkRefused(): void;
}
