// Checked settings arrive; a hub leaves that listens, and that can be stopped. The one place where every room is known: tests start it too.

import type { AddressInfo } from 'node:net';

import type { Logger } from '../shared/log.ts';
import type { ListenAddress, PortSharing } from '../shared/listen-address.ts';
import { createApi, type RequestListener } from './api/api.ts';
import { FileCertificates } from './certificates/files.ts';
import { LocalCa } from './certificates/local-ca.ts';
import type { CertificateSource } from './certificates/store.ts';
import { localCaFolder, type HubConfig } from './config.ts';
import { Control, ControlClient, type ControlledHub } from './control.ts';
import { Admission } from './edge/admission.ts';
import type { ForwardOptions } from './edge/forward.ts';
import { Front } from './edge/front.ts';
import type { HubPages } from './edge/front-options.ts';
import { EdgeListener } from './edge/listener.ts';
import { Peers } from './edge/peers.ts';
import { RedirectListener } from './edge/redirect.ts';
import { Gateway } from './gateway/gateway.ts';
import { listenFailure, listenText, type ListenSetting } from './listen-failure.ts';
import { Overload } from './overload.ts';
import { Place } from './place.ts';
import { resumeOptions } from './resumes.ts';
import { openStores, type Stores } from './stores.ts';
import { Counters } from './telemetry/counters.ts';
import { PresenceReporter } from './tunnels/presence.ts';
import { Tunnels } from './tunnels/registry.ts';

export interface Hub {
  readonly addresses: HubAddresses;
  readonly certificates: CertificateSource;
  readonly stores: Stores;
  readonly tunnels: Tunnels;
  readonly counters: Counters;
  /** When an operator's command, or another process of this hub, wants it to end. */
  readonly stopAsked: Promise<void>;
  /** Accepts no more, lets what runs finish within HUB_DRAIN_TIMEOUT, and closes everything. */
  stop(): Promise<void>;
}

/** Where it really listens; ports given as 0 are known here. */
interface HubAddresses {
  /** The hub's own address for people and agents: `https://hub.localhost:8443`. */
  readonly publicUrl: string;
  readonly https: AddressInfo;
  readonly tunnel: AddressInfo;
  readonly http: AddressInfo | undefined;
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
  const former = options.takesOver ? await ControlClient.connect(config.dataDir) : undefined;
  opened.add(() => former?.close());
  const stores = await openStores(config, { purpose: 'hub', log });
  opened.add(async () => stores.close());
  const certificates = await openCertificates(config, log);
  opened.add(() => certificates.stop());

  const overload = new Overload({
    limitBytes: config.memoryLimitBytes,
    onChange: ({ sheds, residentBytes }) =>
      log.warn({ residentBytes, limitBytes: config.memoryLimitBytes, sheds }, 'memory'),
  });
  opened.add(() => overload.stop());

  const place = new Place(config);
  const tunnels = new Tunnels({
    store: stores.servers,
    tenantDomain: config.tenantDomain,
    addressesOf: (server) => place.addressesOf(server),
    onFailure: (error) => log.error({ err: error }, 'servers could not be read'),
    graceMs: config.reconnectGraceMs,
    onRivals: (serverId, { link, winner }) =>
      log.warn(
        { serverId, agentId: link.agentId, kept: winner.address, refused: link.address },
        'two agents use one key',
      ),
  });
  opened.add(async () => tunnels.stop());
  await tunnels.start();

  const presence = new PresenceReporter({
    store: stores.presence,
    onFailure: (error) => log.warn({ err: error }, 'who is connected could not be stored'),
  });
  opened.add(async () => presence.stop());
  await presence.start();

  const counters = new Counters();
  const peers = new Peers({
    trustedProxies: config.trustedProxies,
    isProxied: config.isProxied,
    timeoutMs: config.edgeLimits.helloTimeoutMs,
    log,
  });
  const parts = {
    config,
    log,
    stores,
    certificates,
    place,
    tunnels,
    presence,
    counters,
    peers,
    overload,
  };
  const doors = doorsOf(parts);
  opened.add(async () => doors.close());
  const addresses = await listenAll(parts, doors, former);
  const stopAsked = Promise.withResolvers<void>();
  const controlled = Object.assign(doors, { askToStop: stopAsked.resolve });
  const control = await Control.open(config.dataDir, controlled, log);
  opened.add(() => control?.close());
  log.info({ ...addresses, database: stores.place }, 'hub ready');
  return {
    addresses,
    certificates,
    stores,
    tunnels,
    counters,
    stopAsked: stopAsked.promise,
    stop: async () => opened.close(),
  };
}

interface Parts {
  readonly config: HubConfig;
  readonly log: Logger;
  readonly stores: Stores;
  readonly certificates: CertificateSource;
  readonly place: Place;
  readonly tunnels: Tunnels;
  readonly presence: PresenceReporter;
  readonly counters: Counters;
  readonly peers: Peers;
  readonly overload: Overload;
}

async function openCertificates(
  config: HubConfig,
  log: Logger,
): Promise<CertificateSource & { stop(): void }> {
  const { hubHost, tenantDomain, tls } = config;
  const names = { hubHost, tenantDomain };
  return tls.kind === 'files'
    ? FileCertificates.open({ ...names, pairs: tls.pairs, log })
    : LocalCa.open({ ...names, folder: localCaFolder(config), log });
}

/** Everything that strangers can knock at. */
interface Doors extends Omit<ControlledHub, 'askToStop'> {
  readonly edge: EdgeListener;
  readonly gateway: Gateway;
  readonly redirect: RedirectListener;
  close(): Promise<void>;
}

function doorsOf(parts: Parts): Doors {
  const { config, log, stores, place, tunnels } = parts;
  const api = createApi({
    enrolment: stores.enrolment,
    peerOf: (socket) => parts.peers.of(socket),
    hubHost: config.hubHost,
    tunnelUrls: () => place.tunnelUrls,
    addressesOf: (server) => place.addressesOf(server),
    failuresPerMinute: config.gatewayLimits.failuresPerMinute,
    limits: config.apiLimits,
    log,
  });
  const gateway = gatewayOf(parts, api);
  const draining = new AbortController();
  const hub = { onRequest: api, onUpgrade: gateway.onUpgrade };
  const edge = edgeOf(parts, hub, draining.signal);
  const redirect = new RedirectListener({
    isKnown: (hostname) => hostname === config.hubHost || tunnels.find(hostname) !== undefined,
    get httpsPort() {
      return place.httpsPort;
    },
    limits: config.edgeLimits,
    peers: parts.peers,
    trustedProxies: config.trustedProxies,
  });
  return {
    edge,
    gateway,
    redirect,
    get streamCount() {
      return gateway.streamCount;
    },
    beginHandOver: async () => {
      gateway.stopListening();
      const moved = await gateway.moveLinks(movePatienceMs);
      log.info(moved, 'agents moved to another hub');
      return moved;
    },
    cancelHandOver: async () => {
      await gateway.listen(listenText(config.tunnelListen), sharingOf(config));
    },
    // Visitors first: what they are still being sent, or ask for on a connection they have, runs through the agents' links.
    close: async () => {
      const deadline = performance.now() + config.drainTimeoutMs;
      draining.abort();
      gateway.stopListening();
      void gateway.moveLinks(config.drainTimeoutMs);
      await Promise.all([redirect.close(), edge.close(config.drainTimeoutMs)]);
      await gateway.close(Math.max(farewellMs, deadline - performance.now()));
    },
  };
}

function edgeOf(parts: Parts, hub: HubPages, draining: AbortSignal): EdgeListener {
  const { config, log, certificates, tunnels, counters, peers } = parts;
  const { edgeLimits: limits, trustedProxies, resumeTimeoutMs: timeoutMs } = config;
  const admission = new Admission(limits);
  const forwarding: ForwardOptions = {
    idleTimeoutMs: limits.idleBodyMs,
    resume: resumeOptions({ timeoutMs, draining, counters, log }),
    onCurbed: (what) => counters.fieldsCurbed[what].increment(),
    onFailure: ({ id, hostname }, code, error) =>
      log[code === 'edge.internal' ? 'error' : 'debug'](
        { request: id, hostname, code, err: error },
        'request failed',
      ),
  };
  const front = new Front({
    hubHostname: config.hubHost,
    overload: parts.overload,
    hub,
    tunnels,
    admission,
    trustedProxies,
    limits,
    forwarding,
    onDenied: (serverId, entry) => {
      counters.requestsDenied.increment();
      log.debug({ serverId, entry }, 'request denied');
    },
  });
  const switchesOf = (hostname: string) => tunnels.find(hostname)?.switches;
  return new EdgeListener({
    certificates,
    switchesOf,
    peers,
    front,
    admission,
    trustedProxies,
    limits,
  });
}

function gatewayOf(
  { config, log, stores, certificates, place, tunnels, presence, peers, overload }: Parts,
  api: RequestListener,
): Gateway {
  return new Gateway({
    certificates,
    overload,
    peers,
    hubHost: config.hubHost,
    store: stores.servers,
    tunnels: presence.noting(tunnels),
    addressesOf: (server) => place.addressesOf(server),
    onRequest: api,
    ping: { intervalMs: config.pingIntervalMs, deadlineMs: config.pingDeadlineMs },
    limits: config.gatewayLimits,
    log,
  });
}

/** Agents first: visitors may only come when there are links to serve them by. */
async function listenAll(
  { config, place, log }: Parts,
  doors: Doors,
  former: ControlClient | undefined,
): Promise<HubAddresses> {
  const sharing = former === undefined ? sharingOf(config) : 'joining';
  const tunnel = await listen(doors.gateway, 'HUB_TUNNEL_LISTEN', config.tunnelListen, sharing);
  if (former !== undefined) log.info(await former.ask('hand-over'), 'agents moved to this hub');
  const https = await listen(doors.edge, 'HUB_HTTPS_LISTEN', config.httpsListen, sharing);
  place.settle({ https: https.port, tunnel: tunnel.port });
  const http =
    config.httpListen &&
    (await listen(doors.redirect, 'HUB_HTTP_LISTEN', config.httpListen, sharing));
  if (former !== undefined) log.info(await former.ask('go'), 'the former hub drains');
  return { publicUrl: place.publicUrl, https, tunnel, http };
}

/** A database of its own ends with its hub, so no other process could take over. Only Linux balances between listeners. */
function sharingOf({ databaseUrl }: HubConfig): PortSharing {
  return databaseUrl !== undefined && process.platform === 'linux' ? 'sharable' : 'alone';
}

/** Agents dial within a second; one that cannot reach the other process keeps its link until this one ends. */
const movePatienceMs = 10_000;

/** The least that is left to agents for their goaway when visitors took all of HUB_DRAIN_TIMEOUT. */
const farewellMs = 1000;

/** @throws ListenError listen.* */
async function listen(
  listener: { listen(address: string, sharing: PortSharing): Promise<AddressInfo> },
  setting: ListenSetting,
  address: ListenAddress,
  sharing: PortSharing,
): Promise<AddressInfo> {
  try {
    return await listener.listen(listenText(address), sharing);
  } catch (error) {
    throw listenFailure(error, setting, address);
  }
}

type Closer = () => void | Promise<void>;

/** What is open, in order. Closed from the youngest to the oldest; a failure keeps nothing else open. */
class Opened {
  readonly #closers: Closer[] = [];
  readonly #log: Logger;
  #closing: Promise<void> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(close: Closer): void {
    this.#closers.push(close);
  }

  /** Stopping twice is stopping once. */
  async close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    for (const close of this.#closers.toReversed()) {
      try {
        await close();
      } catch (error) {
        this.#log.error({ err: error }, 'a part of the hub did not close');
      }
    }
  }
}
