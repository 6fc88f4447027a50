// A server's links arrive and leave; the room that the windows of their streams may grow by together is lent to them.

import { GrowthBudget } from '../../shared/mux/receive-window.ts';
import { windowGrowthBudgetBytes } from '../../shared/wire/limits.ts';

interface Share {
  readonly budget: GrowthBudget;
  links: number;
}

/** By server, not by link: a tenant with eight links must not pile up eight times what one may. */
export class GrowthShares {
  readonly #shares = new Map<string, Share>();

  take(serverId: string): GrowthBudget {
    const share = this.#shares.get(serverId) ?? {
      budget: new GrowthBudget(windowGrowthBudgetBytes),
      links: 0,
    };
    share.links += 1;
    this.#shares.set(serverId, share);
    return share.budget;
  }

  /** Once for each `take`. */
  giveBack(serverId: string): void {
    const share = this.#shares.get(serverId);
    if (share === undefined) return;
    share.links -= 1;
    if (share.links === 0) this.#shares.delete(serverId);
  }
}
