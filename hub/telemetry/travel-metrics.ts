// Looks at how far a sign-in is from the last one arrive, by what they found; their count leaves for monitoring.

import type { TravelResult } from '../accounts/login/travel.ts';
import { wordCounter, type Metric } from '../../shared/telemetry/metric.ts';

export class TravelMetrics {
  readonly #checks = wordCounter(
    'phlix_hub_travel_checks_total',
    'Sign-ins whose place was compared with that of the last one.',
    'result',
    ['first', 'near', 'far', 'unknown'],
  );
  #total = 0;

  checked(result: TravelResult): void {
    this.#checks.count(result);
    this.#total += 1;
  }

  get total(): number {
    return this.#total;
  }

  get metrics(): readonly Metric[] {
    return [this.#checks.metric];
  }
}
