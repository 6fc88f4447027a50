// What one stranger may use of the agents' door. Every number is a setting; the reason stands beside its default.

export interface GatewayLimits {
  /** From the accepted connection to the end of the TLS handshake. An agent on a slow NAS needs two seconds. */
  readonly handshakeTimeoutMs: number;
  /** At once, while the process is behind its time: at 2 ms each an eighth of a second of work, and nobody waits for more. */
  readonly handshakesWhenLate: number;
  /** From there to a proved identity, or to the end of an enrolment: whoever has no business here is gone by then. */
  readonly authenticationTimeoutMs: number;
  /** Per IPv4 address or IPv6 /64: each agent has one, two while it changes over, and many homes may share an address. */
  readonly connectionsPerAddress: number;
  /** Only failures count: a house full of agents must come back after a restart. A minute, an address. */
  readonly failuresPerMinute: number;
  /** Agents of all addresses together. Two cores prove 300 to 400 in a second and do nothing else meanwhile. */
  readonly arrivalsPerSecond: number;
  /** Links of one agent, at most 8 (maxLinksPerAgent). Two are usual; the rest is for lines that one TCP connection does not fill. */
  readonly linksPerAgent: number;
  /** Streams open at once in one session; the edge counts exchanges before it comes to this. */
  readonly streamsPerSession: number;
}

export const defaultGatewayLimits: GatewayLimits = {
  handshakeTimeoutMs: 5_000,
  handshakesWhenLate: 64,
  authenticationTimeoutMs: 10_000,
  connectionsPerAddress: 256,
  failuresPerMinute: 20,
  arrivalsPerSecond: 200,
  linksPerAgent: 8,
  streamsPerSession: 1024,
};
