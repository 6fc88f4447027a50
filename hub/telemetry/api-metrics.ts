// Refusals of the API arrive by their codes, and how many channels are open; what monitoring sees of both leaves.

import { LabelledCounter } from './account-metrics.ts';
import { Gauge, type Metric } from './metric.ts';

/** Codes are a closed list; should one ever carry more, monitoring pays no price for it. */
const maxCodes = 200;

export class ApiMetrics {
  readonly #refusals = new Map<string, number>();
  readonly #channels: () => number;
  readonly #verified = new LabelledCounter(
    'forward_auth',
    'Questions of proxies whether somebody is signed in, by what they were told.',
  );

  constructor(channels: () => number) {
    this.#channels = channels;
  }

  refused(code: string): void {
    if (this.#refusals.size >= maxCodes && !this.#refusals.has(code)) return;
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
  }

  verified(result: 'known' | 'unknown' | 'untrusted'): void {
    this.#verified.increment({ result });
  }

  get metrics(): readonly Metric[] {
    return [
      {
        name: 'phlix_hub_api_refusals_total',
        help: 'Requests to the hub itself that ended in a problem, by its code.',
        type: 'counter',
        samples: () => [...this.#refusals].map(([code, value]) => ({ labels: { code }, value })),
      },
      this.#verified,
      new Gauge('phlix_hub_event_channels', 'Pages that listen for news.', () => [
        { value: this.#channels() },
      ]),
    ];
  }
}
