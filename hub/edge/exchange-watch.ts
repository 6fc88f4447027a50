// Who keeps a record of visitors' exchanges is declared here: told of each when it begins, and of those that the edge answers by itself.

import type { ExchangeRecord } from '../usage/exchange-record.ts';
import type { Meter } from '../usage/meter.ts';
import type { FieldLines, VisitorRequest } from './visitor.ts';

type WatchedRequest = Omit<VisitorRequest, 'body' | 'meter'>;

interface Begun {
  readonly serverId: string;
  /** Its `onClosed` is for whoever watches. */
  readonly meter: Meter;
  /** It came from a trusted proxy. */
  readonly isVouched: boolean;
}

interface Refused {
  readonly serverId: string;
  readonly record: ExchangeRecord;
  readonly isVouched: boolean;
}

/** Answers at once, and never throws. */
export interface ExchangeWatch {
  /** The trace context that the origin gets; undefined: the visitor's own, as it came. */
  begun(request: WatchedRequest, exchange: Begun): FieldLines | undefined;
  refused(request: WatchedRequest, exchange: Refused): void;
}
