// A connection that has finished its handshake arrives; who it is and which names it may ask for leave, for every request on it.

/** What the requests of one visitor's connection share. */
export class VisitorConnection {
  /** Canonical. The visitor's own address, or that of a trusted proxy. */
  readonly peer: string;
  /** The tunnels it has asked for; Admission counts it once for each. */
  readonly visited = new Set<string>();
  readonly #certificateNames: readonly string[];
  /** Requests come in long runs for one name. */
  #lastCovered: string | undefined;

  constructor(peer: string, certificateNames: readonly string[]) {
    this.peer = peer;
    this.#certificateNames = certificateNames;
  }

  /**
   * Whether the certificate of this connection is good for the name (RFC 9110 §7.4). A wildcard lets a browser send
   * requests for several servers over one connection (RFC 9113 §9.1.1), so each request is judged by its own authority.
   */
  covers(hostname: string): boolean {
    if (hostname === this.#lastCovered) return true;
    const isCovered = this.#certificateNames.some((name) => matches(name, hostname));
    if (isCovered) this.#lastCovered = hostname;
    return isCovered;
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
