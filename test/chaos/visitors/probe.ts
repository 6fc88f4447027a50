// A door arrives; somebody who asks a small thing over and over leaves, and can tell when which answer came first.

import { setTimeout as after } from 'node:timers/promises';

import { glance } from './errands.ts';
import type { Door, Outcome } from './visit.ts';

/**
 * `200`, the code of a failure, `unreachable`, `unaccepted`, `cut` or `wrong`. Unaccepted: the kernel took the connection and
 * broke it when its listener closed, before the hub had seen it. No byte came back, where the hub says its part of a handshake.
 */
export type ProbeAnswer = string;

/** Its own pace: small against every time that is measured with it. */
const paceMs = 20;

export class Probe {
  wrong = 0;
  readonly #answers = new Map<ProbeAnswer, number>();
  readonly #door: Door;
  readonly #stopped = new AbortController();
  readonly #listeners = new Set<(answer: ProbeAnswer, askedAt: number) => void>();
  readonly #ended: Promise<void>;

  constructor(door: Door) {
    this.#door = door;
    this.#ended = this.#keepAsking();
  }

  /** Milliseconds from now to the first such answer to a question asked from now on. @throws at the deadline */
  async until(wanted: (answer: ProbeAnswer) => boolean, deadlineMs = 30_000): Promise<number> {
    const from = performance.now();
    const found = Promise.withResolvers<number>();
    const listener = (answer: ProbeAnswer, askedAt: number): void => {
      if (askedAt >= from && wanted(answer)) found.resolve(performance.now() - from);
    };
    const timer = setTimeout(() => {
      const seen = [...this.#answers.keys()].join(', ');
      found.reject(new Error(`no such answer within ${deadlineMs} ms, only: ${seen}`));
    }, deadlineMs);
    this.#listeners.add(listener);
    try {
      return await found.promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(listener);
    }
  }

  /** What was answered beside these: failures that the fault does not explain. */
  unexpected(...answers: ProbeAnswer[]): ProbeAnswer[] {
    return [...this.#answers.keys()].filter((answer) => !answers.includes(answer));
  }

  /** How often that was the answer. */
  times(answer: ProbeAnswer): number {
    return this.#answers.get(answer) ?? 0;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#ended;
  }

  async #keepAsking(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const askedAt = performance.now();
      const visit = glance(this.#door);
      const leave = (): void => visit.leave();
      signal.addEventListener('abort', leave, { once: true });
      const outcome = await visit.outcome;
      signal.removeEventListener('abort', leave);
      if (signal.aborted) return;
      const answer = answerOf(outcome);
      this.#answers.set(answer, this.times(answer) + 1);
      if (answer === 'wrong') this.wrong += 1;
      for (const listener of this.#listeners) listener(answer, askedAt);
      await after(paceMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

function answerOf({ end, detail, isUnheard }: Outcome): ProbeAnswer {
  if (end === 'complete') return '200';
  if (end === 'refused') return detail;
  if (detail.includes('ECONNREFUSED')) return 'unreachable';
  return end === 'cut' && isUnheard ? 'unaccepted' : end;
}
