// What becomes of factors arrives; the counts leave for monitoring: stolen cookies, copied passkeys and secrets that do not open are seen there first.

import type { FactorCounts, FactorEvent } from '../accounts/factors/factor-news.ts';
import { wordCounter, type Metric } from '../../shared/telemetry/metric.ts';

export class FactorMetrics implements FactorCounts {
  readonly #events = wordCounter(
    'phlix_hub_factor_events_total',
    'What became of factors, by kind.',
    'event',
    [
      'added',
      'removed',
      'unreadable',
      'cloned',
      'recovery-made',
      'recovery-used',
      'browser-trusted',
      'browser-recognised',
      'browser-forgotten',
      'trust-replayed',
      'code-sent',
      'link-sent',
      'invitation-sent',
      'email-verified',
      'password-asked',
      'password-reset',
      'letter-refused',
      'letter-failed',
      'locked-out',
      'reset',
    ],
  );

  count(event: FactorEvent): void {
    this.#events.count(event);
  }

  get metrics(): readonly Metric[] {
    return [this.#events.metric];
  }
}
