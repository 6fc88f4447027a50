// What an operator says about the responder arrives; the zones that it answers for leave.

import type { ListenAddress } from '../../../../shared/listen-address.ts';
import type { CaaRecord } from '../caa.ts';
import type { TxtRecord } from '../provider.ts';
import { isWithin, type AddressedHosts, type NameServer, type ZoneSettings } from './zone.ts';

/** Names are lower case, without the root's dot; addresses canonical. */
export interface ResponderSettings {
  /** Each over UDP and TCP. */
  readonly listen: readonly ListenAddress[];
  /** Delegated to this hub; at least one, the first for proofs of names that lie in none of them. */
  readonly zones: readonly string[];
  /** As the parent zones name them; at least one. */
  readonly nameServers: readonly NameServer[];
  /** Who may sign for these zones. */
  readonly caa: readonly CaaRecord[];
  /** Of the operator's own, in these zones. */
  readonly texts: readonly TxtRecord[];
  /** Answered as far as they lie in the zones; others answer for the rest. */
  readonly hosts: AddressedHosts;
}

export function zonesOf({ zones, nameServers, caa, hosts }: ResponderSettings): ZoneSettings[] {
  return Array.from(new Set(zones), (name) => ({ name, nameServers, caa, hosts }));
}

/** Whether a record of this name would be answered. */
export function isAnswered({ zones }: ResponderSettings, name: string): boolean {
  return zones.some((zone) => isWithin(name, zone));
}
