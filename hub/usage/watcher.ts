// Somebody watches a server; every two seconds he is told what runs there and what limits it. While nobody does, nobody looks.

import type { Ledger } from './ledger.ts';
import type { LinkBoard } from './link-board.ts';
import type { WatchedServer } from './usage.ts';

/** Twenty looks make a round: what is half a round in one state is told apart from what is none. */
const lookEveryMs = 100;
const looksPerRound = 20;
const roundMs = lookEveryMs * looksPerRound;
/** The agent's answer shall be there when the round ends. */
const agentLookMs = roundMs - 400;

type Listener = (state: WatchedServer) => void;

export class Watcher {
  readonly #ledger: Ledger;
  readonly #board: LinkBoard;
  readonly #watched = new Map<string, Set<Listener>>();
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;

  constructor(ledger: Ledger, board: LinkBoard) {
    this.#ledger = ledger;
    this.#board = board;
  }

  /** Until the returned function is called. */
  watch(serverId: string, listener: Listener): () => void {
    const listeners = this.#watched.get(serverId) ?? new Set();
    this.#watched.set(serverId, listeners);
    listeners.add(listener);
    this.#timer ??= this.#start();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#watched.get(serverId) === listeners)
        this.#watched.delete(serverId);
      if (this.#watched.size === 0) this.stop();
    };
  }

  isWatched(serverId: string): boolean {
    return this.#watched.has(serverId);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#looks = 0;
  }

  state(serverId: string): WatchedServer {
    const nowMs = performance.now();
    return {
      serverId,
      isConnected: this.#board.isConnected(serverId),
      link: this.#board.quality(serverId, nowMs),
      streams: this.#ledger.live(serverId, nowMs),
    };
  }

  #start(): NodeJS.Timeout {
    this.#looks = 0;
    return setInterval(() => this.#look(), lookEveryMs).unref();
  }

  #look(): void {
    const isFirst = this.#looks === 0;
    this.#looks += 1;
    const isLast = this.#looks === looksPerRound;
    if (isLast) this.#looks = 0;
    const nowMs = performance.now();
    for (const [serverId, listeners] of this.#watched) {
      if (isFirst) this.#board.askReports(serverId, agentLookMs);
      for (const meter of this.#ledger.find(serverId)?.live ?? []) {
        meter.look();
        if (isLast) meter.judge(nowMs);
      }
      if (!isLast) continue;
      const state = this.state(serverId);
      for (const listener of listeners) listener(state);
    }
  }
}
