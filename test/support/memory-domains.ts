// The domains' port in memory, for tests of the rooms that use it: one change at a time, nothing survives.

import type { DomainClaim, DomainStore } from '../../hub/tunnels/domains/domain.ts';
import { isHolder } from '../../hub/tunnels/domains/domain.ts';

export class MemoryDomains implements DomainStore {
  readonly claims = new Map<string, DomainClaim>();
  readonly #watchers = new Set<(hostname: string | undefined) => void>();
  /** Reads and writes fail while it is set. */
  failure: Error | undefined;
  readonly #now: () => Date;

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
  }

  async claim(hostname: string, serverId: string): Promise<DomainClaim> {
    const id = String(this.claims.size + 1).padStart(6, '0');
    const at = this.#now();
    const claim: DomainClaim = {
      id,
      hostname,
      serverId,
      ownerId: 'operator',
      token: `token-${id}`,
      state: 'waiting',
      stateSince: at,
      troubledSince: undefined,
      dropReason: undefined,
      finding: undefined,
      checkedAt: undefined,
      nextCheckAt: at,
      createdAt: at,
    };
    this.claims.set(id, claim);
    this.tell(hostname);
    return claim;
  }

  async list(): Promise<DomainClaim[]> {
    return [...this.claims.values()];
  }

  async listByHostname(hostname: string): Promise<DomainClaim[]> {
    return [...this.claims.values()].filter((claim) => claim.hostname === hostname);
  }

  async listServed(
    hostnames?: readonly string[],
  ): Promise<{ hostname: string; serverId: string }[]> {
    if (this.failure !== undefined) throw this.failure;
    return [...this.claims.values()]
      .filter((claim) => isHolder(claim) && hostnames?.includes(claim.hostname) !== false)
      .map(({ hostname, serverId }) => ({ hostname, serverId }));
  }

  async takeDue(at: Date, limit: number, leaseMs: number): Promise<string[]> {
    if (this.failure !== undefined) throw this.failure;
    const due = [...this.claims.values()]
      .filter(({ state, nextCheckAt }) => state !== 'dropped' && nextCheckAt <= at)
      .slice(0, limit);
    for (const claim of due) {
      this.claims.set(claim.id, { ...claim, nextCheckAt: new Date(at.getTime() + leaseMs) });
    }
    return [...new Set(due.map(({ hostname }) => hostname))];
  }

  async revise(
    hostname: string,
    revision: (claims: readonly DomainClaim[]) => readonly DomainClaim[],
  ): Promise<DomainClaim[]> {
    for (const claim of revision(await this.listByHostname(hostname))) this.put(claim);
    return this.listByHostname(hostname);
  }

  async remove(claimId: string): Promise<boolean> {
    const claim = this.claims.get(claimId);
    if (claim !== undefined) {
      this.claims.delete(claimId);
      this.tell(claim.hostname);
    }
    return claim !== undefined;
  }

  async forgetDropped(before: Date): Promise<void> {
    for (const { id, state, stateSince } of this.claims.values()) {
      if (state === 'dropped' && stateSince < before) this.claims.delete(id);
    }
  }

  async watch(onChange: (hostname: string | undefined) => void): Promise<() => Promise<void>> {
    this.#watchers.add(onChange);
    return async () => void this.#watchers.delete(onChange);
  }

  put(claim: DomainClaim): void {
    this.claims.set(claim.id, claim);
    this.tell(claim.hostname);
  }

  tell(hostname: string | undefined): void {
    for (const onChange of this.#watchers) onChange(hostname);
  }
}
