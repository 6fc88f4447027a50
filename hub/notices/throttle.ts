// A kind of notice for an audience arrives; whether there has been enough of it lately leaves.

import type { Notice } from './notice.ts';

/** Audiences are accounts: as many as may be told of within an hour on a hub that somebody attacks. */
const maxKeys = 10_000;

export class Throttle {
  readonly #counts = new Map<string, { since: number; count: number }>();
  readonly #perWindow: number;
  readonly #windowMs: number;

  constructor({ perWindow, windowMs }: { perWindow: number; windowMs: number }) {
    this.#perWindow = perWindow;
    this.#windowMs = windowMs;
  }

  admits(notice: Notice, nowMs: number): boolean {
    const key = keyOf(notice);
    const known = this.#counts.get(key);
    const entry =
      known === undefined || nowMs - known.since >= this.#windowMs
        ? { since: nowMs, count: 0 }
        : known;
    entry.count += 1;
    // Set anew, the map keeps the order of use, and what goes first is what was told of longest ago.
    this.#counts.delete(key);
    this.#counts.set(key, entry);
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > maxKeys && oldest !== undefined) this.#counts.delete(oldest);
    return entry.count <= this.#perWindow;
  }
}

function keyOf({ kind, to }: Notice): string {
  if (to.kind === 'account') return `${kind} account ${to.accountId}`;
  return to.kind === 'owner' ? `${kind} owner ${to.ownerId}` : `${kind} admins`;
}
