// What a check before an order found, and whether the order can succeed nevertheless.

import type { DnsError } from './failure.ts';

export interface Finding {
  /** `blocks`: an order would fail. `warns`: it may succeed, and somebody should look. */
  readonly severity: 'blocks' | 'warns';
  /** Its message says what to change. */
  readonly error: DnsError;
}
