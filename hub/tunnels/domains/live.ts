// Changes of domains arrive; the answer to "whose server has this hostname?" leaves, without asking the database.

import type { DomainStore } from './domain.ts';

/** Notifications come at once; this is the net under one that was lost without its connection breaking. */
const recheckMs = 60_000;
/** From here on reading all of them is the shorter way. */
const manyChanges = 1000;

export interface LiveDomainsOptions {
  readonly store: Pick<DomainStore, 'listServed' | 'watch'>;
  /** A server has won or lost a hostname. */
  readonly onChange: (serverId: string) => void;
  /** A change could not be read from the store; it is tried again. */
  readonly onFailure: (error: unknown) => void;
  readonly recheckMs?: number;
}

export class LiveDomains {
  readonly #options: LiveDomainsOptions;
  readonly #recheckMs: number;
  readonly #serverIds = new Map<string, string>();
  readonly #hostnames = new Map<string, Set<string>>();
  /** Hostnames to be read again; undefined: all of them. */
  #changed: Set<string> | undefined = new Set();
  #reading: Promise<void> | undefined;
  #isRunning = false;
  #stopWatching: (() => Promise<void>) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LiveDomainsOptions) {
    this.#options = options;
    this.#recheckMs = options.recheckMs ?? recheckMs;
  }

  /** Resolves when every proven domain is known and no change can be missed any more. */
  async start(): Promise<void> {
    this.#stopWatching = await this.#options.store.watch((hostname) => this.#note(hostname));
    await this.#readAll();
    this.#isRunning = true;
    this.#recheckLater();
    this.#readSoon();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    clearTimeout(this.#timer);
    await this.#stopWatching?.();
    await this.#reading;
  }

  /** `hostname` in lower case, without port and without the root's dot. */
  serverOf(hostname: string): string | undefined {
    return this.#serverIds.get(hostname);
  }

  hostnamesOf(serverId: string): string[] {
    return [...(this.#hostnames.get(serverId) ?? [])].toSorted();
  }

  #note(hostname: string | undefined): void {
    if (hostname === undefined || (this.#changed?.size ?? 0) >= manyChanges) {
      this.#changed = undefined;
    } else {
      this.#changed?.add(hostname);
    }
    this.#readSoon();
  }

  #readSoon(): void {
    if (!this.#isRunning || this.#reading !== undefined || this.#changed?.size === 0) return;
    this.#reading = this.#readChanges().finally(() => {
      this.#reading = undefined;
      this.#readSoon();
    });
  }

  /** One read after the other: an older answer must not overwrite a newer one. What changes meanwhile is read next. */
  async #readChanges(): Promise<void> {
    try {
      while (this.#isRunning && this.#changed?.size !== 0) {
        const changed = this.#changed;
        this.#changed = new Set();
        if (changed === undefined) await this.#readAll();
        else await this.#readSome(changed);
      }
    } catch (error) {
      this.#options.onFailure(error);
      this.#recheckLater(Math.min(this.#recheckMs, 1000));
    }
  }

  #recheckLater(delayMs: number = this.#recheckMs): void {
    clearTimeout(this.#timer);
    if (this.#isRunning) this.#timer = setTimeout(() => this.#note(undefined), delayMs);
  }

  async #readSome(hostnames: ReadonlySet<string>): Promise<void> {
    const served = await this.#options.store.listServed([...hostnames]);
    const serverIds = new Map(served.map(({ hostname, serverId }) => [hostname, serverId]));
    for (const hostname of hostnames) this.#learn(hostname, serverIds.get(hostname));
  }

  async #readAll(): Promise<void> {
    const served = await this.#options.store.listServed();
    const hostnames = new Set(served.map(({ hostname }) => hostname));
    for (const hostname of this.#serverIds.keys()) {
      if (!hostnames.has(hostname)) this.#learn(hostname, undefined);
    }
    for (const { hostname, serverId } of served) this.#learn(hostname, serverId);
    this.#recheckLater();
  }

  #learn(hostname: string, serverId: string | undefined): void {
    const former = this.#serverIds.get(hostname);
    if (former === serverId) return;
    if (former !== undefined) {
      const left = this.#hostnames.get(former);
      left?.delete(hostname);
      if (left?.size === 0) this.#hostnames.delete(former);
    }
    if (serverId === undefined) {
      this.#serverIds.delete(hostname);
    } else {
      this.#serverIds.set(hostname, serverId);
      const held = this.#hostnames.get(serverId) ?? new Set();
      this.#hostnames.set(serverId, held.add(hostname));
    }
    for (const id of [former, serverId]) if (id !== undefined) this.#options.onChange(id);
  }
}
