// A challenge arrives; any process of the hub can answer http://<name>/.well-known/acme-challenge/<token> with its proof, until it is removed.

import { proofLifeMs } from './proof-life.ts';
import type { Challenge, ChallengeStore, Solver } from './solver.ts';

export class HttpSolver implements Solver {
  readonly kind = 'http-01';
  readonly #store: ChallengeStore;
  readonly #now: () => Date;

  constructor(store: ChallengeStore, now = () => new Date()) {
    this.#store = store;
    this.#now = now;
  }

  async present(challenge: Challenge): Promise<void> {
    await this.#store.put(challenge, new Date(this.#now().getTime() + proofLifeMs));
  }

  /** The store is read at each question. That the name leads here is the preflight's to say: from inside, it often does not. */
  async wait(): Promise<void> {}

  async cleanUp(challenge: Challenge): Promise<void> {
    await this.#store.remove(challenge);
  }
}
