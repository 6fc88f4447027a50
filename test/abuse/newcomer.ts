// A small page's address arrives; somebody new asks for it twice a second, on a connection of his own, and how that went leaves.

import { request, type RequestOptions } from 'node:https';

const everyMs = 500;
/** Nobody waits longer for a page. */
const patienceMs = 10_000;

export interface Welcome {
  readonly answered: number;
  /** Not answered, or with something else than the page. */
  readonly refused: number;
  readonly worstMs: number;
}

export class Newcomer {
  #answered = 0;
  #refused = 0;
  #worstMs = 0;

  constructor(page: RequestOptions) {
    setInterval(() => this.#ask(page), everyMs);
  }

  /** Since it was asked last. */
  second(): Welcome {
    const told = {
      answered: this.#answered,
      refused: this.#refused,
      worstMs: Math.round(this.#worstMs),
    };
    this.#answered = 0;
    this.#refused = 0;
    this.#worstMs = 0;
    return told;
  }

  #ask(page: RequestOptions): void {
    const askedAt = performance.now();
    const asked = request({ ...page, timeout: patienceMs }, (response) => {
      response.resume();
      response.on('end', () => {
        this.#worstMs = Math.max(this.#worstMs, performance.now() - askedAt);
        if (response.statusCode === 200) this.#answered += 1;
        else this.#refused += 1;
      });
    });
    asked.on('timeout', () => asked.destroy(new Error('nobody answered')));
    asked.on('error', () => (this.#refused += 1));
    asked.end();
  }
}
