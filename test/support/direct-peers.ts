// A log arrives; peers without any proxy leave, for doors that are tested alone.

import { Peers } from '../../hub/edge/peers.ts';
import type { Logger } from '../../shared/log.ts';
import { CidrSet } from '../../shared/net-address.ts';

export function directPeers(log: Logger): Peers {
  return new Peers({ trustedProxies: new CidrSet([]), isProxied: false, timeoutMs: 5000, log });
}
