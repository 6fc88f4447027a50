// Notices that were sent, that failed and that were dropped arrive; what monitoring sees of them leaves.

import { targetKinds, type TargetKind } from '../notices/targets/target.ts';
import { counter, type Metric } from '../../shared/telemetry/metric.ts';

export class NoticeMetrics {
  readonly #sent = counter(
    'phlix_hub_notices_total',
    'Letters and messages about servers and accounts, after all their tries.',
    ['channel', 'result'],
  );
  readonly #dropped = counter(
    'phlix_hub_notices_dropped_total',
    'Notices not even tried: too many waited, or too many of one kind came for one account.',
    ['reason'],
  );

  /** What has not happened is told as 0: an alert on what is absent never fires. */
  constructor() {
    for (const channel of targetKinds)
      for (const result of ['sent', 'failed']) this.#sent.inc({ channel, result }, 0);
    for (const reason of ['full', 'throttled']) this.#dropped.inc({ reason }, 0);
  }

  noteOutcome(channel: TargetKind, result: 'sent' | 'failed'): void {
    this.#sent.inc({ channel, result });
  }

  noteDropped(reason: 'full' | 'throttled'): void {
    this.#dropped.inc({ reason });
  }

  get metrics(): readonly Metric[] {
    return [this.#sent, this.#dropped];
  }
}
