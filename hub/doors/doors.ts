// The rooms of a hub arrive; what strangers can knock at leaves: three listeners, opened and closed in an order that no visitor notices.

import type { AddressInfo } from 'node:net';

import { listenText, type ListenAddress, type PortSharing } from '../../shared/listen-address.ts';
import { AdminDoor } from './admin-door.ts';
import type { CheckupDesk } from '../api/agents/checkup-api.ts';
import type { LineGuard } from '../api/agents/line-api.ts';
import { createApi, type PeopleOptions, type RequestListener } from '../api/app.ts';
import { problemOf } from '../api/problem/problem-table.ts';
import type { Audit } from '../audit/audit.ts';
import type { HubConfig } from '../config.ts';
import type { ControlClient } from '../process/control-client.ts';
import type { ControlledHub } from '../process/control.ts';
import { noProofs } from '../edge/proof.ts';
import { RedirectListener } from '../edge/redirect.ts';
import { Gateway } from '../gateway/gateway.ts';
import { HandOver } from '../process/hand-over.ts';
import { listenFailure, type ListenSetting } from './listen-failure.ts';
import type { Place } from '../composition/place.ts';
import type { Reception } from './reception.ts';
import type { Stores } from '../composition/stores.ts';
import type { PresenceReporter } from '../tunnels/presence.ts';
import type { VitalSigns } from '../composition/vital-signs.ts';
import {
  refusing,
  visitorsDoors,
  type VisitorsDoor,
  type VisitorsParts,
} from './visitors-doors.ts';

export interface Parts extends VisitorsParts {
  readonly stores: Stores;
  readonly place: Place;
  readonly presence: PresenceReporter;
  readonly audit: Audit;
  readonly reception: Reception;
  /** Who may measure his line to this hub. */
  readonly line: LineGuard;
  /** Who may tell how he is. */
  readonly checkups: CheckupDesk;
  readonly vitals: VitalSigns;
}

/** Where it really listens; ports given as 0 are known here. */
export interface HubAddresses {
  /** The hub's own address for people and agents: `https://hub.localhost:8443`. */
  readonly publicUrl: string;
  /** Where visitors come in. With HUB_TLS=proxy and no other door it is the one below. */
  readonly https: AddressInfo;
  readonly tunnel: AddressInfo;
  /** With HUB_TLS=proxy visitors come in here, else they are sent to https. */
  readonly http: AddressInfo | undefined;
  /** Where admins have a door of their own. */
  readonly admin: AddressInfo | undefined;
}

/** The least that is left to agents for their goaway when visitors took all of HUB_DRAIN_TIMEOUT. */
const farewellMs = 1000;

export class Doors implements ControlledHub {
  readonly #parts: Parts;
  readonly #gateway: Gateway;
  readonly #edge: VisitorsDoor | undefined;
  readonly #plain: VisitorsDoor | undefined;
  readonly #admin: AdminDoor | undefined;
  readonly #redirect: RedirectListener;
  readonly #handOver: HandOver;
  #tunnelPort: number;
  readonly #draining = new AbortController();
  readonly #stopAsked = Promise.withResolvers<void>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#gateway = gatewayOf(parts, apiOf(parts));
    const hub = { onRequest: visitorsApi(parts), onUpgrade: this.#gateway.onUpgrade };
    const { edge, plain } = visitorsDoors(parts, hub, this.#draining.signal);
    this.#edge = edge;
    this.#plain = plain;
    this.#redirect = redirectOf(parts);
    if (parts.config.adminListen !== undefined) this.#admin = new AdminDoor(parts);
    parts.bans.onBanned(() => this.#cutBanned());
    const { tunnelListen } = parts.config;
    this.#tunnelPort = tunnelListen.port;
    this.#handOver = new HandOver({
      gateway: this.#gateway,
      address: () => ({ host: tunnelListen.host, port: this.#tunnelPort }),
      log: parts.log,
    });
  }

  /** What an operator says holds for what is under way too; the guard's word keeps people from signing in, and no film is cut for it. */
  #cutBanned(): void {
    const { bans } = this.#parts;
    const isBanned = (address: string): boolean => bans.everywhere(address) !== undefined;
    this.#edge?.cut(isBanned);
    this.#plain?.cut(isBanned);
    this.#gateway.cut(isBanned);
  }

  /** When an operator's command, or the process that took over, wants this one to end. */
  get stopAsked(): Promise<void> {
    return this.#stopAsked.promise;
  }

  askToStop(by: 'host' | 'system'): void {
    this.#parts.audit.note({ event: 'hub.draining', actor: by, result: 'ok' });
    this.#stopAsked.resolve();
  }

  get streamCount(): number {
    return this.#gateway.streamCount;
  }

  get linkCount(): number {
    return this.#gateway.linkCount;
  }

  get queued(): Gateway['queued'] {
    return this.#gateway.queued;
  }

  /**
   * Agents first: visitors may only come when there are links to serve them by. `former`: the process whose place this one
   * takes; it gives its doors up one after the other.
   * @throws ListenError listen.*, ControlError control.silent
   */
  async listen(former: ControlClient | undefined, sharing: PortSharing): Promise<HubAddresses> {
    const { config, place, tunnels, log } = this.#parts;
    const tunnel = await listen(this.#gateway, 'HUB_TUNNEL_LISTEN', config.tunnelListen, sharing);
    this.#tunnelPort = tunnel.port;
    if (former !== undefined) log.info(await former.ask('hand-over'), 'agents moved to this hub');
    // From now on visitors come, also for those whose agents can come only now, by the same door.
    tunnels.expectAgents();
    const https =
      config.httpsListen &&
      this.#edge &&
      (await listen(this.#edge, 'HUB_HTTPS_LISTEN', config.httpsListen, sharing));
    place.settle({ https: https?.port, tunnel: tunnel.port });
    const http =
      config.httpListen &&
      (await listen(this.#plain ?? this.#redirect, 'HUB_HTTP_LISTEN', config.httpListen, sharing));
    const admin =
      config.adminListen &&
      this.#admin &&
      (await listen(this.#admin, 'HUB_ADMIN_LISTEN', config.adminListen, sharing));
    this.#parts.vitals.readiness.opened();
    if (former !== undefined) await this.#letGo(former);
    const visitors = https ?? http ?? tunnel;
    return { publicUrl: place.publicUrl, https: visitors, tunnel, http, admin };
  }

  /** This one serves by now: a former hub that hangs at the last word drains when it hears it, and is no reason to give up. */
  async #letGo(former: ControlClient): Promise<void> {
    const { log } = this.#parts;
    try {
      log.info(await former.ask('go'), 'the former hub drains');
    } catch (error) {
      log.error({ err: error }, 'the former hub does not answer, and visitors may still reach it');
    }
  }

  beginHandOver(): Promise<{ links: number; moved: number }> {
    return this.#handOver.begin();
  }

  cancelHandOver(): void {
    this.#handOver.cancel();
  }

  /** Visitors first: what they are still being sent, or ask for on a connection they have, runs through the agents' links. */
  async close(): Promise<void> {
    const { drainTimeoutMs } = this.#parts.config;
    const deadline = performance.now() + drainTimeoutMs;
    this.#draining.abort();
    this.#parts.vitals.readiness.drain();
    this.#parts.traffic.leave();
    this.#handOver.end();
    this.#gateway.stopListening();
    void this.#gateway.moveLinks(drainTimeoutMs);
    // They run for as long as somebody listens, and come back to whoever serves then.
    this.#parts.reception.channels.closeAll();
    await Promise.all([
      this.#redirect.close(),
      this.#edge?.close(drainTimeoutMs),
      this.#plain?.close(drainTimeoutMs),
      this.#admin?.close(drainTimeoutMs),
    ]);
    await this.#gateway.close(Math.max(farewellMs, deadline - performance.now()));
  }
}

/** What visitors find at the hub's own name: the dashboard too, and what is for admins unless they have a door of their own. */
function visitorsApi(parts: Parts): RequestListener {
  const { config, place, reception } = parts;
  const admins = { networks: config.adminNetworks, isHere: config.adminListen === undefined };
  return apiOf(parts, { ...reception.people, origin: () => place.publicUrl, admins });
}

/** Without `people` what agents need, and no more. */
function apiOf(
  { config, log, stores, place, peers, audit, reception, vitals, line, checkups, trips }: Parts,
  people?: PeopleOptions,
): RequestListener {
  return createApi({
    ...(people && { people }),
    onProblem: (code, who) => {
      reception.measured.refused(code);
      if (problemOf(code)?.status === 429) trips.note(code, who);
    },
    readiness: vitals.readiness,
    enrolment: stores.enrolment,
    rotation: stores.rotation,
    line,
    checkups,
    peerOf: (socket) => peers.of(socket),
    hubHost: config.hubHost,
    tenantDomain: config.tenantDomain,
    tunnelUrls: () => place.tunnelUrls,
    addressesOf: (server) => place.addressesOf(server),
    failuresPerMinute: config.gatewayLimits.failuresPerMinute,
    limits: config.apiLimits,
    audit,
    log,
  });
}

function redirectOf({ config, place, tunnels, peers, proofs = noProofs }: Parts): RedirectListener {
  return new RedirectListener({
    proofs,
    isKnown: (hostname) => hostname === config.hubHost || tunnels.find(hostname) !== undefined,
    get httpsPort() {
      return place.httpsPort;
    },
    limits: config.edgeLimits,
    peers,
    trustedProxies: config.trustedProxies,
  });
}

function gatewayOf(
  {
    config,
    log,
    stores,
    certificates,
    place,
    tunnels,
    presence,
    peers,
    overload,
    traffic,
    bans,
    trips,
    vitals: { links, stalls },
  }: Parts,
  api: RequestListener,
): Gateway {
  return new Gateway({
    certificates,
    trustedProxies: config.trustedProxies,
    overload,
    peers,
    hubHost: config.hubHost,
    store: stores.servers,
    tunnels: presence.noting(tunnels),
    onAdmitted: (server) => tunnels.introduce(server),
    isOutranked: (serverId, newcomer) => tunnels.isOutranked(serverId, newcomer),
    addressesOf: (server) => place.addressesOf(server),
    onRequest: api,
    ping: { intervalMs: config.pingIntervalMs, deadlineMs: config.pingDeadlineMs },
    limits: config.gatewayLimits,
    watcher: traffic,
    counts: {
      handshake: (result, version) => links.handshake(result, version),
      tls: (result, version) => links.tls('agents', result, version),
      opened: (kind) => links.opened(kind),
      closed: (reason) => links.closed(reason),
    },
    stalls,
    // Agents read no pages.
    isTurnedAway: (address) => refusing(bans, address) !== undefined,
    onLimit: (limit, who) => trips.note(limit, who),
    log,
  });
}

/** A database of its own ends with its hub, so no other process could take over. Only Linux balances between listeners. */
export function sharingOf({ databaseUrl }: HubConfig): PortSharing {
  return databaseUrl !== undefined && process.platform === 'linux' ? 'sharable' : 'alone';
}

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
