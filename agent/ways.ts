// The tunnel's URLs arrive in the hub's order; attempts leave through one after the other, the one that is not blocked first next time.

import type { Endpoint } from './config.ts';
import { asFailure, type AgentFailureCode } from './failure.ts';

/** After this a way that was blocked is tried first again: a firewall is rarely mended sooner, a hub's restart lasts seconds. */
const avoidMs = 10 * 60_000;

/** What another port may do better. What the hub itself has said counts at every door. */
const blocked = new Set<AgentFailureCode>([
  'hub.unreachable',
  'hub.timeout',
  'hub.certificate',
  'hub.unexpected',
  'tunnel.unbound',
  'proxy.refused',
  'link.lost',
  'link.silent',
]);

export class Ways {
  readonly #lastResort: string;
  readonly #nowMs: () => number;
  readonly #avoidedUntilMs = new Map<string, number>();
  #preferred: readonly string[] = [];
  #areLost = false;

  constructor(
    hub: Pick<Endpoint, 'url'>,
    tunnelUrls: readonly string[],
    nowMs: () => number = () => performance.now(),
  ) {
    // Where the hub's website is, its tunnel is too: the one port that no network blocks.
    this.#lastResort = new URL('/tunnel', hub.url.replace(/^https:/, 'wss:')).href;
    this.#nowMs = nowMs;
    this.learn(tunnelUrls);
  }

  /** What the hub says today. */
  learn(tunnelUrls: readonly string[]): void {
    const urls = new Set(tunnelUrls.map((url) => new URL(url).href));
    urls.delete(this.#lastResort);
    this.#preferred = [...urls];
    this.#areLost = false;
  }

  /** None of them led to the hub last time: worth asking where it is today. */
  get areLost(): boolean {
    return this.#areLost;
  }

  /** Another network blocks other ports. */
  forget(): void {
    this.#avoidedUntilMs.clear();
  }

  /** All of them, in the order in which this slot tries them: several slots begin at several of the hub's URLs. */
  order(slot: number): string[] {
    const count = this.#preferred.length;
    const turned = this.#preferred.map((_, at) => this.#preferred[(at + slot) % count] ?? '');
    const all = [...turned, this.#lastResort];
    const nowMs = this.#nowMs();
    const isAvoided = (url: string): boolean => (this.#avoidedUntilMs.get(url) ?? 0) > nowMs;
    return [...all.filter((url) => !isAvoided(url)), ...all.filter(isAvoided)];
  }

  /** The first attempt that succeeds. @throws the first one's failure, or at once what no other way would change */
  async through<Result>(
    slot: number,
    attempt: (tunnelUrl: string) => Promise<Result>,
  ): Promise<Result> {
    const failed: string[] = [];
    let first: unknown;
    for (const url of this.order(slot)) {
      try {
        const result = await attempt(url);
        this.#remember(url, failed);
        return result;
      } catch (error) {
        if (!blocked.has(asFailure(error).code)) throw error;
        first ??= error;
        failed.push(url);
      }
    }
    // Nothing answered anywhere: that is no matter of ports, so none is avoided for it.
    this.#areLost = true;
    throw first;
  }

  #remember(url: string, failed: readonly string[]): void {
    this.#areLost = false;
    this.#avoidedUntilMs.delete(url);
    for (const other of failed) this.#avoidedUntilMs.set(other, this.#nowMs() + avoidMs);
  }
}
