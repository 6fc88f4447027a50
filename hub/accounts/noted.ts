// What happens to people's accounts leaves here, for the audit log and for what is counted: the ports that this domain tells through.

/** In the audit log (hub/audit). A closed list: what is not here is not written. */
export type AccountEvent =
  | 'login.ok'
  | 'login.failed'
  | 'login.locked'
  | 'login.ended'
  | 'login.network'
  | 'mfa.failed'
  | 'mfa.step-up'
  | 'mfa.step-up-failed'
  | 'admin.setup'
  | 'admin.invited'
  | 'admin.invite-withdrawn'
  | 'admin.role'
  | 'admin.suspended'
  | 'admin.resumed'
  | 'admin.deleted'
  | 'account.created'
  | 'account.renamed'
  | 'account.email'
  | 'account.password'
  | 'account.networks'
  | 'account.deleted'
  | 'account.breach-unknown'
  | 'account.breached'
  | 'ban.added';

export interface AccountEntry {
  readonly event: AccountEvent;
  readonly actor?: { readonly id: string; readonly name: string } | 'host' | 'system' | undefined;
  readonly address?: string | undefined;
  readonly target?: string | undefined;
  readonly server?: string | undefined;
  readonly result: 'ok' | 'denied' | 'failed';
  readonly method?: string | undefined;
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
}

export interface AccountAudit {
  /** Never throws, never blocks. */
  note(entry: AccountEntry): void;
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
  networkRefused(): void;
}
