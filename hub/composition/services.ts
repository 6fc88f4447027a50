// The rooms of a running hub arrive; what the operations of the API work with leaves, in one bag.

import { CheckupWishes } from '../api/areas/findings.ts';
import { EventChannels, type CallerLife } from '../api/news/events.ts';
import type { CertificateView } from '../api/areas/certificates.ts';
import type { News } from '../api/news/news.ts';
import type { ApiServices } from '../api/operations.ts';
import type { AcmeCertificates } from './acme.ts';
import type { Audited } from './audited.ts';
import { verify } from '../audit/verify.ts';
import { localCaDomains } from '../certificates/local-ca.ts';
import { openLocalAuthority } from '../certificates/local-authority.ts';
import type { CertificateState } from '../certificates/life/inventory.ts';
import type { KeyKind, ServedCertificate } from '../certificates/store.ts';
import { localCaFolder, type HubConfig } from '../config.ts';
import type { DomainChecks } from './domain-checks.ts';
import { entriesOf } from '../edge/denied/entries.ts';
import type { Examined } from './examined.ts';
import type { Notified } from './notified.ts';
import type { Opened } from './opened.ts';
import type { People } from './people.ts';
import type { Place } from './place.ts';
import type { SignOn } from './single-sign-on.ts';
import type { Stores } from './stores.ts';
import { tellStreams } from './traffic.ts';
import { domainName } from '../tunnels/domains/domain-name.ts';
import { systemSuffixes } from '../tunnels/domains/public-suffixes.ts';
import type { Tunnels } from '../tunnels/registry.ts';
import type { Observatory } from '../usage/observatory.ts';

/** The operator's own, or the local CA's. */
export type GivenCertificate = ServedCertificate & { readonly kind: KeyKind };

export interface ServiceParts {
  readonly stores: Stores;
  readonly people: People;
  readonly audited: Audited;
  readonly traffic: Observatory;
  readonly place: Place;
  readonly tunnels: Pick<Tunnels, 'askToCheckUp'>;
  readonly domainChecks: DomainChecks;
  readonly acme: AcmeCertificates | undefined;
  /** Where the hub gets none by itself. */
  readonly given: () => readonly GivenCertificate[];
  readonly news: News;
  readonly examined: Examined;
  readonly signOn: SignOn;
  readonly notified: Notified;
  readonly opened: Opened;
}

export async function openServices(config: HubConfig, parts: ServiceParts): Promise<ApiServices> {
  const { stores, people, audited, place, news } = parts;
  const { servers, sharing } = stores;
  const channels = new EventChannels({ news, views: { servers, sharing }, life: lifeOf(parts) });
  parts.opened.add(() => channels.stop());
  parts.opened.add(await tellChanges(stores, news, channels));
  parts.opened.add(await stores.checkups.watch((id) => id !== undefined && tellChanged(news, id)));
  parts.opened.add(tellStreams(parts.traffic, news));
  const checkupWishes = wishesOf(parts);
  parts.opened.add(await checkupWishes.listen());
  return {
    ...people,
    usage: parts.traffic,
    personalRecords: stores.personalRecords,
    origin: () => place.publicUrl,
    servers,
    sharing,
    presence: stores.presence,
    checkups: stores.checkups,
    checkupWishes,
    enrolment: stores.enrolment,
    domains: stores.domains,
    domainLimits: config.domainLimits,
    domainChecks: domainDesk(config, parts.domainChecks),
    place,
    denyList: entriesOf,
    hasSecondAuthority: config.tls.kind === 'acme' && config.tls.fallback !== undefined,
    caFingerprint: await pinnedFingerprint(config),
    certificates: certificateDesk(parts),
    channels,
    settings: config.shown,
    health: parts.examined,
    audit: audited.audit,
    auditIndex: audited.audit,
    verifyAudit: verifyOf(config, stores),
    bans: audited.bans,
    ...parts.signOn,
    noticeTargets: parts.notified.targets,
    serverAlerts: stores.notices.alerts,
  };
}

function wishesOf({ stores, tunnels }: ServiceParts): CheckupWishes {
  const { presence, checkupWishes: post } = stores;
  return new CheckupWishes({ ask: (id) => tunnels.askToCheckUp(id), presence, post });
}

/** Whatever any process changes in a server; `undefined`: changes may have been missed, so whoever listens looks again. */
async function tellChanges(
  { servers }: Stores,
  news: News,
  channels: EventChannels,
): Promise<() => Promise<void>> {
  return servers.watch((serverId) => {
    if (serverId === undefined) channels.closeAll();
    else tellChanged(news, serverId);
  });
}

function tellChanged(news: News, serverId: string): void {
  news.tell({ topic: 'servers', about: { serverId }, body: { id: serverId } });
}

/** Servers came or went, and the store says so. */
export function tellPresence(news: News, serverIds: Iterable<string>): void {
  for (const id of serverIds) tellChanged(news, id);
}

function lifeOf({ people: { logins, accounts, tokens } }: ServiceParts): CallerLife {
  return {
    onEnded: (listener) => {
      const stops = [logins.onEnded(listener), tokens.onEnded(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
    isGood: async (caller) => {
      const account = await accounts.find(caller.account.id);
      if (account?.state !== 'active' || account.role !== caller.account.role) return false;
      if (caller.kind === 'login')
        return (await logins.list(account)).some(({ id }) => id === caller.login.id);
      const now = new Date();
      return (await tokens.list(account.id)).some(
        ({ id, expiresAt }) => id === caller.tokenId && expiresAt > now,
      );
    },
  };
}

function domainDesk(config: HubConfig, checks: DomainChecks): ApiServices['domainChecks'] {
  const suffixes = systemSuffixes();
  return {
    check: async (hostname) => checks.checker.check(hostname),
    destinationOf: async (serverId) => checks.destinationOf(serverId),
    hostnameOf: (text) => domainName(text, config, suffixes),
  };
}

/** Agents know a public authority already; ours they pin by what the token carries. */
async function pinnedFingerprint(config: HubConfig): Promise<string | undefined> {
  if (config.tls.kind !== 'local-ca') return undefined;
  const folder = localCaFolder(config);
  return (await openLocalAuthority(folder, localCaDomains(config), new Date())).fingerprint;
}

function certificateDesk({ acme, given, stores }: ServiceParts): ApiServices['certificates'] {
  return {
    list: () =>
      acme === undefined
        ? given().map(givenView)
        : acme.manager
            .states()
            .filter(({ releasedAt }) => releasedAt === undefined)
            .map(managedView),
    renew: async (id) => stores.certificates.hasten(id),
  };
}

function givenView(one: GivenCertificate): CertificateView {
  const { names, kind: keyKind, notAfter } = one;
  const unknown = { id: undefined, serverId: undefined, notBefore: undefined };
  return { ...unknown, names, keyKind, notAfter, renewsAt: undefined, lastError: undefined };
}

function managedView(state: CertificateState): CertificateView {
  const { id, names, keyKind, serverId, issued, renewal, attempts } = state;
  return {
    id,
    names,
    keyKind,
    serverId,
    notBefore: issued?.notBefore,
    notAfter: issued?.notAfter,
    renewsAt: attempts.nextTryAt ?? renewal.selectedAt,
    lastError: attempts.lastError,
  };
}

function verifyOf({ audit }: HubConfig, { auditIndex }: Stores): ApiServices['verifyAudit'] {
  return async () => verify(audit.folder, auditIndex);
}
