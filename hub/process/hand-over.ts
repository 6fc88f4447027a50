// A successor's words arrive; agents leave for it, or are taken again when it gives up: the agents' door changes hands.

import type { AddressInfo } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';

import { listenText, type ListenAddress, type PortSharing } from '../../shared/listen-address.ts';
import type { Logger } from '../../shared/log.ts';
import type { AgentLink } from '../gateway/agent-link.ts';
import { listenFailure } from '../doors/listen-failure.ts';

/** Agents dial within a second; one that cannot reach the other process keeps its link until this one ends. */
export const movePatienceMs = 10_000;

/** Agents that find nobody come back within seconds. */
const relistenMs = 500;

export interface HandOverOptions {
  readonly gateway: {
    listen(address: string, sharing: PortSharing): Promise<AddressInfo>;
    stopListening(): void;
    moveLinks(
      deadlineMs: number,
      isAsked: (link: Pick<AgentLink, 'isGuest'>) => boolean,
    ): Promise<{ links: number; moved: number }>;
  };
  /** Where the agents' door really is, with the port that it got. */
  readonly address: () => ListenAddress;
  readonly log: Logger;
}

export class HandOver {
  readonly #options: HandOverOptions;
  /** Aborted when the way back is no longer wanted. */
  #comeback = new AbortController();
  #comingBack = Promise.resolve();
  #isOver = false;

  constructor(options: HandOverOptions) {
    this.#options = options;
  }

  /**
   * Guests are left alone: at the visitors' door they would find this process again, or nobody, until it has changed hands
   * too. They are asked when this hub drains.
   */
  async begin(): Promise<{ links: number; moved: number }> {
    const { gateway, log } = this.#options;
    this.#comeback.abort();
    gateway.stopListening();
    const moved = await gateway.moveLinks(movePatienceMs, ({ isGuest }) => !isGuest);
    log.info(moved, 'agents moved to another hub');
    return moved;
  }

  /** The successor gave up. Whatever is left of it may still hold the port, so this one joins it, again and again until it can. */
  cancel(): void {
    if (this.#isOver) return;
    this.#comeback = new AbortController();
    const { signal } = this.#comeback;
    this.#comingBack = this.#comingBack.then(() => this.#listenAgain(signal));
  }

  /** This hub drains: nothing comes back any more. */
  end(): void {
    this.#isOver = true;
    this.#comeback.abort();
  }

  /** Cannot reject. */
  async #listenAgain(signal: AbortSignal): Promise<void> {
    const { gateway, address, log } = this.#options;
    for (let attempts = 1; !signal.aborted; attempts += 1) {
      try {
        await gateway.listen(listenText(address()), 'joining');
        // Meanwhile there is another successor, or an end.
        if (signal.aborted) gateway.stopListening();
        else log.info({ attempts }, 'agents are taken again');
        return;
      } catch (error) {
        if (attempts === 1)
          log.error(
            { err: listenFailure(error, 'HUB_TUNNEL_LISTEN', address()) },
            'agents cannot be taken yet: tried again until they can',
          );
        await after(relistenMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}
