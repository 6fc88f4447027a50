// Who did something arrives, as the audit log names him; how people's tries end leaves, to be counted: the port that this domain tells monitoring through.

import type { AuditActor, AuditEntry } from '../audit/audit.ts';
import type { Actor } from './caller.ts';

/** The part of an entry that says who and from where. */
export function noted(
  by: Actor,
): Pick<AuditEntry, 'address' | 'method' | 'requestId'> & { readonly actor: AuditActor } {
  if (by === 'host') return { actor: 'host', method: 'cli' };
  const { account, address, kind: method, requestId } = by;
  return { actor: { id: account.id, name: account.username }, address, method, requestId };
}

/** How a try to sign in ended. */
export type LoginResult = 'ok' | 'factor' | 'failed' | 'locked' | 'busy';

/** What is counted (hub/telemetry/account-metrics.ts). */
export interface AccountCounts {
  login(result: LoginResult, method: string): void;
  stepUp(result: 'asked' | 'ok' | 'failed'): void;
  /** An address has failed so often that it is refused. */
  blocked(): void;
  loginEnded(): void;
  breachCheck(result: 'clean' | 'found' | 'unknown'): void;
  /** By an account's list of networks. */
  networkRefused(): void;
}
