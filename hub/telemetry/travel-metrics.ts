// Looks at how far a sign-in is from the last one arrive, by what they found; their count leaves for monitoring.

import type { TravelResult } from '../accounts/login/travel.ts';
import { LabelledCounter } from './account-metrics.ts';
import type { Metric } from './metric.ts';

export class TravelMetrics {
  readonly #checks = new LabelledCounter(
    'travel_checks',
    'Sign-ins whose place was compared with that of the last one.',
  );

  checked(result: TravelResult): void {
    this.#checks.increment({ result });
  }

  get total(): number {
    return this.#checks.samples().reduce((sum, { value }) => sum + value, 0);
  }

  get metrics(): readonly Metric[] {
    return [this.#checks];
  }
}
