// Exchanges for an HTTP/2 origin arrive; each gets a session of the link with room for it, at once, on a new one, or when another exchange ends.

import { StreamError } from '../../../shared/mux/stream.ts';
import { h2cLimits } from './limits.ts';
import { H2cSession } from './session.ts';
import type { OriginStream } from '../origin-connection.ts';

interface SessionLink {
  /** @throws StreamError stream.refused */
  openStream(): OriginStream;
  readonly retired: AbortSignal;
}

export interface SessionSeeker {
  begin(session: H2cSession): void;
  /** There will be no session. */
  giveUp(error: unknown): void;
}

/** Those of one link. */
export class H2cSessions {
  readonly #link: SessionLink;
  readonly #sessions = new Set<H2cSession>();
  /** In the order in which they came. */
  readonly #waiting = new Set<SessionSeeker>();

  constructor(link: SessionLink) {
    this.#link = link;
    link.retired.addEventListener('abort', () => this.#retireAll(), { once: true });
  }

  /** Exchanges that run or wait. */
  get running(): number {
    let running = this.#waiting.size;
    for (const session of this.#sessions) running += session.running;
    return running;
  }

  /** @throws StreamError stream.refused when the link takes no more streams and there is nothing to wait for */
  seek(seeker: SessionSeeker): void {
    const session = this.#waiting.size === 0 ? this.#withRoom() : undefined;
    if (session !== undefined) {
      seeker.begin(session);
      return;
    }
    this.#waiting.add(seeker);
    try {
      this.#openFor();
    } catch (error) {
      this.#waiting.delete(seeker);
      throw error;
    }
  }

  /** The seeker no longer waits. */
  leave(seeker: SessionSeeker): void {
    this.#waiting.delete(seeker);
  }

  #withRoom(): H2cSession | undefined {
    for (const session of this.#sessions) if (session.hasRoom) return session;
    return undefined;
  }

  /** One at a time: how many exchanges it takes is known when the origin has said so. */
  #openFor(): void {
    const isOpening = [...this.#sessions].some((session) => !session.isReady);
    if (isOpening || this.#sessions.size >= h2cLimits.sessions) return;
    let stream: OriginStream;
    try {
      stream = this.#link.openStream();
    } catch (error) {
      // The sessions there are will have room again.
      if (this.#sessions.size > 0) return;
      throw error;
    }
    const session: H2cSession = new H2cSession(stream, {
      onRoom: () => this.#admit(),
      onRetired: (error) => this.#onRetired(session, error),
    });
    this.#sessions.add(session);
  }

  #admit(): void {
    for (const seeker of this.#waiting) {
      const session = this.#withRoom();
      if (session === undefined) return this.#openOrGiveUp();
      this.#waiting.delete(seeker);
      seeker.begin(session);
    }
    return undefined;
  }

  #onRetired(session: H2cSession, error: unknown): void {
    this.#sessions.delete(session);
    // Nobody could use it: the next one would end the same way.
    if (!session.hasServed) this.#giveUp(error);
    else this.#openOrGiveUp();
  }

  #openOrGiveUp(): void {
    if (this.#waiting.size === 0) return;
    try {
      this.#openFor();
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #giveUp(error: unknown): void {
    const seekers = [...this.#waiting];
    this.#waiting.clear();
    for (const seeker of seekers) seeker.giveUp(error);
  }

  #retireAll(): void {
    this.#giveUp(new StreamError('stream.link-lost', 'the link takes no more streams'));
    for (const session of this.#sessions) session.retire();
  }
}
