// Links come and go, agents are updated, certificates renewed: what a server's owner wants to read about it leaves, in his list.

import { randomUUIDv7 } from 'node:crypto';

import type { AgentFacts, ServerEvent, ServerEventKind } from './usage.ts';

/** Where events are kept. The store in hub/db implements it; it knows renames by itself. */
export interface EventStore {
  add(events: readonly ServerEvent[]): Promise<void>;
  list(serverId: string, page: { limit: number; before?: string }): Promise<ServerEvent[]>;
  /** What the agent says of itself; the software it had before, if it was another. */
  noteAgent(serverId: string, facts: AgentFacts): Promise<string | undefined>;
  agents(serverIds: readonly string[]): Promise<ReadonlyMap<string, AgentFacts>>;
  forget(before: Date): Promise<void>;
}

/** A thousand agents after a restart are written together. */
const gatherMs = 500;
/** While the database is away: what is beyond is a flood, and the newest is dropped. */
const maxWaiting = 10_000;
/** A line that broke is dialled anew within seconds, and an owner who reads of each would read no more. */
const goneAfterMs = 5000;

export class ServerEvents {
  readonly #store: EventStore;
  readonly #onFailure: (error: unknown) => void;
  readonly #goneAfterMs: number;
  #waiting: ServerEvent[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Their last link went, and they may be back in a moment. */
  readonly #gone = new Map<string, NodeJS.Timeout>();
  #isLeaving = false;
  #storing: Promise<void> = Promise.resolve();

  constructor(options: {
    store: EventStore;
    onFailure: (error: unknown) => void;
    goneAfterMs?: number;
  }) {
    this.#store = options.store;
    this.#onFailure = options.onFailure;
    this.#goneAfterMs = options.goneAfterMs ?? goneAfterMs;
  }

  /** Its first link is there. */
  connected(serverId: string, facts: { software: string; address: string }): void {
    const isBack = this.#gone.has(serverId);
    clearTimeout(this.#gone.get(serverId));
    this.#gone.delete(serverId);
    if (!isBack) this.note(serverId, 'connected', facts);
    const seen = { software: facts.software, connectedAt: new Date() };
    this.#storing = this.#storing.then(() => this.#noteAgent(serverId, seen));
  }

  /** Its last link went. `at` is then, though it is told only when the agent does not come back at once. */
  disconnected(serverId: string, reason: string): void {
    if (this.#isLeaving) return;
    const at = new Date();
    clearTimeout(this.#gone.get(serverId));
    const timer = setTimeout(() => {
      this.#gone.delete(serverId);
      this.note(serverId, 'disconnected', { reason }, at);
    }, this.#goneAfterMs);
    this.#gone.set(serverId, timer.unref());
  }

  note(
    serverId: string,
    kind: ServerEventKind,
    detail: Readonly<Record<string, string>>,
    at = new Date(),
  ): void {
    if (this.#waiting.length >= maxWaiting) return;
    this.#waiting.push({ id: randomUUIDv7(), serverId, at, kind, detail });
    this.#timer ??= setTimeout(() => void this.flush(), gatherMs).unref();
  }

  /** Cannot reject. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#storing = this.#storing.then(() => this.#storeWaiting());
    return this.#storing;
  }

  /** This process ends: its agents go elsewhere, which is no event of theirs. */
  leave(): void {
    this.#isLeaving = true;
    for (const timer of this.#gone.values()) clearTimeout(timer);
    this.#gone.clear();
  }

  async #storeWaiting(): Promise<void> {
    const events = this.#waiting;
    if (events.length === 0) return;
    this.#waiting = [];
    try {
      await this.#store.add(events);
    } catch (error) {
      this.#onFailure(error);
      this.#waiting = [...events, ...this.#waiting].slice(0, maxWaiting);
    }
  }

  async #noteAgent(serverId: string, facts: AgentFacts): Promise<void> {
    try {
      const from = await this.#store.noteAgent(serverId, facts);
      if (from !== undefined) this.note(serverId, 'agent-updated', { from, to: facts.software });
    } catch (error) {
      this.#onFailure(error);
    }
  }
}
