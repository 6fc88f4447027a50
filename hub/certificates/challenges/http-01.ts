// A challenge arrives; any process of the hub can answer http://<name>/.well-known/acme-challenge/<token> with its proof, until it is removed.

import type { Challenge, ChallengeStore, Solver } from './solver.ts';
import { StandingProofs } from './standing-proofs.ts';

export class HttpSolver implements Solver {
  readonly kind = 'http-01';
  readonly #proofs: StandingProofs;

  constructor(store: ChallengeStore, now = () => new Date()) {
    this.#proofs = new StandingProofs(store, now);
  }

  async present(challenge: Challenge): Promise<void> {
    for (const left of await this.#proofs.left(challenge)) await this.#proofs.remove(left);
    await this.#proofs.put(challenge);
  }

  /** The store is read at each question. That the name leads here is the preflight's to say: from inside, it often does not. */
  async wait(): Promise<void> {}

  async cleanUp(challenge: Challenge): Promise<void> {
    await this.#proofs.remove(challenge);
  }
}
