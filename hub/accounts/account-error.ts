// Why the hub refuses a person leaves here, as a stable code with a sentence and its remedy.

import { CodedError } from '../../shared/errors.ts';

export type AccountErrorCode =
  /** Unknown name, wrong password, wrong code, suspended: alike, so that none can be told from another. */
  | 'login.failed'
  /** Too many failures: `retryAfterMs` says when to come back. */
  | 'login.locked'
  /** More sign-ins at once than the hub checks: `retryAfterMs`. */
  | 'login.busy'
  | 'login.required'
  /** What was begun took too long, or was ended: begin again. */
  | 'login.expired'
  /** `challenge` says how to prove it. */
  | 'login.step-up'
  /** Local sign-in is off (row A-07). */
  | 'login.disabled'
  /** The login may only enrol a factor or set a password. */
  | 'login.restricted'
  | 'account.username'
  | 'account.email'
  | 'account.exists'
  | 'account.unknown'
  | 'account.last-admin'
  /** A link that was mailed: used, too old, or not the account's any more. */
  | 'account.link'
  /** More letters than anybody needs: `retryAfterMs`. */
  | 'account.letters'
  | 'account.password-weak'
  | 'account.password-breached'
  /** A list of networks that is none, or that shuts out whoever writes it. */
  | 'account.network'
  /** A name that was typed to confirm is not the account's. */
  | 'account.unconfirmed'
  /** Not even the shape of a code. */
  | 'mfa.malformed'
  /** A first code that does not confirm what is being added. */
  | 'mfa.refused'
  /** Nothing is being added, or it took too long. */
  | 'mfa.not-started'
  | 'mfa.unknown'
  /** Nothing but the password would be left. */
  | 'mfa.last-factor'
  /** The hub's own secret for codes does not open. */
  | 'mfa.sealed'
  /** Not signed by what it should be, for another page, without user verification, or too late: alike. */
  | 'passkey.refused'
  | 'passkey.limit'
  | 'passkey.unknown'
  | 'setup.done'
  | 'setup.token'
  | 'invite.invalid'
  | 'invite.unknown'
  /** What a bearer sent is unknown, wrong, revoked or expired: alike. */
  | 'token.invalid'
  /** Another account's, or removed. */
  | 'token.unknown'
  /** A token was asked for with a life, a scope, a name or a network that makes no sense. */
  | 'token.options'
  | 'token.quota'
  /** The right token, from a network that it is not for. */
  | 'token.network'
  /** No device waits with this code: mistyped, expired, or decided already. */
  | 'token.code'
  /** No such provider, or it is switched off. */
  | 'sso.unknown'
  | 'sso.exists'
  /** A provider's settings are contradictory or mistyped. */
  | 'sso.settings'
  /** Another browser, too late, or a second time. */
  | 'sso.expired'
  /** The provider said no, or the person did there. */
  | 'sso.denied'
  /** What came back does not hold: signature, issuer, audience, nonce, subject, time. */
  | 'sso.failed'
  /** The provider does not answer. */
  | 'sso.unavailable'
  /** Nobody here is known to be this person. */
  | 'sso.unlinked'
  /** This person opens another account, or another person of the provider opens this one. */
  | 'sso.conflict'
  /** An admin came without a second factor. */
  | 'sso.factor'
  /** The last way in to an account. */
  | 'sso.last-way'
  /** HUB_LOCAL_LOGIN=off, and nobody could come in. */
  | 'sso.lockout';

/** What a 403 `login.step-up` tells the client (row A-11). */
export interface StepUpChallenge {
  readonly id: string;
  readonly methods: readonly string[];
}

interface AccountErrorOptions extends ErrorOptions {
  readonly retryAfterMs?: number;
  readonly challenge?: StepUpChallenge;
}

export class AccountError extends CodedError<AccountErrorCode> {
  /** Of login.locked and login.busy. */
  readonly retryAfterMs: number | undefined;
  /** Of login.step-up. */
  readonly challenge: StepUpChallenge | undefined;

  constructor(code: AccountErrorCode, message: string, options: AccountErrorOptions = {}) {
    super(code, message, options);
    this.retryAfterMs = options.retryAfterMs;
    this.challenge = options.challenge;
  }
}
