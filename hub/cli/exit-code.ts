// A failure arrives; the exit code of sysexits.h leaves, so that service managers and scripts can tell what to do.

import { CodedError } from '../../shared/errors.ts';
import type { NetAddressErrorCode } from '../../shared/net-address.ts';
import type { AccessErrorCode } from '../access/access-error.ts';
import { AccountError, type AccountErrorCode } from '../accounts/account-error.ts';
import type { AuditErrorCode } from '../audit/audit-error.ts';
import type { AcmeErrorCode } from '../certificates/acme/problem.ts';
import type { DnsErrorCode } from '../certificates/dns/failure.ts';
import type { BackupErrorCode } from '../backup/backup-error.ts';
import type { CertificateErrorCode } from '../certificates/failure.ts';
import type { ControlErrorCode } from '../process/control-words.ts';
import type { DatabaseErrorCode } from '../db/database-error.ts';
import type { ListenErrorCode } from '../doors/listen-failure.ts';
import type { DomainErrorCode } from '../tunnels/domains/domain-error.ts';
import { NoticeError, type NoticeErrorCode } from '../notices/notice-error.ts';
import type { TunnelErrorCode } from '../tunnels/tunnel-error.ts';

export const exitCode = {
  ok: 0,
  usage: 64,
  badData: 65,
  unavailable: 69,
  software: 70,
  cannotCreate: 73,
  tryLater: 75,
  noPermission: 77,
  config: 78,
} as const;

type Code =
  | AccessErrorCode
  | AuditErrorCode
  | BackupErrorCode
  | NetAddressErrorCode
  | AcmeErrorCode
  | CertificateErrorCode
  | ControlErrorCode
  | DatabaseErrorCode
  | DnsErrorCode
  | DomainErrorCode
  | ListenErrorCode
  | TunnelErrorCode
  | 'settings.invalid';

/** Undefined: nobody foresaw it, so it is a bug. */
export function exitCodeOf(error: unknown): number | undefined {
  if (!(error instanceof CodedError)) return undefined;
  if (Object.hasOwn(table, error.code)) return table[error.code as Code];
  if (error instanceof NoticeError) return ofNotices[error.code] ?? exitCode.badData;
  return error instanceof AccountError ? (ofPeople[error.code] ?? exitCode.badData) : undefined;
}

const ofNotices: Partial<Record<NoticeErrorCode, number>> = {
  'mail.off': exitCode.config,
  'mail.insecure': exitCode.unavailable,
  'mail.refused': exitCode.unavailable,
  'mail.unreachable': exitCode.unavailable,
  'notice.paced': exitCode.tryLater,
  'notice.undelivered': exitCode.unavailable,
};

/** What people are refused for is in what was asked for, with few exceptions. */
const ofPeople: Partial<Record<AccountErrorCode, number>> = {
  'sso.lockout': exitCode.config,
  'sso.unavailable': exitCode.unavailable,
  'sso.failed': exitCode.unavailable,
};

/** 75 asks for another attempt later, 69 says that something else must come up first; all others need a person. */
const table: Record<Code, number> = {
  'settings.invalid': exitCode.config,

  'certificate.unreadable': exitCode.config,
  'certificate.mismatch': exitCode.config,
  'certificate.expired': exitCode.config,
  'certificate.names': exitCode.config,
  'certificate.exposed': exitCode.noPermission,
  'certificate.unknown': exitCode.badData,
  'certificate.sealed': exitCode.config,
  'certificate.limit': exitCode.tryLater,
  'certificate.storage': exitCode.unavailable,
  'certificate.authority': exitCode.config,
  'certificate.timeout': exitCode.unavailable,
  'certificate.unexpected': exitCode.software,

  'acme.unreachable': exitCode.unavailable,
  'acme.untrusted': exitCode.config,
  'acme.unavailable': exitCode.tryLater,
  'acme.rate-limited': exitCode.tryLater,
  'acme.bad-answer': exitCode.config,
  'acme.nonce': exitCode.tryLater,
  'acme.misconfigured': exitCode.config,
  'acme.terms': exitCode.config,
  'acme.account-binding': exitCode.config,
  'acme.contact': exitCode.config,
  'acme.account': exitCode.noPermission,
  'acme.clock': exitCode.config,
  'acme.caa': exitCode.config,
  'acme.dns': exitCode.config,
  'acme.not-proved': exitCode.config,
  'acme.rejected-name': exitCode.badData,
  'acme.profile': exitCode.config,
  'acme.challenge': exitCode.config,
  'acme.refused': exitCode.unavailable,
  'acme.unfinished': exitCode.tryLater,
  'acme.wrong-certificate': exitCode.unavailable,

  'dns.unauthorised': exitCode.config,
  'dns.forbidden': exitCode.noPermission,
  'dns.clock': exitCode.config,
  'dns.zone-unknown': exitCode.config,
  'dns.rate-limited': exitCode.tryLater,
  'dns.unreachable': exitCode.unavailable,
  'dns.bad-answer': exitCode.unavailable,
  'dns.rejected': exitCode.config,
  'dns.hook-failed': exitCode.unavailable,
  'dns.misconfigured': exitCode.config,
  'dns.not-delegated': exitCode.config,
  'dns.caa': exitCode.config,
  'dns.alias': exitCode.config,
  'dns.lagging': exitCode.tryLater,
  'dns.no-address': exitCode.config,

  'database.unreachable': exitCode.unavailable,
  'database.in-use': exitCode.tryLater,
  'database.version': exitCode.config,
  'database.newer': exitCode.config,
  'database.migration': exitCode.software,
  'database.schema': exitCode.config,
  'database.moved': exitCode.config,
  'database.not-empty': exitCode.cannotCreate,
  'database.no-permission': exitCode.noPermission,
  'database.bad-url': exitCode.config,
  'database.weak-password': exitCode.config,
  'database.tls-required': exitCode.config,
  'database.unsupported-platform': exitCode.config,
  'database.folder': exitCode.cannotCreate,
  'database.failed': exitCode.unavailable,

  'backup.plain': exitCode.usage,
  'backup.no-key': exitCode.usage,
  'backup.wrong-key': exitCode.badData,
  'backup.damaged': exitCode.badData,
  'backup.newer': exitCode.badData,
  'backup.not-empty': exitCode.cannotCreate,
  'backup.exists': exitCode.cannotCreate,
  'backup.unknown': exitCode.badData,
  'backup.storage': exitCode.cannotCreate,

  'control.silent': exitCode.unavailable,
  'control.busy': exitCode.tryLater,
  'control.no-permission': exitCode.noPermission,
  'control.path-too-long': exitCode.config,

  'listen.in-use': exitCode.unavailable,
  'listen.denied': exitCode.noPermission,
  'listen.failed': exitCode.config,

  'enrol.token-invalid': exitCode.badData,
  'enrol.token-used': exitCode.badData,
  'enrol.token-expired': exitCode.badData,
  'enrol.wrong-network': exitCode.badData,
  'enrol.proof': exitCode.badData,
  'enrol.token-options': exitCode.usage,
  'rotate.refused': exitCode.noPermission,
  'enrol.rate-limited': exitCode.tryLater,
  'name.invalid': exitCode.badData,
  'name.reserved': exitCode.badData,
  'name.taken': exitCode.badData,
  'name.quarantined': exitCode.badData,
  'name.quota': exitCode.badData,
  'name.changes': exitCode.tryLater,
  'server.unknown': exitCode.badData,

  'audit.folder': exitCode.cannotCreate,
  'audit.locked': exitCode.tryLater,
  'audit.query': exitCode.badData,
  'ban.loopback': exitCode.badData,
  'ban.proxy': exitCode.badData,
  'ban.wide': exitCode.usage,
  'ban.own': exitCode.usage,
  'ban.limit': exitCode.badData,
  'net.address-invalid': exitCode.badData,
  'net.prefix-invalid': exitCode.badData,
  'net.host-bits': exitCode.badData,

  'domain.invalid': exitCode.badData,
  'domain.reserved': exitCode.badData,
  'domain.quota': exitCode.badData,
  'domain.unknown': exitCode.badData,
  'domain.ambiguous': exitCode.usage,
};
