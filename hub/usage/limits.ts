// What an owner's or a server's traffic may come to. All of it is off until somebody sets it.

/** Of one server, or of all servers of one account together. */
export type LimitScope = 'server' | 'account';

/** `id`: the server's, or the account's owner id (`servers.owner_id`). */
export interface LimitSubject {
  readonly scope: LimitScope;
  readonly id: string;
}

/** Undefined: no limit. */
export interface TrafficLimits {
  /** Both ways together, by the calendar month of UTC. Beyond it new requests get `quota.bytes`; what runs may finish. */
  readonly bytesPerMonth?: number | undefined;
  /** Both ways together. What comes faster waits at its sender; nothing is dropped. */
  readonly megabitsPerSecond?: number | undefined;
  /** Exchanges at once. One more gets `quota.streams`. A page asks for a dozen things at once, a film for one. */
  readonly streams?: number | undefined;
}

/** Ranges that can be set: below the least no film and no page comes through. */
export const limitRanges = {
  /** A gigabyte; a petabyte. */
  bytesPerMonth: { least: 1e9, most: 1e15 },
  megabitsPerSecond: { least: 1, most: 100_000 },
  streams: { least: 1, most: 100_000 },
} as const;
