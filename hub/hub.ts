// Checked settings arrive; a hub leaves that listens, and that can be stopped. The one place where every room is known: tests start it too.

import type { PortSharing } from '../shared/listen-address.ts';
import type { Logger } from '../shared/log.ts';
import type { Metric } from '../shared/telemetry/metric.ts';
import { version } from '../shared/version.ts';
import type { AcmeCertificates } from './composition/acme.ts';
import { tellOfKeys } from './composition/agent-keys.ts';
import { CheckupDesk } from './api/agents/checkup-api.ts';
import { LineGuard } from './api/agents/line-api.ts';
import { News } from './api/news/news.ts';
import type { Audit } from './audit/audit.ts';
import {
  noteCertificate,
  notingTunnels,
  openAudited,
  type Audited,
} from './composition/audited.ts';
import { startBackups } from './upkeep/backing-up.ts';
import { FileCertificates, requireFiles } from './certificates/files.ts';
import { LocalCa } from './certificates/local-ca.ts';
import type { CertificateSource } from './certificates/store.ts';
import type { AttemptReport } from './certificates/life/manager.ts';
import type { KeyRing } from './certificates/life/sealing.ts';
import { localCaFolder, type HubConfig } from './config.ts';
import { ControlClient } from './process/control-client.ts';
import { Control } from './process/control.ts';
import { Doors, sharingOf, type HubAddresses } from './doors/doors.ts';
import { Peers } from './edge/peers.ts';
import { Examined } from './composition/examined.ts';
import { watchExchanges } from './composition/exchanges.ts';
import { banWhoGuesses } from './composition/guessing.ts';
import { noteNewKey, openKeyRing, requireFitting } from './composition/key-ring.ts';
import { openMetrics } from './composition/metrics.ts';
import { openNames } from './composition/names.ts';
import {
  openNotified,
  startWatches,
  tellAuditTrouble,
  tellBans,
  tellReuse,
} from './composition/notified.ts';
import { Opened } from './composition/opened.ts';
import { createSafeFetch } from './outbound/safe-fetch.ts';
import { openPeople, type People } from './composition/people.ts';
import { openReception } from './doors/reception.ts';
import { isSameSite } from './composition/same-site.ts';
import { tellPresence, type GivenCertificate } from './composition/services.ts';
import { openProviders, openSingleSignOn, requireOpenDoor } from './composition/single-sign-on.ts';
import { announceSetup, forgetSetupToken } from './composition/setup-token.ts';
import { Overload } from './composition/overload.ts';
import { openStores, type Stores } from './composition/stores.ts';
import {
  CertificateAttempts,
  certificateGauges,
  givenCertificate,
  managedCertificate,
  type HeldCertificate,
} from './telemetry/certificate-metrics.ts';
import { Counters } from './telemetry/counters.ts';
import { noteRenewal, openTraffic } from './composition/traffic.ts';
import { Readiness } from './composition/readiness.ts';
import { PresenceReporter } from './tunnels/presence.ts';
import { tellSuspensions } from './composition/suspensions.ts';
import type { Tunnels } from './tunnels/registry.ts';
import { Unnamed } from './composition/unnamed.ts';
import type { Observatory } from './usage/observatory.ts';
import { VitalSigns } from './composition/vital-signs.ts';

export interface Hub {
  readonly addresses: HubAddresses;
  readonly certificates: CertificateSource;
  readonly stores: Stores;
  readonly tunnels: Tunnels;
  readonly counters: Counters;
  readonly traffic: Observatory;
  readonly audited: Audited;
  readonly people: People;
  /** When an operator's command, or another process of this hub, wants it to end. */
  readonly stopAsked: Promise<void>;
  /** Accepts no more, lets what runs finish within HUB_DRAIN_TIMEOUT, and closes everything. */
  stop(): Promise<void>;
}

export interface HubOptions {
  readonly log: Logger;
  /** One line for each exchange of a visitor. Undefined: nobody wants them. */
  readonly access?: Logger | undefined;
  /** Takes the place of the process that runs with the same data folder, without a gap. Needs a database that outlives it. */
  readonly takesOver?: boolean;
  /** Asked to stop before it runs. */
  readonly stopping?: AbortSignal;
}

/** @throws CodedError, or the reason of `stopping`; whatever was opened until then is closed again. */
export async function startHub(config: HubConfig, options: HubOptions): Promise<Hub> {
  const opened = new Opened(options.log);
  try {
    return await open(config, options, opened);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function open(config: HubConfig, options: HubOptions, opened: Opened): Promise<Hub> {
  const { log, stopping } = options;
  if (config.tls.kind === 'files') await requireFiles(config.tls.pairs);
  const former = options.takesOver ? await takeOver(config, log) : undefined;
  opened.add(() => former?.close());
  const stores = await openStores(config, { purpose: 'hub', log, stopping });
  opened.add(async () => stores.close());
  stopping?.throwIfAborted();
  // Whatever the hub's TLS: people's secrets are sealed as well, and a hub that cannot open them does not start.
  const keyRing = await openKeyRing(config, stores);
  await requireFitting(keyRing, stores);
  const audited = await openAudited(config, { stores, log, opened });
  const { audit, bans } = audited;
  noteNewKey(audit, keyRing);
  const traffic = await openTraffic(stores, { audit, log, opened });
  const sharing = former === undefined ? sharingOf(config) : 'joining';
  const { certificates, acme, ...held } = await openCertificates(config, {
    stores,
    keyRing,
    log,
    sharing,
    onAttempt: (report) => {
      noteRenewal(traffic, report);
      noteCertificate(audit, report);
    },
  });
  opened.add(async () => (acme ?? certificates).stop());

  const overload = watchMemory(config, log);
  opened.add(() => overload.stop());
  const names = await openNames(config, { stores, log, audit, opened });
  const { place, tunnels } = names;
  const news = new News();
  const presence = reportPresence(stores, { audit, news }, log);
  opened.add(async () => presence.stop());
  await presence.start();

  const origin = () => place.publicUrl;
  const outside = { stores, keyRing, audit, fetch: createSafeFetch(), origin, log, opened };
  const notified = openNotified(config, outside);
  const { notices, mailer } = notified;
  await requireOpenDoor(config, stores);
  const providing = openProviders(config, { ...outside, notices });
  const people = await openPeople(config, {
    ...outside,
    adminOrigin: () => place.adminUrl,
    notices,
    mailer,
    localLogin: providing.localLogin,
    providerLogins: providing.providerLogins,
    links: providing.ssoLinks,
    onSetUp: () => void forgetSetupToken(config.dataDir),
    onClosed: (closed) => void banWhoGuesses(bans, closed),
  });
  const signOn = openSingleSignOn({ ...outside, notices }, providing, people);
  tellReuse(notified, stores);
  tellOfKeys(notified, { stores, names, audit, log });
  tellBans(notified, { bans, stores, log });
  tellAuditTrouble(notified, audit);
  await tellSuspensions(notified.notices, outside);
  startWatches(notified, { ...outside, held: held.held });
  startBackups(config, { ...outside, notices });

  warnOfSites(config, log);
  const unnamed = new Unnamed(log);
  const examined = new Examined(config, {
    stores,
    people,
    audited,
    place,
    unnamed,
    overload,
    held: held.held,
  });
  const reception = await openReception(config, {
    stores,
    people,
    audited,
    traffic,
    acme,
    news,
    examined,
    signOn,
    notified,
    log,
    opened,
    ...names,
    ...held,
  });

  const vitals = openVitals(config, { stores, certificates, opened });
  const counters = new Counters();
  const exchanges = await watchExchanges(config, { access: options.access, log, opened });
  const doors = new Doors({
    config,
    log,
    stores,
    certificates,
    proofs: acme?.proofs,
    place,
    tunnels,
    presence,
    counters,
    audit,
    bans,
    traffic,
    peers: peersOf(config, log),
    overload,
    reception,
    line: new LineGuard(stores.servers),
    checkups: new CheckupDesk(stores.servers, stores.checkups),
    trips: examined.trips,
    unnamed,
    vitals,
    exchanges,
  });
  opened.add(async () => doors.close());
  // Before the doors: when this one fails, its agents find their way back to the former.
  opened.add(() => former?.close());
  const addresses = await doors.listen(former, sharing);
  examined.opens(addresses);
  const control = await Control.open(config.dataDir, doors, log, {
    doctor: examined,
    readiness: vitals.readiness,
  });
  opened.add(() => control?.close());
  const responder = acme?.responder;
  const { certified } = held;
  const asked = reception.measured;
  const measured = {
    vitals,
    counters,
    traffic,
    tunnels,
    audited,
    people,
    notified,
    overload,
    doors,
    certified,
    responder,
    asked,
  };
  await openMetrics(config, measured, { log, opened });
  const { dataDir } = config;
  await announceSetup(people.setup, { dataDir, publicUrl: place.publicUrl, log });
  log.info({ ...addresses, database: stores.place }, 'hub ready');
  noteStart(audit, former !== undefined);
  opened.add(() => audit.note({ event: 'hub.stopped', actor: 'system', result: 'ok' }));
  opened.add(async () => acme?.stopOrdering());
  await acme?.start();
  return {
    addresses,
    certificates,
    stores,
    tunnels,
    counters,
    traffic,
    audited,
    people,
    stopAsked: doors.stopAsked,
    stop: async () => opened.close(),
  };
}

/** security.md, section 0. The guards hold in any case. */
function warnOfSites(config: HubConfig, log: Logger): void {
  const { hubHost, tenantDomain } = config;
  if (!isSameSite(config)) return;
  log.warn(
    { code: 'config.same-site', hubHost, tenantDomain },
    'browsers take the hub and its servers for one site: a HUB_TENANT_DOMAIN that is registered by itself would keep them apart',
  );
}

function noteStart(audit: Audit, tookOver: boolean): void {
  const event = tookOver ? 'hub.took-over' : 'hub.started';
  audit.note({ event, actor: 'system', result: 'ok', reason: version });
}

/** Closed behind the doors, so that a hub that drains still says so. */
function openVitals(
  { hubHost }: HubConfig,
  parts: { stores: Stores; certificates: CertificateSource; opened: Opened },
): VitalSigns {
  const { stores, certificates, opened } = parts;
  const vitals = new VitalSigns(
    new Readiness({
      askDatabase: async () => stores.now(),
      certificate: () => certificates.find(hubHost),
      hubHost,
    }),
  );
  opened.add(() => vitals.close());
  return vitals;
}

/** @throws ControlError */
async function takeOver(config: HubConfig, log: Logger): Promise<ControlClient | undefined> {
  const former = await ControlClient.connect(config.dataDir);
  if (former === undefined) log.info('no hub runs with this data folder: nothing to take over');
  await former?.takeOver();
  return former;
}

interface OpenedCertificates {
  readonly certificates: CertificateSource & { stop(): void | Promise<void> };
  /** Where the hub gets them by itself. */
  readonly acme?: AcmeCertificates;
  readonly certified: readonly Metric[];
  readonly held: () => readonly HeldCertificate[];
  /** Those that the hub does not get by itself. */
  readonly given: () => readonly GivenCertificate[];
}

async function openCertificates(
  config: HubConfig,
  {
    onAttempt: onAttempted,
    ...parts
  }: {
    stores: Stores;
    keyRing: KeyRing;
    log: Logger;
    sharing: PortSharing;
    onAttempt: (report: AttemptReport) => void;
  },
): Promise<OpenedCertificates> {
  const { hubHost, tenantDomain, tls } = config;
  const { log } = parts;
  const names = { hubHost, tenantDomain };
  if (tls.kind === 'acme') {
    // Only now: what talks to authorities and name servers takes a third of a second to load, and 19 MB.
    const rooms = await import('./composition/acme.ts');
    const attempts = new CertificateAttempts();
    const onAttempt = (report: AttemptReport): void => {
      attempts.note(report);
      onAttempted(report);
    };
    const acme = await rooms.AcmeCertificates.open({ config, tls, onAttempt, ...parts });
    const held = (): HeldCertificate[] => acme.manager.states().map(managedCertificate);
    const certified = [...attempts.metrics, ...certificateGauges(held)];
    return { certificates: acme.source, acme, certified, held, given: () => [] };
  }
  const certificates =
    tls.kind === 'files'
      ? await FileCertificates.open({ ...names, pairs: tls.pairs, log })
      : await LocalCa.open({ ...names, folder: localCaFolder(config), log });
  const held = (): HeldCertificate[] => certificates.held().map(givenCertificate);
  const given = (): readonly GivenCertificate[] => certificates.held();
  return { certificates, certified: certificateGauges(held), held, given };
}

function watchMemory({ memoryLimitBytes: limitBytes }: HubConfig, log: Logger): Overload {
  return new Overload({
    limitBytes,
    onChange: ({ sheds, residentBytes }) => {
      const facts = { residentBytes, limitBytes };
      const remedy = 'raise HUB_LIMIT_MEMORY if the machine has more to give';
      if (sheds) log.warn({ ...facts, remedy }, 'short of memory: new requests are refused');
      else log.warn(facts, 'enough memory again: new requests are accepted');
    },
  });
}

function reportPresence(
  stores: Stores,
  { audit, news }: { audit: Audit; news: News },
  log: Logger,
): PresenceReporter {
  return new PresenceReporter({
    store: stores.presence,
    watcher: { ...notingTunnels(audit), onTold: (ids) => tellPresence(news, ids) },
    onFailure: (error) => log.warn({ err: error }, 'who is connected could not be stored'),
  });
}

function peersOf({ trustedProxies, isProxied, edgeLimits }: HubConfig, log: Logger): Peers {
  return new Peers({ trustedProxies, isProxied, timeoutMs: edgeLimits.helloTimeoutMs, log });
}
