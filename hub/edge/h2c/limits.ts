// What an origin that speaks HTTP/2 may use of the hub, and how long the hub waits for it. The reason stands beside each number.

export const h2cLimits = {
  /** What 84 Mbit/s need at 50 ms. Of each exchange so much may wait for a visitor who does not read. */
  streamWindowBytes: 512 * 1024,
  /** Each exchange has its own window, and the tunnel's stream one below: a third one must not stand in the way. */
  sessionWindowBytes: 16 * 1024 * 1024,
  /** As for an HTTP/1.1 origin: names and values, and two bytes each for what stands between them there. */
  headBytes: 64 * 1024,
  /** As for an HTTP/1.1 origin, with the pseudo-field. */
  fields: 201,
  /** Twice of both is where node:http2 stops reading: there it resets with the code of an origin that has too much to do. */
  nodeHeadBytes: 128 * 1024,
  nodeFields: 402,
  /** nghttp2's own memory for a session: its tables and frames that wait to go out. The default of node:http2. */
  sessionMegabytes: 10,
  /** Exchanges of one session, however many the origin offers: what RFC 9113 §6.5.2 expects of everybody. */
  streams: 100,
  /** Sessions of one link. 256 exchanges (streams of a tunnel) fit into three; an origin that allows few gets more. */
  sessions: 8,
  /** SETTINGS are the first thing a server sends; the connection to the origin has had ten seconds of its own. */
  settingsTimeoutMs: 15_000,
  /** A session without exchanges. Servers keep idle ones for a minute or more (Kestrel 130 s, Go for ever). */
  idleMs: 60_000,
  /** An origin that answers a GOAWAY at all does so at once; the time is the line's. */
  farewellMs: 5000,
  /** An origin that refuses three times in a row has no room. */
  attempts: 3,
  /** Of an upload, kept until the origin answers: what it refused can be sent again. A unary call of gRPC fits. */
  replayBytes: 64 * 1024,
} as const;
