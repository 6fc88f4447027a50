// What one stranger may use of the edge. Every number is a setting; the reason stands beside its default.

export interface EdgeLimits {
  /** From the accepted connection to a whole ClientHello. A real client sends it in its first packet. */
  readonly helloTimeoutMs: number;
  /** From the ClientHello to the end of the handshake: a phone on a bad network needs several round trips of a second. */
  readonly handshakeTimeoutMs: number;
  /** A request head, from its first byte (or the connection's). The default of node:http, 60 s, lets slowhttptest hold every socket. */
  readonly headTimeoutMs: number;
  /** Request line and fields. Browsers stay under 16 KiB; a cookie jar of a busy domain can reach 20. */
  readonly headBytes: number;
  /** Players build transcode URLs of several KiB; RFC 9110 §4.1 asks for at least 8,000. */
  readonly targetBytes: number;
  /** Ten times what browsers send. */
  readonly fields: number;
  /** Silence in both directions of an exchange, never a total: a paused film comes back by Range. */
  readonly idleBodyMs: number;
  /**
   * What an upload of known length has to bring in `idleBodyMs`: 16 KiB in ten minutes are 27 bytes a second, a hundredth of
   * GPRS. A byte in nine minutes would hold a place for ever. Readers need none: an answer moves on in pieces of that size.
   */
  readonly slowBodyBytes: number;
  /** Longer than the 60 s of common balancers, so that they close first and no request meets a closing socket. */
  readonly keepAliveMs: number;
  /** Per IPv4 address or IPv6 /64. A browser opens 6 per host; a household of ten with several names stays below. */
  readonly connectionsPerAddress: number;
  readonly connectionsPerTunnel: number;
  /** Connections to port 80 together. A whole city may be redirected through here; beyond this new ones are closed at once. */
  readonly redirectConnections: number;
  /** Exchanges running at once. An agent accepts 1024 streams (maxStreamsPerSession), the idle ones of the pool among them. */
  readonly streamsPerTunnel: number;
  /** Of those, for one IPv4 address or IPv6 /64: half while it is alone, and less the fuller the tunnel is (admission.ts). */
  readonly streamsPerVisitor: number;
  /** What RFC 9113 §6.5.2 recommends as the least, and browsers expect. */
  readonly h2Streams: number;
  /** Streams a client may reset (rapid reset, CVE-2023-44487) at once, and per second after that: 100 per 10 s. */
  readonly h2ResetBurst: number;
  readonly h2ResetsPerSecond: number;
  /** Credit of an upload: 256 KiB on each stream is what a stalled origin can make us hold. */
  readonly h2StreamWindowBytes: number;
  /** Credit of a connection's uploads together: 1 MiB carries 80 Mbit/s at 100 ms. */
  readonly h2SessionWindowBytes: number;
  /** nghttp2's own memory for a session, headers and queued frames. */
  readonly h2SessionMegabytes: number;
  /** Sessions without a stream are pinged: peers that vanished leave no FIN (nodejs/node#42710). */
  readonly h2PingMs: number;
  /** Sessions without a stream are closed after this. */
  readonly h2IdleMs: number;
}

export const defaultEdgeLimits: EdgeLimits = {
  helloTimeoutMs: 5_000,
  handshakeTimeoutMs: 10_000,
  headTimeoutMs: 10_000,
  headBytes: 32_768,
  targetBytes: 16_384,
  fields: 100,
  idleBodyMs: 600_000,
  slowBodyBytes: 16_384,
  keepAliveMs: 65_000,
  connectionsPerAddress: 64,
  connectionsPerTunnel: 512,
  redirectConnections: 4096,
  streamsPerTunnel: 256,
  streamsPerVisitor: 128,
  h2Streams: 100,
  h2ResetBurst: 100,
  h2ResetsPerSecond: 10,
  h2StreamWindowBytes: 262_144,
  h2SessionWindowBytes: 1_048_576,
  h2SessionMegabytes: 10,
  h2PingMs: 30_000,
  h2IdleMs: 120_000,
};
