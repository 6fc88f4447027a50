// What becomes of factors arrives; the counts leave for monitoring: stolen cookies, copied passkeys and secrets that do not open are seen there first.

import type { FactorCounts, FactorEvent } from '../accounts/factors/factor-news.ts';
import { counter, type Metric } from '../../shared/telemetry/metric.ts';

export class FactorMetrics implements FactorCounts {
  readonly #events = counter('phlix_hub_factor_events_total', 'What became of factors, by kind.', [
    'event',
  ]);

  count(event: FactorEvent): void {
    this.#events.inc({ event });
  }

  get metrics(): readonly Metric[] {
    return [this.#events];
  }
}
