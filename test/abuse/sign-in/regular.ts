// A hub arrives; somebody whose browser it knows signs in again and again, and how long that took leaves.

import { ApiClient, password } from '../../support/api-client.ts';
import type { HubProcess } from '../../support/deployment.ts';
import { pause } from '../attacks/attack.ts';
import { regularName } from './stuffing.ts';

/** Between two sign-ins: each leaves a login behind, and none may be the attack. */
const everyMs = 500;

export interface SignIns {
  readonly done: number;
  /** What they were answered instead, by `status code`. */
  readonly refused: readonly string[];
  readonly medianMs: number;
  readonly worstMs: number;
}

export class Regular {
  readonly #client: ApiClient;

  private constructor(client: ApiClient) {
    this.#client = client;
  }

  /** The first admin of a fresh hub, whose browser it knows from then on. */
  static async settle(hub: HubProcess): Promise<Regular> {
    const client = new ApiClient(hub);
    await client.becomeAdmin(regularName);
    return new Regular(client);
  }

  /** Until `over` is; each with a connection of its own. */
  async signInUntil(over: Promise<unknown>): Promise<SignIns> {
    const attack = { isOver: false };
    const ended = over.finally(() => (attack.isOver = true));
    const times: number[] = [];
    const refused: string[] = [];
    while (!attack.isOver) {
      const askedAt = performance.now();
      const answer = await this.#signIn();
      times.push(Math.round(performance.now() - askedAt));
      if (answer !== '200 ') refused.push(answer);
      await Promise.race([pause(everyMs), ended]);
    }
    const sorted = times.toSorted((one, other) => one - other);
    return {
      done: times.length - refused.length,
      refused,
      medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
      worstMs: sorted.at(-1) ?? 0,
    };
  }

  async #signIn(): Promise<string> {
    const body = { username: regularName, password };
    return this.#client.ask('POST', '/api/v1/auth/login', { body }).then(
      ({ status, json }) => `${status} ${typeof json['code'] === 'string' ? json['code'] : ''}`,
      (error: Error) => error.message,
    );
  }
}
