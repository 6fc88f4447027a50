// Settings and stores arrive; the audit log and the bans of a running hub leave, and what monitoring sees of both.

import type { Logger } from '../shared/log.ts';
import { Bans } from './access/bans/bans.ts';
import type { Audit } from './audit/audit.ts';
import { AuditLog } from './audit/audit-log.ts';
import type { NotableEvent } from './audit/event.ts';
import type { AttemptReport } from './certificates/life/manager.ts';
import type { HubConfig } from './config.ts';
import type { Opened } from './opened.ts';
import type { Stores } from './stores.ts';
import { Gauge, type Metric } from './telemetry/metric.ts';
import type { DomainClaim, DomainState } from './tunnels/domains/domain.ts';
import type { PresenceWatcher } from './tunnels/presence.ts';

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
    {
      name: 'phlix_hub_audit_entries_total',
      help: 'Lines of the audit log that this process wrote.',
      type: 'counter',
      samples: () =>
        Object.entries(audit.counts.written).map(([event, value]) => ({
          labels: { event },
          value,
        })),
    },
    {
      name: 'phlix_hub_audit_lost_total',
      help: 'Entries that could not be written for so long that they were given up.',
      type: 'counter',
      samples: () => [{ value: audit.counts.lost }],
    },
    new Gauge('phlix_hub_audit_waiting', 'Entries that are not on the disk yet.', () => {
      return audit.counts.waiting;
    }),
  ];
}

function banMetrics(bans: Bans): readonly Metric[] {
  return [
    {
      name: 'phlix_hub_bans_total',
      help: 'Bans that this process made.',
      type: 'counter',
      samples: () =>
        Object.entries(bans.made).map(([origin, value]) => ({ labels: { origin }, value })),
    },
    {
      name: 'phlix_hub_banned_refused_total',
      help: 'Connections and requests that a ban kept out.',
      type: 'counter',
      samples: () => [{ value: bans.refused }],
    },
    new Gauge('phlix_hub_bans', 'Bans that hold.', () => bans.list().length),
  ];
}
