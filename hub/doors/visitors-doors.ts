// The rooms of a hub arrive; where visitors knock leaves: a door that ends TLS itself, or one for the proxy in front that has done so, or both.

import type { AddressInfo } from 'node:net';

import type { PortSharing } from '../../shared/listen-address.ts';
import type { Logger } from '../../shared/log.ts';
import type { Ban } from '../access/bans/ban.ts';
import { securityHeaders } from '../api/doors/headers.ts';
import type { Bans } from '../access/bans/bans.ts';
import type { CertificateSource } from '../certificates/store.ts';
import type { HubConfig } from '../config.ts';
import { Admission } from '../edge/admission.ts';
import type { ExchangeWatch } from '../edge/exchange-watch.ts';
import type { ForwardOptions } from '../edge/forward.ts';
import type { HubPages } from '../edge/front-options.ts';
import { Front } from '../edge/front.ts';
import { EdgeListener, type EdgeHandshake } from '../edge/listener.ts';
import type { Peers } from '../edge/peers.ts';
import { PlainListener } from '../edge/plain-listener.ts';
import { noProofs, type EdgeProofs } from '../edge/proof.ts';
import { usualTenantFields } from '../edge/response-policy.ts';
import type { Overload } from '../composition/overload.ts';
import { resumeOptions } from '../composition/resumes.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Trips } from '../telemetry/trips.ts';
import type { Tunnels } from '../tunnels/registry.ts';
import type { Unnamed } from '../composition/unnamed.ts';
import type { Observatory } from '../usage/observatory.ts';
import type { VitalSigns } from '../composition/vital-signs.ts';

export interface VisitorsDoor {
  listen(address: string, sharing?: PortSharing): Promise<AddressInfo>;
  close(drainMs: number): Promise<void>;
  cut(isBanned: (address: string) => boolean): void;
}

/** What the way of a visitor's request leads through. */
export interface VisitorsParts {
  readonly config: HubConfig;
  readonly log: Logger;
  readonly certificates: CertificateSource;
  /** Where the hub proves its names by itself. */
  readonly proofs: EdgeProofs | undefined;
  readonly tunnels: Tunnels;
  readonly counters: Counters;
  readonly bans: Bans;
  readonly traffic: Observatory;
  /** Undefined: nobody keeps a record of what visitors do. */
  readonly exchanges: ExchangeWatch | undefined;
  readonly peers: Peers;
  readonly overload: Overload;
  readonly unnamed: Unnamed;
  /** Where it is noted that a limit turned somebody away. */
  readonly trips: Trips;
  readonly vitals: Pick<VitalSigns, 'links'>;
}

export function visitorsDoors(
  parts: VisitorsParts,
  hub: HubPages,
  draining: AbortSignal,
): { edge: VisitorsDoor | undefined; plain: VisitorsDoor | undefined } {
  const { config } = parts;
  const { edgeLimits: limits } = config;
  const onFull = (limit: string, who: string | undefined): void => parts.trips.note(limit, who);
  const edge = (): EdgeListener => {
    const admission = new Admission(limits, onFull);
    return edgeOf(parts, frontOf(parts, hub, { admission, draining }), admission);
  };
  const plain = (): PlainListener => {
    const admission = new Admission(limits, onFull);
    return plainOf(parts, frontOf(parts, hub, { admission, draining }), admission);
  };
  return {
    edge: config.httpsListen && edge(),
    plain: config.isBehindTls ? plain() : undefined,
  };
}

/** An operator's ban, at any door. */
export function refusing(bans: Bans, address: string): Ban | undefined {
  const ban = bans.everywhere(address);
  if (ban !== undefined) bans.countRefusal();
  return ban;
}

function frontOf(
  parts: VisitorsParts,
  hub: HubPages,
  { admission, draining }: { admission: Admission; draining: AbortSignal },
): Front {
  const { config, log, tunnels, counters } = parts;
  const { edgeLimits: limits, trustedProxies, resumeTimeoutMs: timeoutMs } = config;
  const forwarding: ForwardOptions = {
    idleTimeoutMs: limits.idleBodyMs,
    slowBodyBytes: limits.slowBodyBytes,
    resume: resumeOptions({ timeoutMs, draining, counters, log }),
    usualFields: usualTenantFields({ transportSecurity: config.tenantHsts }),
    onCurbed: (what) => counters.fieldsCurbed[what].increment(),
    onFailure: ({ id, hostname, meter }, code, error) => {
      if (meter !== undefined) meter.failure = code;
      log[code === 'edge.internal' ? 'error' : 'debug'](
        { request: id, hostname, code, err: error },
        'request failed',
      );
    },
  };
  return new Front({
    hubHostname: config.hubHost,
    hubFields: securityHeaders(config).flat(),
    overload: parts.overload,
    hub,
    tunnels,
    admission,
    trustedProxies,
    limits,
    forwarding,
    abuse: { hubHostname: config.hubHost, contact: config.abuseContact },
    traffic: parts.traffic,
    exchanges: parts.exchanges,
    bans: { covering: (address) => refusing(parts.bans, address) },
    onUnnamed: (proxy) => parts.unnamed.note(proxy),
    onDenied: (serverId, entry) => {
      counters.requestsDenied.increment();
      log.debug({ serverId, entry }, 'request denied');
    },
  });
}

function edgeOf(parts: VisitorsParts, front: Front, admission: Admission): EdgeListener {
  const { config, certificates, tunnels, peers, proofs = noProofs } = parts;
  const { edgeLimits: limits, trustedProxies } = config;
  const isTurnedAway =
    config.banAnswer === 'close'
      ? (address: string): boolean => refusing(parts.bans, address) !== undefined
      : undefined;
  const switchesOf = (hostname: string) => tunnels.find(hostname)?.switches;
  const onHandshake = (result: EdgeHandshake, version?: string): void =>
    parts.vitals.links.tls('visitors', result, version);
  return new EdgeListener({
    certificates,
    proofs,
    switchesOf,
    peers,
    front,
    admission,
    trustedProxies,
    isTurnedAway,
    limits,
    onHandshake,
  });
}

function plainOf(
  { config, peers, log }: VisitorsParts,
  front: Front,
  admission: Admission,
): PlainListener {
  const { edgeLimits: limits, trustedProxies } = config;
  let complainedAt = -Infinity;
  return new PlainListener({
    peers,
    front,
    admission,
    trustedProxies,
    limits,
    onStranger: (address) => {
      const now = performance.now();
      if (now - complainedAt < complaintIntervalMs) return;
      complainedAt = now;
      const remedy = 'add it to HUB_TRUSTED_PROXIES if it is your proxy';
      log.warn({ code: 'edge.insecure', address, remedy }, 'plain HTTP from a stranger cut');
    },
  });
}

/** Whoever scans addresses knocks many times; one line in a while says so. */
const complaintIntervalMs = 10_000;
