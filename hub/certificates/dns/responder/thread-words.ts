// What the hub and its responder's thread say to each other, as messages that survive a copy.

import type { PortSharing, ListenAddress } from '../../../../shared/listen-address.ts';
import type { TxtRecord } from '../provider.ts';
import type { ResponderLimits } from './limits.ts';
import type { ZoneSettings } from './zone.ts';

/** What the thread is born with: it answers from its first moment, and never "no such name" for want of records. */
export interface Birth {
  readonly zones: readonly ZoneSettings[];
  readonly listen: readonly ListenAddress[];
  readonly sharing: PortSharing;
  readonly limits: ResponderLimits;
  readonly contents: Contents;
}

/** All records at once: there are as many as certificates are under way. */
export interface Contents {
  readonly records: readonly TxtRecord[];
  /** Of the SOA. */
  readonly serial: number;
}

export type ToThread =
  | { readonly kind: 'publish'; readonly contents: Contents; readonly number: number }
  | { readonly kind: 'ping' }
  | { readonly kind: 'stop' };

export type FromThread =
  /** In the order of `listen`. */
  | { readonly kind: 'listening'; readonly addresses: readonly BoundAddress[] }
  | { readonly kind: 'refused'; readonly refusal: ListenRefusal }
  | { readonly kind: 'published'; readonly number: number }
  | { readonly kind: 'pong'; readonly counts: ResponderCounts }
  /** A message that it could not answer: a bug, worth its stack. */
  | { readonly kind: 'failure'; readonly stack: string };

export interface BoundAddress {
  readonly address: string;
  readonly port: number;
}

/** What bind said, of which address. */
export interface ListenRefusal {
  readonly place: ListenAddress;
  readonly code: string | undefined;
  readonly message: string;
}

export interface ResponderCounts {
  /** Messages that were read, over both transports. */
  readonly asked: number;
  readonly answered: number;
  /** Beyond the rate of their block: told to come by TCP, or not answered. */
  readonly limited: number;
}
