// Every code that the hub's own doors answer with stands here once, with its HTTP status and its title.

import type { NetAddressErrorCode } from '../../../shared/net-address.ts';
import type { AccessErrorCode } from '../../access/access-error.ts';
import type { AccountErrorCode } from '../../accounts/account-error.ts';
import type { DomainErrorCode } from '../../tunnels/domains/domain-error.ts';
import type { NoticeErrorCode } from '../../notices/notice-error.ts';
import type { TunnelErrorCode } from '../../tunnels/tunnel-error.ts';
import type { ApiErrorCode } from './api-error.ts';

export type ProblemCode =
  | TunnelErrorCode
  | DomainErrorCode
  | AccountErrorCode
  | AccessErrorCode
  | NetAddressErrorCode
  | 'audit.query'
  | NoticeErrorCode
  | ApiErrorCode
  | 'line.denied'
  | 'line.busy'
  | 'tunnel.unbound';

interface Problem {
  readonly status:
    | 400
    | 401
    | 403
    | 404
    | 405
    | 408
    | 409
    | 410
    | 413
    | 415
    | 426
    | 429
    | 500
    | 502
    | 503;
  readonly title: string;
}

export const problemTable: Readonly<Record<ProblemCode, Problem>> = {
  'enrol.token-invalid': { status: 403, title: 'Unknown enrolment token' },
  'enrol.token-used': { status: 409, title: 'Enrolment token used before' },
  'enrol.token-expired': { status: 410, title: 'Enrolment token expired' },
  'enrol.wrong-network': { status: 403, title: 'Enrolment token of another network' },
  'enrol.proof': { status: 403, title: 'Key not proved' },
  'enrol.token-options': { status: 400, title: 'Enrolment token cannot be made like this' },
  'rotate.refused': { status: 403, title: 'Not the key of a server' },
  'enrol.rate-limited': { status: 429, title: 'Too many attempts' },
  'line.denied': { status: 403, title: 'No line to measure' },
  'line.busy': { status: 429, title: 'Enough lines measured' },
  'name.invalid': { status: 400, title: 'No usable name' },
  'name.reserved': { status: 409, title: 'Reserved name' },
  'name.taken': { status: 409, title: 'Name taken' },
  'name.quarantined': { status: 409, title: 'Name in quarantine' },
  'name.quota': { status: 403, title: 'No more names' },
  'name.changes': { status: 403, title: 'Too many changes of name' },
  'server.unknown': { status: 404, title: 'Unknown server' },
  'domain.invalid': { status: 400, title: 'No usable domain' },
  'domain.reserved': { status: 409, title: 'Reserved domain' },
  'domain.quota': { status: 403, title: 'No more domains' },
  'domain.unknown': { status: 404, title: 'Unknown domain' },
  'domain.ambiguous': { status: 409, title: 'Claimed by several servers' },
  'tunnel.unbound': { status: 426, title: 'TLS of the hub itself is needed' },
  'api.malformed': { status: 400, title: 'Malformed request' },
  'api.not-found': { status: 404, title: 'Nothing here' },
  'api.method': { status: 405, title: 'Not by this method' },
  'api.too-large': { status: 413, title: 'Request too large' },
  'api.timeout': { status: 408, title: 'Request too slow' },
  'api.media-type': { status: 415, title: 'JSON is needed' },
  'api.same-site': { status: 403, title: 'Sent from another site' },
  'api.cookies': { status: 400, title: 'Contradictory cookies' },
  'api.token-in-address': { status: 401, title: 'A token has no place in an address' },
  'api.denied': { status: 403, title: 'Not for this account' },
  'api.scope': { status: 403, title: 'Not for this token' },
  'api.banned': { status: 403, title: 'Shut out' },
  'api.busy': { status: 429, title: 'Too many at once' },
  'api.internal': { status: 500, title: 'The hub failed' },
  'login.failed': { status: 401, title: 'Sign-in failed' },
  'login.locked': { status: 429, title: 'Too many failures' },
  'login.busy': { status: 503, title: 'Too many sign-ins at once' },
  'login.required': { status: 401, title: 'Sign in first' },
  'login.expired': { status: 401, title: 'Sign-in took too long' },
  'login.step-up': { status: 403, title: 'Prove that it is you' },
  'login.disabled': { status: 403, title: 'Local sign-in is off' },
  'login.restricted': { status: 403, title: 'Finish setting up first' },
  'account.username': { status: 400, title: 'No usable user name' },
  'account.email': { status: 400, title: 'No usable e-mail address' },
  'account.exists': { status: 409, title: 'Account exists' },
  'account.unknown': { status: 404, title: 'Unknown account' },
  'account.last-admin': { status: 409, title: 'The last admin' },
  'account.link': { status: 403, title: 'Link of no use' },
  'account.letters': { status: 429, title: 'Enough letters' },
  'account.password-weak': { status: 400, title: 'Weak password' },
  'account.password-breached': { status: 400, title: 'Password known from a breach' },
  'account.network': { status: 400, title: 'No usable list of networks' },
  'account.unconfirmed': { status: 400, title: 'Not confirmed' },
  'mfa.malformed': { status: 400, title: 'Not a code' },
  'mfa.refused': { status: 403, title: 'Code not accepted' },
  'mfa.not-started': { status: 409, title: 'Nothing to confirm' },
  'mfa.unknown': { status: 404, title: 'Unknown factor' },
  'mfa.last-factor': { status: 409, title: 'The last factor' },
  'mfa.sealed': { status: 503, title: 'The hub cannot open its own secret' },
  'passkey.refused': { status: 403, title: 'Passkey not accepted' },
  'passkey.limit': { status: 409, title: 'No more passkeys' },
  'passkey.unknown': { status: 404, title: 'Unknown passkey' },
  'setup.done': { status: 409, title: 'Set up already' },
  'setup.token': { status: 403, title: 'Unknown setup token' },
  'invite.invalid': { status: 403, title: 'Invitation of no use' },
  'invite.unknown': { status: 404, title: 'Unknown invitation' },
  'token.unknown': { status: 404, title: 'Unknown token' },
  'token.invalid': { status: 401, title: 'Token of no use' },
  'token.options': { status: 400, title: 'Token cannot be made like this' },
  'token.quota': { status: 409, title: 'No more tokens' },
  'token.network': { status: 401, title: 'Token of another network' },
  'token.code': { status: 404, title: 'Unknown code' },
  'sso.unknown': { status: 404, title: 'Unknown identity provider' },
  'sso.exists': { status: 409, title: 'Identity provider exists' },
  'sso.settings': { status: 400, title: 'Identity provider cannot be kept like this' },
  'sso.expired': { status: 401, title: 'Single sign-on took too long' },
  'sso.denied': { status: 403, title: 'The identity provider said no' },
  'sso.failed': { status: 403, title: 'The answer of the identity provider does not hold' },
  'sso.unavailable': { status: 503, title: 'The identity provider does not answer' },
  'sso.unlinked': { status: 403, title: 'No account for this identity' },
  'sso.conflict': { status: 409, title: 'Linked to another' },
  'sso.factor': { status: 403, title: 'A second factor is needed' },
  'sso.last-way': { status: 409, title: 'The last way in' },
  'sso.lockout': { status: 409, title: 'Nobody could come in' },
  'mail.off': { status: 409, title: 'No mail' },
  'mail.address': { status: 400, title: 'No usable e-mail address' },
  'mail.insecure': { status: 502, title: 'The mail server is not safe' },
  'mail.refused': { status: 502, title: 'The mail server said no' },
  'mail.unreachable': { status: 502, title: 'The mail server does not answer' },
  'notice.target': { status: 400, title: 'No usable place for notices' },
  'notice.unknown': { status: 404, title: 'Unknown place for notices' },
  'notice.quota': { status: 403, title: 'No more places for notices' },
  'notice.paced': { status: 429, title: 'Enough tests for now' },
  'audit.query': { status: 400, title: 'No usable question' },
  'ban.loopback': { status: 400, title: 'The machine itself' },
  'ban.proxy': { status: 400, title: 'A trusted proxy' },
  'ban.wide': { status: 409, title: 'A wide network' },
  'ban.own': { status: 409, title: 'Your own address' },
  'ban.limit': { status: 409, title: 'No more bans' },
  'net.address-invalid': { status: 400, title: 'No usable address' },
  'net.prefix-invalid': { status: 400, title: 'No usable network' },
  'net.host-bits': { status: 400, title: 'No usable network' },
  'notice.undelivered': { status: 502, title: 'The notice was not taken' },
};

/** Undefined: no code of this table, whatever it looks like. */
export function problemOf(code: string): Problem | undefined {
  return Object.hasOwn(problemTable, code) ? problemTable[code as ProblemCode] : undefined;
}
