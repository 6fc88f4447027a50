// A challenge of an authority arrives; the proof that the name is ours appears where the authority looks for it, and goes again.

export type ChallengeKind = 'dns-01' | 'http-01' | 'tls-alpn-01';

/** One identifier's challenge (RFC 8555 §8). */
export interface Challenge {
  readonly kind: ChallengeKind;
  /** Without the `*.` of a wildcard (RFC 8555 §7.1.4). */
  readonly name: string;
  readonly token: string;
  /** token || '.' || thumbprint of the account key. */
  readonly keyAuthorization: string;
}

export interface Solver {
  readonly kind: ChallengeKind;
  /** Resolves once the proof is stored; that the authority can see it is `wait`'s to know. */
  present(challenge: Challenge, signal: AbortSignal): Promise<void>;
  /** Resolves when the authority will see it, or rejects with what the operator has to change. */
  wait(challenge: Challenge, signal: AbortSignal): Promise<void>;
  /** Also called after a failed `present`, and after an abort; never rejects for what is already gone. */
  cleanUp(challenge: Challenge): Promise<void>;
}

/** What http-01 and tls-alpn-01 answer with, on whichever process the authority happens to reach, and what dns-01 has to take away. */
export interface ChallengeStore {
  put(challenge: Challenge, expiresAt: Date): Promise<void>;
  remove(challenge: Challenge): Promise<void>;
  /** All that an authority may ask for at a door now, http-01 and tls-alpn-01, the youngest first. */
  listOpen(): Promise<Challenge[]>;
  findByName(kind: ChallengeKind, name: string): Promise<Challenge | undefined>;
  /** Also those of dns-01 whose time is over: their records stand until somebody removes them. */
  listByName(kind: ChallengeKind, name: string): Promise<Challenge[]>;
}
