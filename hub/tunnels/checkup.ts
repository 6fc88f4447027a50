// What a server's agent found when it looked at itself arrives; the newest of each part is kept, for the server's owner to read.

import type { CheckupPart } from '../../shared/doctor/checkup.ts';
import type { Finding } from '../../shared/doctor/finding.ts';

/** One look of an agent at itself. */
export interface Checkup {
  readonly part: CheckupPart;
  /** By the hub's clock: it was told then, and an agent tells at once. */
  readonly lookedAt: Date;
  readonly findings: readonly Finding[];
}

/** What the hub knows once a look was told. */
export interface Kept {
  /** When it was told of the line last, this time included; undefined: never. */
  readonly lineLookedAt: Date | undefined;
}

/** Where they are kept. The store in hub/db implements it. */
export interface CheckupStore {
  /**
   * In the place of the former one of this part, and whoever watches hears of it; unless that one is younger. Undefined:
   * `agentId` is not the key of a server any more, though it may have been a moment ago: what it told of a home is not
   * the next owner's to read.
   */
  keep(agentId: string, checkup: Checkup): Promise<Kept | undefined>;
  /** Of each part at most one; none: its agent has never told. */
  list(serverId: string): Promise<readonly Checkup[]>;
  /** Calls back with the server of which any process kept one; undefined: some may have been missed. Returns the way to stop. */
  watch(onKept: (serverId: string | undefined) => void): Promise<() => void>;
}

/** How the processes of a hub tell each other that somebody wishes for a look. Implemented in hub/db. */
export interface WishPost {
  /** Reaches every process on the database, this one as well. */
  tell(serverId: string): Promise<void>;
  /** Returns the way to stop. */
  listen(onWish: (serverId: string) => void): Promise<() => void>;
}
