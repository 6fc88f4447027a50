// What can go wrong between the hub and the DNS of its names, as errors whose message says what to change and where.

import { CodedError } from '../../../shared/errors.ts';

export type DnsErrorCode =
  /** The token, key or signature is not accepted at all. */
  | 'dns.unauthorised'
  /** It is known, and may not change this zone or record. */
  | 'dns.forbidden'
  /** The two clocks differ by more than the signature allows. */
  | 'dns.clock'
  /** No zone of this account, or of this server, holds the name. */
  | 'dns.zone-unknown'
  /** The provider wants fewer requests: `retryAfterMs` says when. */
  | 'dns.rate-limited'
  /** Nobody answers, or not in time. */
  | 'dns.unreachable'
  /** Something answers, in words that no API or name server of this kind uses. */
  | 'dns.bad-answer'
  /** The provider understood and said no to this record. */
  | 'dns.rejected'
  /** The operator's own program or endpoint did not do it. */
  | 'dns.hook-failed'
  /** A setting cannot be used. */
  | 'dns.misconfigured'
  /** The public DNS does not lead to name servers that answer for the zone. */
  | 'dns.not-delegated'
  /** A CAA record forbids the authority, the account or the way of proof. */
  | 'dns.caa'
  /** A chain of CNAME records that does not end. */
  | 'dns.alias'
  /** The record was accepted, and not all authoritative servers show it in time. */
  | 'dns.lagging'
  /** The name leads to no address. */
  | 'dns.no-address';

export class DnsError extends CodedError<DnsErrorCode> {
  /** What the provider asked for, or undefined: the caller's own back-off decides. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: DnsErrorCode,
    message: string,
    options?: ErrorOptions & { readonly retryAfterMs?: number | undefined },
  ) {
    super(code, message, options);
    this.retryAfterMs = options?.retryAfterMs;
  }
}
