// Checked settings arrive; a hub leaves that listens, and that can be stopped. The one place where every room is known: tests start it too.

import type { AddressInfo } from 'node:net';

import type { Logger } from '../shared/log.ts';
import type { ListenAddress } from '../shared/listen-address.ts';
import { FileCertificates } from './certificates/files.ts';
import { LocalCa } from './certificates/local-ca.ts';
import type { CertificateSource } from './certificates/store.ts';
import { localCaFolder, publicUrlOf, type HubConfig } from './config.ts';
import { Admission } from './edge/admission.ts';
import type { ForwardOptions } from './edge/forward.ts';
import { Front, type HubPages } from './edge/front.ts';
import { EdgeListener } from './edge/listener.ts';
import { RedirectListener } from './edge/redirect.ts';
import { listenFailure, listenText, type ListenSetting } from './listen-failure.ts';
import { openStores, type Stores } from './stores.ts';
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
export interface HubAddresses {
  /** The hub's own address for people and agents: `https://hub.localhost:8443`. */
  readonly publicUrl: string;
  readonly https: AddressInfo;
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
  const stores = opened.add(await openStores(config, { purpose: 'hub', log }), async (it) =>
    it.close(),
  );
  const certificates = opened.add(await openCertificates(config, log), (it) => it.stop());

  // Known once the port is: nobody asks for an address before something listens.
  let publicUrl = publicUrlOf(config);
  const tunnels = opened.add(
    new Tunnels({
      store: stores.servers,
      tenantDomain: config.tenantDomain,
      addressOf: (hostname) => tenantUrl(publicUrl, hostname),
      onFailure: (error) => log.error({ err: error }, 'servers could not be read'),
    }),
    async (it) => it.stop(),
  );
  await tunnels.start();

  const edge = opened.add(edgeOf(config, { certificates, tunnels, log }), async (it) =>
    it.close(config.drainTimeoutMs),
  );
  const https = await listen(edge, 'HUB_HTTPS_LISTEN', config.httpsListen);
  publicUrl = publicUrlOf(config, https.port);
  const http =
    config.httpListen &&
    (await openRedirect(config, config.httpListen, { publicUrl, tunnels, opened }));

  const addresses = { publicUrl: publicUrl.origin, https, http };
  log.info({ ...addresses, database: stores.place }, 'hub ready');
  return { addresses, certificates, stores, tunnels, stop: async () => opened.close() };
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

interface EdgeParts {
  readonly certificates: CertificateSource;
  readonly tunnels: Tunnels;
  readonly log: Logger;
}

function edgeOf(config: HubConfig, { certificates, tunnels, log }: EdgeParts): EdgeListener {
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
    tunnels,
    admission,
    trustedProxies,
    limits,
    hub: pages,
    forwarding,
  });
  return new EdgeListener({ certificates, front, admission, trustedProxies, limits });
}

async function openRedirect(
  config: HubConfig,
  address: ListenAddress,
  { publicUrl, tunnels, opened }: { publicUrl: URL; tunnels: Tunnels; opened: Opened },
): Promise<AddressInfo> {
  const redirect = new RedirectListener({
    isKnown: (hostname) => hostname === config.hubHost || tunnels.find(hostname) !== undefined,
    httpsPort: Number(publicUrl.port || 443),
    limits: config.edgeLimits,
  });
  opened.add(redirect, async (it) => it.close());
  return listen(redirect, 'HUB_HTTP_LISTEN', address);
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

const pages: HubPages = {
  onRequest: (_, response) => {
    response.statusCode = 404;
    response.end();
  },
};

function tenantUrl(publicUrl: URL, hostname: string): string {
  return `https://${hostname}${publicUrl.port === '' ? '' : `:${publicUrl.port}`}`;
}

/** What is open, in order. Closed from the youngest to the oldest; a failure keeps nothing else open. */
class Opened {
  readonly #closers: (() => void | Promise<void>)[] = [];
  readonly #log: Logger;
  #closing: Promise<void> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  add<Thing>(thing: Thing, close: (thing: Thing) => void | Promise<void>): Thing {
    this.#closers.push(() => close(thing));
    return thing;
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
