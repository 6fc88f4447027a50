// Requests for a link arrive one after the other; each leaves as a live link, while former ones finish the streams they carry.

import { setTimeout as after } from 'node:timers/promises';

import type { AgentFailure } from './failure.ts';
import { openLink, type Link, type LinkRequest } from './link.ts';

export class Links {
  readonly #open = new Set<Link>();
  #live: Link | undefined;

  /** The link that takes new streams. */
  get live(): Link | undefined {
    return this.#live;
  }

  get streamCount(): number {
    return [...this.#open].reduce((sum, { session }) => sum + session.streamCount, 0);
  }

  /** @throws AgentFailure */
  async open(request: LinkRequest): Promise<Link> {
    const link = await openLink(request);
    this.#open.add(link);
    this.#live = link;
    void link.closed.then(() => this.#open.delete(link));
    return link;
  }

  /** Why the link takes no more streams; undefined when the signal came first. */
  async retired(link: Link, signal: AbortSignal): Promise<AgentFailure | undefined> {
    const failure = await Promise.race([link.retired, aborted(signal)]);
    if (this.#live === link) this.#live = undefined;
    return failure;
  }

  /** Takes no more streams, lets the running ones finish for a while, then cuts what is left. Returns how many were cut. */
  async drain(drainMs: number): Promise<number> {
    const links = [...this.#open];
    for (const { session } of links) session.goaway('draining', 'the agent stops');
    const giveUp = new AbortController();
    await Promise.race([
      Promise.all(links.map(({ closed }) => closed)),
      after(drainMs, undefined, { signal: giveUp.signal }).catch(() => undefined),
    ]);
    giveUp.abort();
    const cut = this.streamCount;
    for (const { session } of this.#open) session.destroy();
    return cut;
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
