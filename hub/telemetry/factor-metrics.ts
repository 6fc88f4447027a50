// What becomes of factors arrives; the counts leave for monitoring: stolen cookies, copied passkeys and secrets that do not open are seen there first.

import type { FactorCounts, FactorEvent } from '../accounts/factors/factor-news.ts';
import { LabelledCounter } from './account-metrics.ts';
import type { Metric } from './metric.ts';

export class FactorMetrics implements FactorCounts {
  readonly #events = new LabelledCounter('factor_events', 'What became of factors, by kind.');

  count(event: FactorEvent): void {
    this.#events.increment({ event });
  }

  get metrics(): readonly Metric[] {
    return [this.#events];
  }
}
