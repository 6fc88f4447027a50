// Programs arrive one after the other; they run together, are watched together, and are stopped together.

import { setTimeout as sleep } from 'node:timers/promises';

import { Child, type Program } from './child.ts';

/** A first start makes a database and a film: 20 s on two cores, several times that on a small NAS. */
const startDeadlineMs = 180_000;
const lookEveryMs = 200;
/** The hub drains for a second, then its database writes its last checkpoint. */
const stopPatienceMs = 10_000;

/** A child that ended, or never became ready, though nobody stopped it. */
export class ChildFailure extends Error {
  readonly child: Child;

  constructor(child: Child, what: string) {
    super(`the ${child.name} ${what}`);
    this.child = child;
  }
}

export class Children {
  readonly #running: Child[] = [];
  readonly #stopping = new AbortController();
  #wereKilled = false;

  get isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  get wereKilled(): boolean {
    return this.#wereKilled;
  }

  /** For what is waited for or asked between two children. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** @throws once they are being stopped: a start that goes on beside it must not leave a child behind */
  start(program: Program): Child {
    this.stopping.throwIfAborted();
    const child = new Child(program);
    this.#running.push(child);
    return child;
  }

  /** Asks again and again until there is an answer. @throws ChildFailure once the child is gone or the time is up */
  async until<Answer>(
    child: Child,
    ask: () => Promise<Answer | false | undefined>,
  ): Promise<Answer> {
    const deadline = Date.now() + startDeadlineMs;
    let reason = '';
    while (Date.now() < deadline) {
      this.stopping.throwIfAborted();
      if (child.end !== undefined) throw new ChildFailure(child, `ended with ${child.end}`);
      const answer = await ask().catch((error: unknown) => {
        reason = `: ${String(error)}`;
        return undefined;
      });
      if (answer !== undefined && answer !== false) return answer;
      await sleep(lookEveryMs);
    }
    throw new ChildFailure(child, `was not ready within ${startDeadlineMs / 1000} s${reason}`);
  }

  /** Never resolves. @throws ChildFailure as soon as one ends */
  async watch(): Promise<never> {
    const ends = this.#running.map(
      async (child) => new ChildFailure(child, `ended with ${await child.ended()}`),
    );
    throw await Promise.race(ends);
  }

  /** All at once: an agent that is stopped alone would wait nine seconds for a tab that is still open; the hub cuts it off after one. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running.map(async (child) => child.stop(stopPatienceMs)));
  }

  kill(): void {
    this.#wereKilled = true;
    for (const child of this.#running) child.kill();
  }
}
