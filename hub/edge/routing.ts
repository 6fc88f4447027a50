// A request and its connection arrive; where the request goes leaves: the hub itself, a tunnel, or the code of a failure.

import { randomUUIDv7 } from 'node:crypto';
import type { Readable } from 'node:stream';

import { addressBucket, type CidrSet } from '../../shared/net-address.ts';
import type { ServerSwitches } from '../tunnels/server.ts';
import type { ExchangeRecord } from '../usage/exchange-record.ts';
import type { MeteredServer } from '../usage/ledger.ts';
import type { QuotaRefusal } from '../usage/limit-book.ts';
import type { Meter, MeteredRequest } from '../usage/meter.ts';
import { asksForAbusePage } from './abuse-page.ts';
import type { Admission } from './admission.ts';
import { clientAddress } from './client-address.ts';
import type { TlsSwitches, VisitorConnection } from './connection.ts';
import { denialOf } from './denied/denial.ts';
import type { ExchangeWatch } from './exchange-watch.ts';
import { edgeFailures, type EdgeFailureCode, type FailureDetail } from './failure.ts';
import { clearingFields, type NewlyOwned } from './former-owner.ts';
import type { NormalRequest } from './normalize.ts';
import { isChallengeTarget } from './proof.ts';
import { asksForRelatedOrigins } from './related-origins.ts';
import { usualOver } from './response-policy.ts';
import type { Tunnel } from './stream-pool.ts';
import type { FieldLines, VisitorRequest } from './visitor.ts';

export interface EdgeTunnel extends Tunnel, NewlyOwned {
  readonly switches: Pick<ServerSwitches, 'product' | 'lifted'> & TlsSwitches;
  /** Undefined for a server that enrolled a moment ago. */
  readonly ownerId?: string | undefined;
  /** The operator keeps every visitor from it. */
  readonly isSuspended?: boolean;
}

/** Who counts requests and knows what is left of their server's limits. Answers at once. */
interface TrafficCounter {
  /** Undefined: one more may begin. */
  refusal(server: MeteredServer): QuotaRefusal | undefined;
  /** Of a request that was let in; closed when its exchange is over. */
  open(request: MeteredRequest, server: MeteredServer): Meter;
  /** Of one that the edge answers by itself: only its answer is noted. */
  refused(request: MeteredRequest, server: MeteredServer): Meter;
}

/** Who may not come in, through whichever door. Answers at once. */
interface Banned {
  covering(address: string): { readonly until: Date | undefined } | undefined;
}

/** Which servers there are, by hostname. Answers at once: it stands on the path of every request. */
interface TunnelDirectory {
  find(hostname: string): EdgeTunnel | undefined;
}

export interface RoutingOptions {
  /** The hub's own name: the host of HUB_PUBLIC_URL. */
  readonly hubHostname: string;
  /** What every answer of that name carries (security row A-19). Absent: nothing. */
  readonly hubFields?: FieldLines;
  readonly tunnels: TunnelDirectory;
  readonly admission: Admission;
  readonly trustedProxies: CidrSet;
  /** While it is true no exchange begins. */
  readonly overload: { readonly sheds: boolean };
  /** Told of each request whose visitor a trusted proxy did not name. */
  readonly onUnnamed?: (proxy: string) => void;
  /** Told of each request that the deny-list kept back. */
  readonly onDenied?: (serverId: string, entry: string) => void;
  /** Absent: everybody may come. */
  readonly bans?: Banned;
  /** Absent: nothing is counted or limited. */
  readonly traffic?: TrafficCounter;
  /** Absent: nobody keeps a record. Needs `traffic`. */
  readonly exchanges?: ExchangeWatch | undefined;
}

export type Route = Entry | 'hub' | EdgeRefusal | OwnPage;

/** A request that was let in, and under which address it is counted. */
export interface Entry {
  readonly tunnel: EdgeTunnel;
  readonly bucket: string;
  /** Of the request that came in by it. */
  meter?: Meter | undefined;
}

/** Answered at the edge, for every name: where abuse is reported. */
interface OwnPage {
  readonly page: 'abuse';
}

interface EdgeRefusal {
  readonly code: EdgeFailureCode;
  readonly detail?: FailureDetail;
}

export class Routing {
  readonly #options: RoutingOptions;

  constructor(options: RoutingOptions) {
    this.#options = options;
  }

  /** An entry in return has been counted: `leave` gives it back when the exchange is over. */
  enter(request: NormalRequest, connection: VisitorConnection): Route {
    const { hostname } = request;
    if (!connection.covers(hostname)) return { code: 'edge.misdirected' };
    const ban = this.#banOf(request, connection);
    if (ban !== undefined) return ban;
    if (asksForRelatedOrigins(request.target)) return { code: 'edge.webauthn' };
    // No server answers for it, suspended or not: whom a visitor writes to is the hub's word.
    if (asksForAbusePage(request.target)) return { page: 'abuse' };
    if (hostname === this.#options.hubHostname) {
      const isSecure = connection.schemeOf(request.forwardedProto) === 'https';
      if (!isSecure && !harmless.has(request.target)) return { code: 'edge.insecure' };
      // Here too: at sign-in the address is what guesses are counted by, and what networks are compared with.
      if (this.#isUnnamed(this.addressOf(request, connection), connection))
        this.#options.onUnnamed?.(connection.peer);
      return 'hub';
    }
    if (isChallengeTarget(request.target)) return { code: 'edge.challenge' };
    const tunnel = this.#options.tunnels.find(hostname);
    if (tunnel === undefined) return { code: 'tunnel.unknown' };
    if (!connection.suits(tunnel.switches)) return { code: 'edge.misdirected' };
    if (tunnel.isSuspended === true) return { code: 'tunnel.suspended' };
    const denial = denialOf(request, tunnel.switches);
    if (denial !== undefined) {
      this.#options.onDenied?.(tunnel.serverId, denial.entry);
      return { code: 'edge.denied', detail: denial };
    }
    if (tunnel.links.length === 0 && tunnel.awaitedMs === 0) return { code: 'tunnel.offline' };
    if (this.#options.overload.sheds) return { code: 'edge.overloaded' };
    const quota = this.#options.traffic?.refusal(serverOf(tunnel));
    if (quota !== undefined)
      return { code: quota.code, detail: { retryAfter: quota.retryAfterSeconds } };
    const bucket = this.#bucketOf(request, connection);
    return this.#options.admission.openStream(tunnel.serverId, connection.visited, bucket)
      ? { tunnel, bucket }
      : { code: 'edge.busy' };
  }

  /** For the answer to what nobody could read: the name that the connection was made for is all there is. */
  unreadFields({ serverName }: VisitorConnection): FieldLines {
    return this.#hubFields(serverName, 'https');
  }

  #hubFields(hostname: string, scheme: 'https' | 'http'): FieldLines {
    const { hubHostname, hubFields } = this.#options;
    return hostname === hubHostname ? usualOver(scheme, hubFields) : [];
  }

  /** The visitor's own, not that of the proxy that brings him. */
  #banOf(request: NormalRequest, connection: VisitorConnection): EdgeRefusal | undefined {
    const { bans } = this.#options;
    const address = bans && this.addressOf(request, connection);
    const ban = address === undefined ? undefined : bans?.covering(address);
    if (ban === undefined) return undefined;
    const { until } = ban;
    if (until === undefined) return { code: 'edge.banned', detail: { until: null } };
    const retryAfter = Math.max(1, Math.ceil((until.getTime() - Date.now()) / 1000));
    return { code: 'edge.banned', detail: { until: until.toISOString(), retryAfter } };
  }

  leave({ tunnel, bucket, meter }: Entry): void {
    meter?.close();
    this.#options.admission.closeStream(tunnel.serverId, bucket);
  }

  /** The request as the rooms behind the front know it. `stream` holds its body, `route` is what `enter` said of it. */
  request(
    normal: NormalRequest,
    connection: VisitorConnection,
    stream: Readable,
    route: Route,
  ): VisitorRequest {
    const tunnel = this.#options.tunnels.find(normal.hostname);
    const facts = this.#facts(normal, connection, tunnel);
    const meter = tunnel && this.#meter(facts, tunnel, route);
    const traceFields = tunnel && this.#watched(facts, tunnel, { route, meter, connection });
    const body = normal.hasBody ? { stream, length: normal.bodyLength, meter } : undefined;
    return Object.assign(facts, { body, meter, traceFields });
  }

  #meter(request: MeteredRequest, tunnel: EdgeTunnel, route: Route): Meter | undefined {
    const { traffic } = this.#options;
    if (traffic === undefined || route === 'hub' || 'page' in route) return undefined;
    if ('code' in route) return traffic.refused(request, serverOf(tunnel));
    route.meter = traffic.open(request, serverOf(tunnel));
    return route.meter;
  }

  #watched(
    request: Omit<VisitorRequest, 'body' | 'meter'>,
    { serverId }: EdgeTunnel,
    {
      route,
      meter,
      connection,
    }: { route: Route; meter: Meter | undefined; connection: VisitorConnection },
  ): FieldLines | undefined {
    const { exchanges, trustedProxies } = this.#options;
    if (exchanges === undefined || meter === undefined || route === 'hub') return undefined;
    const isVouched = trustedProxies.has(connection.peer);
    if ('tunnel' in route) return exchanges.begun(request, { serverId, meter, isVouched });
    if ('code' in route)
      exchanges.refused(request, { serverId, record: refusalRecord(route.code), isVouched });
    return undefined;
  }

  #facts(
    normal: NormalRequest,
    connection: VisitorConnection,
    tunnel: EdgeTunnel | undefined,
  ): Omit<VisitorRequest, 'body' | 'meter'> {
    return {
      ownFields:
        tunnel === undefined
          ? this.#hubFields(normal.hostname, connection.schemeOf(normal.forwardedProto))
          : clearingFields(normal, tunnel, new Date()),
      id: randomUUIDv7(),
      method: normal.method,
      target: normal.target,
      hostname: normal.hostname,
      authority: normal.authority,
      fields: normal.fields,
      clientAddress: this.addressOf(normal, connection),
      scheme: connection.schemeOf(normal.forwardedProto),
      httpVersion: normal.httpVersion,
      wantsPage: normal.wantsPage,
      takesTrailers: normal.takesTrailers,
    };
  }

  /** The client's, canonical; undefined: nobody knows. */
  addressOf(normal: NormalRequest, connection: VisitorConnection): string | undefined {
    return connection.isAnonymous
      ? undefined
      : clientAddress(connection.peer, normal.forwardedFor, this.#options.trustedProxies);
  }

  /** Whom a trusted proxy does not name shares the proxy's own place (security row A-15): else a garbled field would lift the limit. */
  #bucketOf(normal: NormalRequest, connection: VisitorConnection): string {
    const address = this.addressOf(normal, connection);
    if (this.#isUnnamed(address, connection)) this.#options.onUnnamed?.(connection.peer);
    return address === connection.peer || address === undefined
      ? connection.bucket
      : addressBucket(address);
  }

  /** A proxy that may say whom it brings did not, or not so that it could be read. One that says so by PROXY header has said it. */
  #isUnnamed(address: string | undefined, { peer, isAnonymous }: VisitorConnection): boolean {
    const isNamed = address !== undefined && address !== peer;
    return !isNamed && !isAnonymous && this.#options.trustedProxies.has(peer);
  }
}

/** What monitoring asks for holds no secret and takes none: all else at the hub's own name is for https alone (security row E-06). */
const harmless: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

/** Of a request that went nowhere. */
function refusalRecord(failure: EdgeFailureCode): ExchangeRecord {
  return {
    startedAt: Date.now(),
    linkedMs: undefined,
    answeredMs: undefined,
    durationMs: 0,
    status: edgeFailures[failure].status,
    bytesUp: 0,
    bytesDown: 0,
    resumes: 0,
    failure,
  };
}

function serverOf({ serverId, ownerId }: EdgeTunnel): MeteredServer {
  return { serverId, ownerId };
}
