// What became of somebody's factors arrives; a line of the audit log leaves, and a mail to whom it concerns.

import type { Audit, AuditActor, AuditEntry } from '../../audit/audit.ts';
import type { Notice, Notices } from '../../notices/notice.ts';
import type { Account } from '../account.ts';

/** Who changes something, and from where. */
export interface Doer {
  readonly actor: AuditActor;
  readonly address?: string | undefined;
  /** `Firefox on Windows`. */
  readonly software?: string | undefined;
  readonly requestId?: string | undefined;
}

/** Who brings a code, or asks for one, before anybody knows whether it is the account's owner. */
export type Comer = Omit<Doer, 'actor'>;

export type FactorName = 'totp' | 'passkey' | 'recovery' | 'email';

/** What is counted of it. */
export type FactorEvent =
  | 'added'
  | 'removed'
  | 'unreadable'
  | 'cloned'
  | 'recovery-made'
  | 'recovery-used'
  | 'browser-trusted'
  | 'browser-recognised'
  | 'browser-forgotten'
  | 'trust-replayed'
  | 'code-sent'
  | 'link-sent'
  | 'invitation-sent'
  | 'email-verified'
  | 'password-asked'
  | 'password-reset'
  | 'letter-refused'
  | 'letter-failed'
  | 'locked-out'
  | 'reset';

export interface FactorCounts {
  count(event: FactorEvent): void;
}

interface FactorNewsOptions {
  readonly audit: Audit;
  readonly notices: Notices;
  readonly counts: FactorCounts;
}

/** The hub by itself, in the middle of a check: whoever asked for it notes the caller. */
const hubItself: Doer = { actor: 'system' };

export class FactorNews {
  readonly #audit: Audit;
  readonly #notices: Notices;
  readonly #counts: FactorCounts;

  constructor({ audit, notices, counts }: FactorNewsOptions) {
    this.#audit = audit;
    this.#notices = notices;
    this.#counts = counts;
  }

  added(accountId: string, factor: FactorName, doer: Doer): void {
    this.#counts.count('added');
    this.#note('mfa.enrolled', accountId, doer, { method: factor });
    this.#tell(accountId, { kind: 'factor.added', facts: { factor, ...whereOf(doer) } });
  }

  removed(accountId: string, factor: FactorName, doer: Doer): void {
    this.#counts.count('removed');
    this.#note('mfa.removed', accountId, doer, { method: factor });
    this.#tell(accountId, { kind: 'factor.removed', facts: { factor, ...whereOf(doer) } });
  }

  /** Fail closed, and be heard: the row is damaged, was copied from another, or the key ring lacks its secret. */
  unreadable(accountId: string, factor: FactorName): void {
    this.#counts.count('unreadable');
    const reason = 'sealed';
    this.#note('mfa.failed', accountId, hubItself, { result: 'failed', method: factor, reason });
    this.#notices.tell({
      kind: 'factor.unreadable',
      to: { kind: 'admins' },
      facts: { accountId, factor },
    });
  }

  /** The passkey signed, and its counter had been there before: there are two of it. */
  cloned(accountId: string, name: string): void {
    this.#counts.count('cloned');
    const reason = 'counter';
    this.#note('mfa.failed', accountId, hubItself, { result: 'denied', method: 'passkey', reason });
    this.#tell(accountId, { kind: 'factor.cloned', facts: { factor: name } });
  }

  recoveryMade(accountId: string, doer: Doer): void {
    this.#counts.count('recovery-made');
    this.#note('mfa.recovery-made', accountId, doer);
    this.#tell(accountId, {
      kind: 'factor.added',
      facts: { factor: 'recovery', ...whereOf(doer) },
    });
  }

  recoveryUsed(accountId: string, left: number): void {
    this.#counts.count('recovery-used');
    this.#note('mfa.recovery-used', accountId, hubItself, { method: 'recovery' });
    this.#tell(accountId, { kind: 'recovery.used', facts: { left } });
    if (left <= fewLeft) this.#tell(accountId, { kind: 'recovery.low', facts: { left } });
  }

  browserTrusted(accountId: string, software: string): void {
    this.#counts.count('browser-trusted');
    this.#note('mfa.browser-trusted', accountId, hubItself, { reason: software });
  }

  /** A sign-in without the second factor: counted here, and noted as every sign-in. */
  browserRecognised(): void {
    this.#counts.count('browser-recognised');
  }

  browsersForgotten(accountId: string, doer: Doer): void {
    this.#counts.count('browser-forgotten');
    this.#note('mfa.browser-forgotten', accountId, doer);
  }

  /** A value that was replaced came again: one of the two who hold it stole it. */
  trustReplayed(accountId: string, software: string): void {
    this.#counts.count('trust-replayed');
    const reason = 'replayed';
    this.#note('mfa.browser-forgotten', accountId, hubItself, { result: 'denied', reason });
    this.#tell(accountId, { kind: 'trust.replayed', facts: { software } });
  }

  /** By mail, to the proven address. */
  codeSent(accountId: string, doer: Comer): void {
    this.#counts.count('code-sent');
    this.#note('mfa.code-sent', accountId, doer, { method: 'email' });
  }

  /** To an address that is not proven yet. */
  linkSent(accountId: string, doer: Doer): void {
    this.#counts.count('link-sent');
    this.#note('account.email-asked', accountId, doer);
  }

  emailVerified(accountId: string, doer: Comer): void {
    this.#counts.count('email-verified');
    this.#note('account.email-verified', accountId, doer, { method: 'email' });
  }

  /** `accountId` undefined: nobody is called that. Only this log knows whether a letter went out. */
  passwordAsked(accountId: string | undefined, doer: Comer, isSent: boolean): void {
    this.#counts.count('password-asked');
    const result = isSent ? 'ok' : 'denied';
    this.#note('login.reset-asked', accountId, doer, { result, method: 'email' });
  }

  passwordReset(accountId: string, doer: Comer): void {
    this.#counts.count('password-reset');
    this.#note('login.reset-done', accountId, doer, { method: 'email' });
    this.#tell(accountId, { kind: 'password.changed', facts: whereOf(doer) });
  }

  /** The audit log has that there is one. */
  invitationSent(): void {
    this.#counts.count('invitation-sent');
  }

  /** More were asked for than anybody needs. */
  letterRefused(): void {
    this.#counts.count('letter-refused');
  }

  letterFailed(): void {
    this.#counts.count('letter-failed');
  }

  lockedOut(accountId: string, doer: Doer): void {
    this.#counts.count('locked-out');
    this.#note('admin.lockout', accountId, doer);
    this.#tell(accountId, { kind: 'account.locked-down', facts: whereOf(doer) });
  }

  /** By name, as everything that admins do to accounts. */
  reset({ id, username }: Pick<Account, 'id' | 'username'>, reason: string, doer: Doer): void {
    this.#counts.count('reset');
    this.#note('admin.mfa-reset', username, doer, { reason });
    const by = typeof doer.actor === 'string' ? doer.actor : doer.actor.name;
    this.#tell(id, { kind: 'account.reset', facts: { by, ...whereOf(doer) } });
  }

  #note(
    event: AuditEntry['event'],
    target: string | undefined,
    { actor, address, requestId }: Comer & Partial<Pick<Doer, 'actor'>>,
    facts: Partial<Pick<AuditEntry, 'result' | 'method' | 'reason'>> = {},
  ): void {
    this.#audit.note({ event, actor, address, requestId, target, result: 'ok', ...facts });
  }

  #tell(accountId: string, notice: Told): void {
    this.#notices.tell({ ...notice, to: { kind: 'account', accountId } });
  }
}

/** Row A-05: three codes are one bad week. */
const fewLeft = 3;

type Told = Notice extends infer One ? (One extends Notice ? Omit<One, 'to'> : never) : never;

function whereOf({ address, software }: Comer) {
  return { address, software };
}
