// A connection that has finished its handshake arrives; who it is and which names it may ask for leave, for every request on it.

import { addressBucket } from '../../shared/net-address.ts';
import type { ServerSwitches } from '../tunnels/server.ts';
import { forwardedScheme } from './forwarded-scheme.ts';
import type { ConnectionPeer } from './peers.ts';

/** What a server's owner chose for connections to it. */
export type TlsSwitches = Pick<ServerSwitches, 'http2' | 'minTls' | 'certificateKey'>;

/** What was agreed when the connection was made. */
export interface Agreement {
  /** The name it was made for. */
  readonly serverName: string;
  readonly certificateNames: readonly string[];
  readonly isHttp2: boolean;
  readonly isTls13: boolean;
}

/** In plain HTTP (HUB_TLS=proxy): names and TLS are the affair of the proxy in front. */
export interface PlainAgreement {
  readonly isHttp2: boolean;
  /** It is a trusted proxy's, which says of each request how the visitor came. */
  readonly isToldScheme: boolean;
}

interface ConnectionEnds {
  readonly release?: () => void;
  readonly speakPlainly?: () => void;
}

/** What the requests of one visitor's connection share. */
export class VisitorConnection {
  /** Canonical. The visitor's own address, or that of a trusted proxy. */
  readonly peer: string;
  /** Nobody knows whose it is, and no forwarding field may say. */
  readonly isAnonymous: boolean;
  readonly serverName: string;
  /** The tunnels it has asked for; Admission counts it once for each. */
  readonly visited = new Set<string>();
  /** It turned out to be an agent: nobody waits any more for it to end. */
  readonly release: () => void;
  /** HTTP/2 cannot say to this browser what is wrong; its next connection is HTTP/1.1, which can. */
  readonly speakPlainly: () => void;
  readonly #agreement: Agreement | PlainAgreement;
  /** Requests come in long runs for one name. */
  #lastCovered: string | undefined;
  #bucket: string | undefined;

  constructor(
    peer: ConnectionPeer,
    agreement: Agreement | PlainAgreement,
    { release = nothing, speakPlainly = nothing }: ConnectionEnds = {},
  ) {
    this.peer = peer.address;
    this.isAnonymous = peer.isAnonymous;
    this.serverName = 'serverName' in agreement ? agreement.serverName : '';
    this.#agreement = agreement;
    this.release = release;
    this.speakPlainly = speakPlainly;
  }

  get isHttp2(): boolean {
    return this.#agreement.isHttp2;
  }

  /** The hub ends no TLS on it. */
  get isPlain(): boolean {
    return 'isToldScheme' in this.#agreement;
  }

  /** How a visitor's request came, of whom his proxy says this. */
  schemeOf(forwardedProto: readonly string[]): 'https' | 'http' {
    if (!('isToldScheme' in this.#agreement)) return 'https';
    return this.#agreement.isToldScheme ? forwardedScheme(forwardedProto) : 'http';
  }

  /** Its address as limits count it. */
  get bucket(): string {
    this.#bucket ??= addressBucket(this.peer);
    return this.#bucket;
  }

  /**
   * Whether the certificate of this connection is good for the name (RFC 9110 §7.4). A wildcard lets a browser send
   * requests for several servers over one connection (RFC 9113 §9.1.1), so each request is judged by its own authority.
   */
  covers(hostname: string): boolean {
    if (hostname === this.#lastCovered || 'isToldScheme' in this.#agreement) return true;
    const isCovered = this.#agreement.certificateNames.some((name) => matches(name, hostname));
    if (isCovered) this.#lastCovered = hostname;
    return isCovered;
  }

  /**
   * Whether what was agreed is what the owner of this server wants: the connection may have been made for another server of
   * the same certificate, or before he changed his mind.
   */
  suits({ http2, minTls }: Pick<TlsSwitches, 'http2' | 'minTls'>): boolean {
    if ('isToldScheme' in this.#agreement) return true;
    const { isHttp2, isTls13 } = this.#agreement;
    return (http2 || !isHttp2) && (minTls === '1.2' || isTls13);
  }
}

/** RFC 6125 §6.4.3: `*` stands for exactly one whole label, the leftmost. */
function matches(name: string, hostname: string): boolean {
  if (!name.startsWith('*.')) return name.toLowerCase() === hostname;
  return (
    hostname.slice(hostname.indexOf('.') + 1) === name.slice(2).toLowerCase() &&
    hostname.includes('.')
  );
}

function nothing(): void {}
