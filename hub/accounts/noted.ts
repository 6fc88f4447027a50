// Who did something arrives, as the audit log names him; how people's tries end leaves, to be counted: the port that this domain tells monitoring through.

import type { AuditActor, AuditEntry } from '../audit/audit.ts';
import type { Actor } from './caller.ts';
import type { Comer } from './factors/factor-news.ts';
import type { Visit } from './login/login.ts';
import { softwareOf } from './login/software.ts';

/** The part of an entry that says who and from where. */
export function noted(
  by: Actor,
): Pick<AuditEntry, 'address' | 'method' | 'requestId'> & { readonly actor: AuditActor } {
  if (by === 'host') return { actor: 'host', method: 'cli' };
  const { account, address, kind: method, requestId } = by;
  return { actor: { id: account.id, name: account.username }, address, method, requestId };
}

/** Somebody who is not signed in (yet): who it is nobody knows. */
export function comerOf({ address, userAgent, requestId }: Visit): Comer {
  return { address, software: softwareOf(userAgent), requestId };
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
