// Notices that were sent, that failed and that were dropped arrive; what monitoring sees of them leaves.

import type { TargetKind } from '../notices/targets/target.ts';
import { LabelledCounter } from './account-metrics.ts';
import type { Metric } from './metric.ts';

export class NoticeMetrics {
  readonly #sent = new LabelledCounter(
    'notices',
    'Letters and messages about servers and accounts, after all their tries.',
  );
  readonly #dropped = new LabelledCounter(
    'notices_dropped',
    'Notices not even tried: too many waited, or too many of one kind came for one account.',
  );

  noteOutcome(channel: TargetKind, result: 'sent' | 'failed'): void {
    this.#sent.increment({ channel, result });
  }

  noteDropped(reason: 'full' | 'throttled'): void {
    this.#dropped.increment({ reason });
  }

  get metrics(): readonly Metric[] {
    return [this.#sent, this.#dropped];
  }
}
