// TXT records arrive; a zone at some provider has them, or has them no more.

import { DnsError } from './failure.ts';

/** One value of a TXT record set; others at the same name are left alone (apex and wildcard share one). */
export interface TxtRecord {
  /** Fully qualified, lower case, without the root's dot: `_acme-challenge.example.org`. */
  readonly name: string;
  readonly value: string;
  /** What the value was made of. Only hooks in RAW mode ask for it. */
  readonly proof?: RecordProof | undefined;
}

/** As in RFC 8555 §8.4; the domain without `_acme-challenge` and without the `*.` of a wildcard. */
export interface RecordProof {
  readonly domain: string;
  readonly token: string;
  readonly keyAuthorization: string;
}

/** A zone that the hub answers for itself: the zone above has to name its servers. */
export interface Delegation {
  readonly zone: string;
  readonly nameServers: readonly {
    readonly name: string;
    readonly addresses: readonly string[];
  }[];
}

export interface DnsProvider {
  /** `rfc2136`, `cloudflare`, ...: for messages. */
  readonly name: string;
  /** Unset: its zones are served by somebody who is known to the public DNS already. */
  readonly delegations?: readonly Delegation[] | undefined;
  /** Resolves once the provider has accepted it. Adding what is there is a success. @throws DnsError */
  add(record: TxtRecord, signal: AbortSignal): Promise<void>;
  /** Removing what is not there is a success. @throws DnsError */
  remove(record: TxtRecord, signal: AbortSignal): Promise<void>;
}

/** For those that ask for it. @throws DnsError `dns.misconfigured` for a record that proves nothing */
export function proofOf({ name, proof }: TxtRecord): RecordProof {
  if (proof !== undefined) return proof;
  const message = `A DNS hook in RAW mode is given challenges only, and the record at ${name} is none: take it out of RAW mode.`;
  throw new DnsError('dns.misconfigured', message);
}
