// Proofs that one solver gives arrive, and go on record while they stand; those that processes which died have left behind leave.

import { proofLifeMs } from './proof-life.ts';
import type { Challenge, ChallengeStore } from './solver.ts';

export class StandingProofs {
  readonly #store: ChallengeStore;
  readonly #now: () => Date;
  /** By their key authorization, which has the token. */
  readonly #own = new Set<string>();

  constructor(store: ChallengeStore, now = () => new Date()) {
    this.#store = store;
    this.#now = now;
  }

  async put(challenge: Challenge): Promise<void> {
    this.#own.add(challenge.keyAuthorization);
    await this.#store.put(challenge, new Date(this.#now().getTime() + proofLifeMs));
  }

  /** It is not needed any more. While it is on record nevertheless, it counts as left behind. */
  giveUp({ keyAuthorization }: Challenge): void {
    this.#own.delete(keyAuthorization);
  }

  async remove(challenge: Challenge): Promise<void> {
    this.giveUp(challenge);
    await this.#store.remove(challenge);
  }

  /**
   * Of the same name and account as `challenge`. Orders of one account for the same names come one at a time (the order log),
   * so what is on record, and not from here, has nobody any more.
   */
  async left({ kind, name, keyAuthorization }: Challenge): Promise<Challenge[]> {
    const standing = await this.#store.listByName(kind, name);
    return standing.filter(
      (other) =>
        !this.#own.has(other.keyAuthorization) &&
        accountOf(other.keyAuthorization) === accountOf(keyAuthorization),
    );
  }
}

/** The thumbprint of its key (RFC 8555 §8.1). */
function accountOf(keyAuthorization: string): string {
  return keyAuthorization.slice(keyAuthorization.indexOf('.') + 1);
}
