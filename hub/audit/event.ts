// A name of something that happened arrives; whether the audit log knows it, and whether it may be left out, leaves.

/**
 * Everything that the audit log can hold: a closed list, to which each room adds its own. `area.what`, lower case. Names are
 * read by scripts: one that has been released is never given another meaning.
 */
export const auditEvents = [
  // Sign-in, by whichever door.
  'login.ok',
  'login.failed',
  'login.locked',
  'login.denied',
  'login.ended',
  'login.network-new',
  'login.travel',
  'login.step-up-ok',
  'login.step-up-failed',
  'login.reset-asked',
  'login.reset-done',
  'mfa.failed',
  'mfa.enrolled',
  'mfa.removed',
  'mfa.recovery-used',
  'mfa.recovery-made',
  'mfa.code-sent',
  'mfa.browser-trusted',
  'mfa.browser-forgotten',
  // What people do to accounts.
  'admin.setup',
  'admin.account-invited',
  'admin.invitation-withdrawn',
  'admin.account-created',
  'admin.account-changed',
  'admin.account-suspended',
  'admin.account-resumed',
  'admin.account-removed',
  'admin.account-exported',
  'admin.role-changed',
  'admin.password-reset',
  'admin.mfa-reset',
  'admin.lockout',
  'admin.member-added',
  'admin.member-removed',
  'admin.provider-added',
  'admin.provider-changed',
  'admin.provider-removed',
  'admin.local-login-opened',
  'admin.audit-exported',
  'admin.backup-made',
  'admin.backup-failed',
  'admin.backup-restored',
  'admin.rolled-back',
  'admin.database-moved',
  'account.password-changed',
  'account.email-changed',
  'account.email-asked',
  'account.email-verified',
  'account.networks-changed',
  'account.sso-linked',
  'account.sso-unlinked',
  'account.breach-check-failed',
  'account.password-breached',
  // Servers and their agents.
  'server.token-created',
  'server.token-withdrawn',
  'server.enrolled',
  'server.enrolment-denied',
  'server.key-rotated',
  'server.rotation-denied',
  'server.cloned',
  'server.transferred',
  'server.renamed',
  'server.changed',
  'server.revoked',
  'server.suspended',
  'server.resumed',
  'domain.added',
  'domain.proven',
  'domain.changed',
  'domain.removed',
  'tunnel.connected',
  'tunnel.disconnected',
  'tunnel.heartbeat',
  'session.touch',
  // Bearer secrets and keys of the hub.
  'token.created',
  'token.renamed',
  'token.device-approved',
  'token.device-denied',
  'token.revoked',
  'token.denied',
  'key.rotated',
  'key.forgotten',
  'key.created',
  'cert.renewal-asked',
  'cert.obtained',
  'cert.failed',
  'cert.revoked',
  'cert.expiring',
  // Of the gate in front of servers, which a later version brings; nobody says it yet.
  'gate.decision.deny',
  'ban.added',
  'ban.removed',
  'ban.expired',
  'quota.exceeded',
  'notice.failed',
  'notice.target-changed',
  // The hub itself.
  'hub.started',
  'hub.stopped',
  'hub.draining',
  'hub.took-over',
  'hub.examined',
  // The log about itself; its own lines begin and end each file.
  'audit.recovered',
  'audit.lost',
  'audit.trimmed',
  'segment.open',
  'segment.close',
] as const;

export type AuditEvent = (typeof auditEvents)[number];

/** What a room may note. The log's own lines are made by the log. */
export type NotableEvent = Exclude<AuditEvent, `segment.${string}` | `audit.${string}`>;

const known: ReadonlySet<string> = new Set(auditEvents);

export function isAuditEvent(text: string): text is AuditEvent {
  return known.has(text);
}

/** What a later version may have written before somebody went back to this one: its lines are lines too. */
export function isEventName(text: string): text is AuditEvent {
  return /^[a-z]+(\.[a-z][a-z-]*)+$/.test(text);
}

/** Left out unless HUB_AUDIT_EXCLUDE says otherwise: ten thousand agents beat every fifteen seconds. */
export const usuallyExcluded: readonly AuditEvent[] = ['tunnel.heartbeat', 'session.touch'];

/** security.md row A-21: nobody who has got hold of the settings may blind the log for what he does next. */
const neverExcluded = [
  'login.',
  'mfa.',
  'admin.',
  'gate.decision.deny',
  'cert.',
  'ban.',
  'key.',
  'audit.',
  'segment.',
] as const;

export function isExcludable(event: AuditEvent): boolean {
  return !neverExcluded.some((prefix) => event.startsWith(prefix));
}
