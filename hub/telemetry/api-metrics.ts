// Refusals of the API arrive by their codes, and how many channels are open; what monitoring sees of both leaves.

import {
  counter,
  gauge,
  wordCounter,
  type Counter,
  type Metric,
} from '../../shared/telemetry/metric.ts';

/** Codes are a closed list; should one ever carry more, monitoring pays no price for it. */
const maxCodes = 200;

export class ApiMetrics {
  readonly #codes: Set<string>;
  readonly #channels: () => number;
  readonly #refusals: Counter<'code'>;
  readonly #verified = wordCounter(
    'phlix_hub_forward_auth_total',
    'Questions of proxies whether somebody is signed in, by what they were told.',
    'result',
    ['known', 'unknown', 'untrusted'],
  );

  constructor(channels: () => number, codes: readonly string[]) {
    this.#channels = channels;
    this.#codes = new Set(codes);
    this.#refusals = counter(
      'phlix_hub_api_refusals_total',
      'Requests to the hub itself that ended in a problem, by its code.',
      ['code'],
      codes.map((code) => ({ code })),
    );
  }

  refused(code: string): void {
    if (this.#codes.size >= maxCodes && !this.#codes.has(code)) return;
    this.#codes.add(code);
    this.#refusals.inc({ code });
  }

  verified(result: 'known' | 'unknown' | 'untrusted'): void {
    this.#verified.count(result);
  }

  get metrics(): readonly Metric[] {
    return [
      this.#refusals,
      this.#verified.metric,
      gauge({
        name: 'phlix_hub_event_channels',
        help: 'Pages that listen for news.',
        read: this.#channels,
      }),
    ];
  }
}
