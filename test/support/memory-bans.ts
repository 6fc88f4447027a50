// Bans arrive; a store that lives as long as its test leaves, with the contract of hub/access/bans/ban.ts.

import type { Ban, BanStore } from '../../hub/access/bans/ban.ts';

export class MemoryBans implements BanStore {
  readonly #bans = new Map<string, Ban>();
  readonly #callbacks = new Set<() => void>();

  async put(ban: Ban): Promise<void> {
    this.#bans.set(ban.network, ban);
    this.#tell();
  }

  async putUnlessOperators(ban: Ban): Promise<boolean> {
    const former = this.#bans.get(ban.network);
    const isOver = former?.until !== undefined && former.until < ban.createdAt;
    if (former?.origin === 'operator' && !isOver) return false;
    await this.put(ban);
    return true;
  }

  async remove(which: { id: string } | { network: string }): Promise<Ban | undefined> {
    const found = [...this.#bans.values()].find((ban) =>
      'id' in which ? ban.id === which.id : ban.network === which.network,
    );
    if (found !== undefined) this.#bans.delete(found.network);
    this.#tell();
    return found;
  }

  async list(): Promise<Ban[]> {
    return [...this.#bans.values()];
  }

  async sweep(now: Date): Promise<Ban[]> {
    const over = [...this.#bans.values()].filter(({ until }) => until !== undefined && until < now);
    for (const { network } of over) this.#bans.delete(network);
    return over;
  }

  async onChange(callback: () => void): Promise<() => void> {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  #tell(): void {
    for (const callback of this.#callbacks) callback();
  }
}
