// Settings and stores arrive; the audit log and the bans of a running hub leave, and what monitoring sees of both.

import type { Logger } from '../../shared/log.ts';
import { gauge, total, type Metric, type Sample } from '../../shared/telemetry/metric.ts';
import { Bans } from '../access/bans/bans.ts';
import type { Audit } from '../audit/audit.ts';
import { AuditLog } from '../audit/audit-log.ts';
import type { NotableEvent } from '../audit/event.ts';
import type { AttemptReport } from '../certificates/life/manager.ts';
import type { HubConfig } from '../config.ts';
import type { Opened } from './opened.ts';
import type { Stores } from './stores.ts';
import type { DomainClaim, DomainState } from '../tunnels/domains/domain.ts';
import type { PresenceWatcher } from '../tunnels/presence.ts';

export interface Audited {
  readonly audit: AuditLog;
  readonly bans: Bans;
  readonly metrics: readonly Metric[];
}

/** @throws AuditError, DatabaseError */
export async function openAudited(
  config: HubConfig,
  { stores, log, opened }: { stores: Stores; log: Logger; opened: Opened },
): Promise<Audited> {
  const audit = await AuditLog.open({ ...config.audit, index: stores.auditIndex, log });
  opened.add(async () => audit.close());
  audit.startHousekeeping();
  const { trustedProxies } = config;
  const bans = await Bans.open({ store: stores.bans, audit, trustedProxies, log });
  opened.add(() => bans.close());
  return { audit, bans, metrics: [...auditMetrics(audit), ...banMetrics(bans)] };
}

/** Of attempts that came to something: busy ones and questions about the time are nobody's news. */
export function noteCertificate(audit: Audit, { certificate, outcome }: AttemptReport): void {
  const event = certificateEvents[outcome.kind];
  if (event === undefined) return;
  const isFailed = outcome.kind === 'failed' || outcome.kind === 'sealed';
  audit.note({
    event,
    actor: 'system',
    target: certificate.names.join(' '),
    server: certificate.serverId,
    result: isFailed ? 'failed' : 'ok',
    reason: isFailed ? outcome.error.code : undefined,
  });
}

const certificateEvents: Partial<Record<AttemptReport['outcome']['kind'], NotableEvent>> = {
  issued: 'cert.obtained',
  removed: 'cert.revoked',
  failed: 'cert.failed',
  sealed: 'cert.failed',
};

export function noteDomain(audit: Audit, { hostname, serverId, state }: DomainClaim): void {
  audit.note({
    event: domainEvents[state],
    actor: 'system',
    target: hostname,
    server: serverId,
    result: state === 'active' ? 'ok' : 'failed',
    reason: state,
  });
}

const domainEvents: Record<DomainState, NotableEvent> = {
  waiting: 'domain.changed',
  active: 'domain.proven',
  unreachable: 'domain.changed',
  withdrawn: 'domain.changed',
  dropped: 'domain.removed',
};

/** Servers come and go; what beats is left out unless HUB_AUDIT_EXCLUDE wants it. */
export function notingTunnels(audit: Audit): PresenceWatcher {
  const note = (event: NotableEvent, server: string): void =>
    audit.note({ event, actor: 'system', server, result: 'ok' });
  return {
    onConnected: (server) => note('tunnel.connected', server),
    onDisconnected: (server) => note('tunnel.disconnected', server),
    onBeat: (servers) => {
      for (const server of servers) note('tunnel.heartbeat', server);
    },
  };
}

function auditMetrics(audit: AuditLog): readonly Metric[] {
  return [
    total({
      name: 'phlix_hub_audit_entries_total',
      help: 'Lines of the audit log that this process wrote.',
      labels: ['event'],
      read: () => labelled('event', audit.counts.written),
    }),
    total({
      name: 'phlix_hub_audit_lost_total',
      help: 'Entries that could not be written for so long that they were given up.',
      read: () => audit.counts.lost,
    }),
    gauge({
      name: 'phlix_hub_audit_waiting',
      help: 'Entries that are not on the disk yet.',
      read: () => audit.counts.waiting,
    }),
  ];
}

function banMetrics(bans: Bans): readonly Metric[] {
  return [
    total({
      name: 'phlix_hub_bans_total',
      help: 'Bans that this process made.',
      labels: ['origin'],
      read: () => labelled('origin', bans.made),
    }),
    total({
      name: 'phlix_hub_banned_refused_total',
      help: 'Connections and requests that a ban kept out.',
      read: () => bans.refused,
    }),
    gauge({
      name: 'phlix_hub_bans',
      help: 'Bans that hold.',
      read: () => bans.list().length,
    }),
  ];
}

function labelled(label: string, counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([key, value]) => ({ labels: { [label]: key }, value }));
}
