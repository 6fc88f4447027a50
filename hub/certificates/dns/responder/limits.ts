// What strangers may use of the responder, and how long its answers are kept. Each number has its reason beside it.

export interface ResponderLimits {
  /** A question with the longest name and options of a resolver (cookie, padding to 468 octets: RFC 8467 §4.1) stays far below. */
  readonly requestBytes: number;
  /**
   * What we take and send over UDP (RFC 6891 §6.2.5): 1,232 octets fit into IPv6's least MTU of 1,280, so that no answer of ours
   * is ever in fragments, which can be forged.
   */
  readonly udpPayloadBytes: number;
  /** Datagrams that the kernel has not taken yet. A whole second of answers; beyond, silence is kinder than late answers. */
  readonly udpQueue: number;
  /**
   * Answers over UDP to one block of addresses (IPv4 /24, IPv6 /56), at once and per second after that. A resolver of a large
   * provider asks a few times a second, since everything but proofs is kept for minutes; a victim whose address is forged gets
   * 10 KB/s.
   */
  readonly answersBurst: number;
  readonly answersPerSecond: number;
  /** Blocks that are counted at a time: 4 MB. Whoever was silent for longest is forgotten, and begins with a full burst. */
  readonly countedBlocks: number;
  /** Open TCP connections together. The one that waits longest makes way for a new one. */
  readonly connections: number;
  /** Of those, from one block: a resolver needs one (RFC 7766 §6.2.2). */
  readonly connectionsPerBlock: number;
  /** From the connection, or its last whole question, to the next one: "on the order of seconds" (RFC 7766 §6.2.3). */
  readonly idleMs: number;
  /**
   * Questions of one connection that are answered before others have their turn, and the time until its next one: 200 a second.
   * All connections together keep a processor half busy, whatever they pour.
   */
  readonly questionsOfTurn: number;
  readonly turnMs: number;
  /** Answers that a connection's owner does not read; beyond, no more questions are taken from it. */
  readonly unreadBytes: number;
}

export const defaultResponderLimits: ResponderLimits = {
  requestBytes: 1232,
  udpPayloadBytes: 1232,
  udpQueue: 1024,
  answersBurst: 200,
  answersPerSecond: 100,
  countedBlocks: 20_000,
  connections: 256,
  connectionsPerBlock: 16,
  idleMs: 5000,
  questionsOfTurn: 10,
  turnMs: 50,
  unreadBytes: 65_536,
};

/** Seconds. */
export const ttl = {
  /** Name servers and SOA change with the machine. */
  infrastructure: 3600,
  /** How long visitors still come to the old address of a hub that has moved. */
  address: 300,
  caa: 300,
  /** A second value beside the first (apex and wildcard) has to be seen at once. */
  txt: 1,
  /** RFC 2308 §5. Who looked for a proof too early must not be kept from finding it. */
  negative: 10,
} as const;

/** RFC 1035 §3.3.13, for secondaries, of which there are none: the values that RIPE-203 recommends for small zones. */
export const soaTimes = { refresh: 86_400, retry: 7200, expire: 3_600_000 } as const;
