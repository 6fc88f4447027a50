// Who is connected arrives, looked at again and again; an owner is told when a server has been away for longer than he chose, and when it is back.

import type { Logger } from '../../../shared/log.ts';
import type { PresenceStore } from '../../tunnels/presence.ts';
import type { Server, ServerStore } from '../../tunnels/server.ts';
import type { Notices } from '../notice.ts';

export interface ServerAlert {
  readonly serverId: string;
  /** Undefined: its owner does not want to know. */
  readonly offlineMinutes: number | undefined;
  readonly offlineSince: Date | undefined;
  /** When its owner was told that it is offline; undefined: not yet, or it is back. */
  readonly toldAt: Date | undefined;
}

/** Several processes look; each change below is made by one of them. The store in hub/db/notices implements it. */
export interface ServerAlertStore {
  /** Of servers that have ever been offline or whose owner chose. */
  list(): Promise<ReadonlyMap<string, ServerAlert>>;
  /** Undefined: no longer wanted. */
  choose(serverId: string, offlineMinutes: number | undefined): Promise<void>;
  find(serverId: string): Promise<ServerAlert>;
  /** Where nothing is known yet. */
  noteOffline(serverId: string, since: Date): Promise<void>;
  /** True for the one caller who may tell. */
  claimTelling(serverId: string, at: Date): Promise<boolean>;
  /** Back again. What stood there, for the one caller who may tell of it. */
  clear(serverId: string): Promise<{ offlineSince: Date; wasTold: boolean } | undefined>;
}

/** A router restarts within five minutes, an update of a NAS within ten: earlier alerts teach people to ignore them. */
export const defaultOfflineMinutes = 10;

/** Fine enough for minutes. */
const lookMs = 15_000;

export interface OfflineWatchOptions {
  readonly presence: Pick<PresenceStore, 'list'>;
  readonly servers: Pick<ServerStore, 'list'>;
  readonly alerts: ServerAlertStore;
  readonly notices: Notices;
  readonly log: Logger;
  readonly now?: () => Date;
  readonly lookMs?: number;
}

export class OfflineWatch {
  readonly #options: OfflineWatchOptions;
  readonly #now: () => Date;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: OfflineWatchOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#looking = this.look()
        .catch((error: unknown) =>
          this.#options.log.warn({ err: error }, 'servers could not be looked at for alerts'),
        )
        .then(() => (this.#isStopped ? undefined : this.start()));
    }, this.#options.lookMs ?? lookMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  /** Once. */
  async look(): Promise<void> {
    const { presence, servers, alerts } = this.#options;
    const [present, living, known] = await Promise.all([
      presence.list(),
      servers.list(),
      alerts.list(),
    ]);
    for (const server of living) {
      // One that no agent has ever enrolled for is not away.
      if (server.agentId === undefined) continue;
      // Its owner was told why.
      if (server.suspension !== undefined) continue;
      const alert = known.get(server.id);
      const seen = present.get(server.id);
      if (seen?.state === 'connected') await this.#noteHere(server, alert);
      else await this.#noteAway(server, alert, seen?.lastSeenAt);
    }
  }

  async #noteHere(server: Server, alert: ServerAlert | undefined): Promise<void> {
    if (alert?.offlineSince === undefined) return;
    const cleared = await this.#options.alerts.clear(server.id);
    if (cleared?.wasTold !== true) return;
    const offlineMs = this.#now().getTime() - cleared.offlineSince.getTime();
    this.#options.notices.tell({
      kind: 'server.online',
      to: { kind: 'owner', ownerId: server.ownerId },
      facts: { server: server.name, offlineMs },
    });
  }

  async #noteAway(
    server: Server,
    alert: ServerAlert | undefined,
    lastSeenAt: Date | undefined,
  ): Promise<void> {
    const { alerts, notices } = this.#options;
    const now = this.#now();
    const since = alert?.offlineSince;
    if (since === undefined) return alerts.noteOffline(server.id, lastSeenAt ?? now);
    const minutes = alert === undefined ? defaultOfflineMinutes : alert.offlineMinutes;
    const isLong = minutes !== undefined && now.getTime() - since.getTime() >= minutes * 60_000;
    if (!isLong || alert?.toldAt !== undefined) return undefined;
    if (!(await alerts.claimTelling(server.id, now))) return undefined;
    notices.tell({
      kind: 'server.offline',
      to: { kind: 'owner', ownerId: server.ownerId },
      facts: { server: server.name, since, minutes },
    });
    return undefined;
  }
}
