// Checked settings arrive; a hub leaves that listens, and that can be stopped. The one place where every room is known: tests start it too.

import type { AddressInfo } from 'node:net';

import type { Logger } from '../shared/log.ts';
import type { ListenAddress } from '../shared/listen-address.ts';
import { createApi, type RequestListener } from './api/api.ts';
import { FileCertificates } from './certificates/files.ts';
import { LocalCa } from './certificates/local-ca.ts';
import type { CertificateSource } from './certificates/store.ts';
import { localCaFolder, type HubConfig } from './config.ts';
import { Admission } from './edge/admission.ts';
import type { ForwardOptions } from './edge/forward.ts';
import { Front } from './edge/front.ts';
import type { HubPages } from './edge/front-options.ts';
import { EdgeListener } from './edge/listener.ts';
import { RedirectListener } from './edge/redirect.ts';
import { Gateway } from './gateway/gateway.ts';
import { listenFailure, listenText, type ListenSetting } from './listen-failure.ts';
import { Place } from './place.ts';
import { openStores, type Stores } from './stores.ts';
import { PresenceReporter } from './tunnels/presence.ts';
import { Tunnels } from './tunnels/registry.ts';

export interface Hub {
  readonly addresses: HubAddresses;
  readonly certificates: CertificateSource;
  readonly stores: Stores;
  readonly tunnels: Tunnels;
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

/** @throws CodedError; whatever was opened until then is closed again. */
export async function startHub(config: HubConfig, { log }: { log: Logger }): Promise<Hub> {
  const opened = new Opened(log);
  try {
    return await open(config, log, opened);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function open(config: HubConfig, log: Logger, opened: Opened): Promise<Hub> {
  const stores = await openStores(config, { purpose: 'hub', log });
  opened.add(async () => stores.close());
  const certificates = await openCertificates(config, log);
  opened.add(() => certificates.stop());

  const place = new Place(config);
  const tunnels = new Tunnels({
    store: stores.servers,
    tenantDomain: config.tenantDomain,
    addressesOf: (server) => place.addressesOf(server),
    onFailure: (error) => log.error({ err: error }, 'servers could not be read'),
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

  const parts = { config, log, stores, certificates, place, tunnels, presence };
  const doors = doorsOf(parts);
  opened.add(async () => doors.close());
  const addresses = await listenAll(parts, doors);
  log.info({ ...addresses, database: stores.place }, 'hub ready');
  return { addresses, certificates, stores, tunnels, stop: async () => opened.close() };
}

interface Parts {
  readonly config: HubConfig;
  readonly log: Logger;
  readonly stores: Stores;
  readonly certificates: CertificateSource;
  readonly place: Place;
  readonly tunnels: Tunnels;
  readonly presence: PresenceReporter;
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
interface Doors {
  readonly edge: EdgeListener;
  readonly gateway: Gateway;
  readonly redirect: RedirectListener;
  close(): Promise<void>;
}

function doorsOf(parts: Parts): Doors {
  const { config, log, stores, place, tunnels } = parts;
  const api = createApi({
    enrolment: stores.enrolment,
    hubHost: config.hubHost,
    tunnelUrls: () => place.tunnelUrls,
    addressesOf: (server) => place.addressesOf(server),
    failuresPerMinute: config.gatewayLimits.failuresPerMinute,
    log,
  });
  const gateway = gatewayOf(parts, api);
  const edge = edgeOf(parts, { onRequest: api, onUpgrade: gateway.onUpgrade });
  const redirect = new RedirectListener({
    isKnown: (hostname) => hostname === config.hubHost || tunnels.find(hostname) !== undefined,
    get httpsPort() {
      return place.httpsPort;
    },
    limits: config.edgeLimits,
    trustedProxies: config.trustedProxies,
  });
  return {
    edge,
    gateway,
    redirect,
    // Together: what visitors are still being sent runs through the agents' links.
    close: async () => {
      const drainMs = config.drainTimeoutMs;
      await Promise.all([redirect.close(), edge.close(drainMs), gateway.close(drainMs)]);
    },
  };
}

function edgeOf({ config, log, certificates, tunnels }: Parts, hub: HubPages): EdgeListener {
  const { edgeLimits: limits, trustedProxies } = config;
  const admission = new Admission(limits);
  const forwarding: ForwardOptions = {
    idleTimeoutMs: limits.idleBodyMs,
    onFailure: ({ id, hostname }, code, error) =>
      log[code === 'edge.internal' ? 'error' : 'debug'](
        { request: id, hostname, code, err: error },
        'request failed',
      ),
  };
  const front = new Front({
    hubHostname: config.hubHost,
    hub,
    tunnels,
    admission,
    trustedProxies,
    limits,
    forwarding,
  });
  return new EdgeListener({ certificates, front, admission, trustedProxies, limits });
}

function gatewayOf(
  { config, log, stores, certificates, place, tunnels, presence }: Parts,
  api: RequestListener,
): Gateway {
  return new Gateway({
    certificates,
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

async function listenAll({ config, place }: Parts, doors: Doors): Promise<HubAddresses> {
  const https = await listen(doors.edge, 'HUB_HTTPS_LISTEN', config.httpsListen);
  const tunnel = await listen(doors.gateway, 'HUB_TUNNEL_LISTEN', config.tunnelListen);
  place.settle({ https: https.port, tunnel: tunnel.port });
  const http =
    config.httpListen && (await listen(doors.redirect, 'HUB_HTTP_LISTEN', config.httpListen));
  return { publicUrl: place.publicUrl, https, tunnel, http };
}

/** @throws ListenError listen.* */
async function listen(
  listener: { listen(address: string): Promise<AddressInfo> },
  setting: ListenSetting,
  address: ListenAddress,
): Promise<AddressInfo> {
  try {
    return await listener.listen(listenText(address));
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
