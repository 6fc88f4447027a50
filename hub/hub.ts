// Checked settings arrive; a hub leaves that listens, and that can be stopped. The one place where every room is known: tests start it too.

import type { PortSharing } from '../shared/listen-address.ts';
import type { Logger } from '../shared/log.ts';
import { version } from '../shared/version.ts';
import type { AcmeCertificates } from './acme.ts';
import type { Audit } from './audit/audit.ts';
import { noteCertificate, notingTunnels, openAudited, type Audited } from './audited.ts';
import { FileCertificates } from './certificates/files.ts';
import { LocalCa } from './certificates/local-ca.ts';
import type { CertificateSource } from './certificates/store.ts';
import type { AttemptReport } from './certificates/life/manager.ts';
import type { KeyRing } from './certificates/life/sealing.ts';
import { localCaFolder, type HubConfig } from './config.ts';
import { ControlClient } from './control-client.ts';
import { Control } from './control.ts';
import { Doors, sharingOf, type HubAddresses } from './doors.ts';
import { Peers } from './edge/peers.ts';
import { openKeyRing } from './key-ring.ts';
import { openMetrics } from './metrics.ts';
import { openNames } from './names.ts';
import { Opened } from './opened.ts';
import { Overload } from './overload.ts';
import { openStores, type Stores } from './stores.ts';
import {
  CertificateAttempts,
  certificateGauges,
  givenCertificate,
  managedCertificate,
  type HeldCertificate,
} from './telemetry/certificate-metrics.ts';
import { Counters } from './telemetry/counters.ts';
import type { Metric } from './telemetry/metric.ts';
import { noteRenewal, openTraffic } from './traffic.ts';
import { PresenceReporter } from './tunnels/presence.ts';
import type { Tunnels } from './tunnels/registry.ts';
import type { Observatory } from './usage/observatory.ts';

export interface Hub {
  readonly addresses: HubAddresses;
  readonly certificates: CertificateSource;
  readonly stores: Stores;
  readonly tunnels: Tunnels;
  readonly counters: Counters;
  readonly traffic: Observatory;
  readonly audited: Audited;
  /** When an operator's command, or another process of this hub, wants it to end. */
  readonly stopAsked: Promise<void>;
  /** Accepts no more, lets what runs finish within HUB_DRAIN_TIMEOUT, and closes everything. */
  stop(): Promise<void>;
}

export interface HubOptions {
  readonly log: Logger;
  /** Takes the place of the process that runs with the same data folder, without a gap. Needs a database that outlives it. */
  readonly takesOver?: boolean;
}

/** @throws CodedError; whatever was opened until then is closed again. */
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
  const { log } = options;
  const former = options.takesOver ? await takeOver(config, log) : undefined;
  opened.add(() => former?.close());
  const stores = await openStores(config, { purpose: 'hub', log });
  opened.add(async () => stores.close());
  // Whatever the hub's TLS: people's secrets are sealed as well, and a hub that cannot open them does not start.
  const keyRing = await openKeyRing(config, stores);
  const audited = await openAudited(config, { stores, log, opened });
  const { audit, bans } = audited;
  const traffic = await openTraffic(stores, { log, opened });
  const sharing = former === undefined ? sharingOf(config) : 'joining';
  const { certificates, acme, certified } = await openCertificates(config, {
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
  const { place, tunnels } = await openNames(config, { stores, log, audit, opened });
  const presence = reportPresence(stores, audited, log);
  opened.add(async () => presence.stop());
  await presence.start();

  const counters = new Counters();
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
  });
  opened.add(async () => doors.close());
  // Before the doors: when this one fails, its agents find their way back to the former.
  opened.add(() => former?.close());
  const addresses = await doors.listen(former, sharing);
  const control = await Control.open(config.dataDir, doors, log);
  opened.add(() => control?.close());
  const responder = acme?.responder;
  const measured = { counters, traffic, audited, overload, doors, certified, responder };
  await openMetrics(config, measured, { log, opened });
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
    stopAsked: doors.stopAsked,
    stop: async () => opened.close(),
  };
}

function noteStart(audit: Audit, tookOver: boolean): void {
  const event = tookOver ? 'hub.took-over' : 'hub.started';
  audit.note({ event, actor: 'system', result: 'ok', reason: version });
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
    const rooms = await import('./acme.ts');
    const attempts = new CertificateAttempts();
    const onAttempt = (report: AttemptReport): void => {
      attempts.note(report);
      onAttempted(report);
    };
    const acme = await rooms.AcmeCertificates.open({ config, tls, onAttempt, ...parts });
    const held = (): HeldCertificate[] => acme.manager.states().map(managedCertificate);
    const certified = [...attempts.metrics, ...certificateGauges(held)];
    return { certificates: acme.source, acme, certified };
  }
  const certificates =
    tls.kind === 'files'
      ? await FileCertificates.open({ ...names, pairs: tls.pairs, log })
      : await LocalCa.open({ ...names, folder: localCaFolder(config), log });
  const held = (): HeldCertificate[] => certificates.held().map(givenCertificate);
  return { certificates, certified: certificateGauges(held) };
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

function reportPresence(stores: Stores, { audit }: Audited, log: Logger): PresenceReporter {
  return new PresenceReporter({
    store: stores.presence,
    watcher: notingTunnels(audit),
    onFailure: (error) => log.warn({ err: error }, 'who is connected could not be stored'),
  });
}

function peersOf({ trustedProxies, isProxied, edgeLimits }: HubConfig, log: Logger): Peers {
  return new Peers({ trustedProxies, isProxied, timeoutMs: edgeLimits.helloTimeoutMs, log });
}
