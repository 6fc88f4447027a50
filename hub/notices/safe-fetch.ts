// An address that a person, or a server of his choice, wrote arrives; an answer leaves, from nowhere that only this machine can reach. The port that hub/outbound implements.

/**
 * One exchange: no redirect is followed, 5 s for all of it, the answer's body is read whole and bounded (1 MiB). The address is
 * checked and connected to in one step, so a name cannot be turned around between the two (rows ).
 * @throws OutboundError outbound.address | outbound.refused | outbound.redirect | outbound.timeout | outbound.too-large | outbound.failed
 */
export type SafeFetch = (url: string, init?: SafeFetchInit) => Promise<Response>;

export interface SafeFetchInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>> | Headers;
  readonly body?: string | Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Networks that may be reached though they are closed to all else: `169.254.1.2/32`. An entry opens plain http to it too. */
  readonly allow?: readonly string[];
  /** Private networks and this machine may be reached, by http as well. Link-local and metadata addresses still need `allow`. */
  readonly allowPrivate?: boolean;
}
