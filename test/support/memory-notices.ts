// Targets of notices, and what is known of servers that are away, kept in memory: the stores' promises without a database.

import type {
  NoticeTarget,
  NoticeTargetStore,
  TargetChange,
} from '../../hub/notices/targets/target.ts';
import type { ServerAlert, ServerAlertStore } from '../../hub/notices/watch/offline-watch.ts';
import { defaultOfflineMinutes } from '../../hub/notices/watch/offline-watch.ts';

export class MemoryNoticeTargets implements NoticeTargetStore {
  readonly #targets = new Map<string, NoticeTarget>();

  async insert(target: NoticeTarget, most: number): Promise<boolean> {
    if ((await this.list(target.accountId)).length >= most) return false;
    this.#targets.set(target.id, target);
    return true;
  }

  async list(accountId: string | undefined): Promise<NoticeTarget[]> {
    return [...this.#targets.values()].filter((target) => target.accountId === accountId);
  }

  async find(id: string): Promise<NoticeTarget | undefined> {
    return this.#targets.get(id);
  }

  async hearing(
    kind: NoticeTarget['kinds'][number],
    { accountIds, hub }: { accountIds: readonly string[]; hub: boolean },
  ): Promise<NoticeTarget[]> {
    return [...this.#targets.values()].filter(
      ({ accountId, kinds, isEnabled }) =>
        isEnabled &&
        (kinds.length === 0 || kinds.includes(kind)) &&
        (accountId === undefined ? hub : accountIds.includes(accountId)),
    );
  }

  async change(id: string, change: TargetChange): Promise<NoticeTarget | undefined> {
    const target = this.#targets.get(id);
    if (target === undefined) return undefined;
    const { kinds = target.kinds, isEnabled = target.isEnabled } = change;
    const changed = { ...target, kinds, isEnabled };
    this.#targets.set(id, changed);
    return changed;
  }

  async noteAttempt(id: string, at: Date, reason: string | undefined): Promise<void> {
    const target = this.#targets.get(id);
    if (target === undefined) return;
    const outcome =
      reason === undefined ? { lastSentAt: at, failure: undefined } : { failure: { at, reason } };
    this.#targets.set(id, { ...target, ...outcome });
  }

  async remove(id: string): Promise<boolean> {
    return this.#targets.delete(id);
  }

  async removeOf(accountId: string): Promise<void> {
    for (const { id } of await this.list(accountId)) this.#targets.delete(id);
  }

  async listAll(): Promise<NoticeTarget[]> {
    return [...this.#targets.values()];
  }

  async reseal(target: NoticeTarget, sealed: Buffer): Promise<void> {
    this.#targets.set(target.id, { ...target, sealed });
  }
}

export class MemoryServerAlerts implements ServerAlertStore {
  readonly #alerts = new Map<string, ServerAlert>();

  async list(): Promise<ReadonlyMap<string, ServerAlert>> {
    return new Map(this.#alerts);
  }

  async find(serverId: string): Promise<ServerAlert> {
    return this.#known(serverId);
  }

  #known(serverId: string): ServerAlert {
    return (
      this.#alerts.get(serverId) ?? {
        serverId,
        offlineMinutes: defaultOfflineMinutes,
        offlineSince: undefined,
        toldAt: undefined,
      }
    );
  }

  async choose(serverId: string, offlineMinutes: number | undefined): Promise<void> {
    this.#alerts.set(serverId, { ...this.#known(serverId), offlineMinutes });
  }

  async noteOffline(serverId: string, since: Date): Promise<void> {
    const known = this.#known(serverId);
    if (known.offlineSince === undefined)
      this.#alerts.set(serverId, { ...known, offlineSince: since });
  }

  async claimTelling(serverId: string, at: Date): Promise<boolean> {
    const known = this.#known(serverId);
    if (known.toldAt !== undefined || known.offlineSince === undefined) return false;
    this.#alerts.set(serverId, { ...known, toldAt: at });
    return true;
  }

  async clear(serverId: string): Promise<{ offlineSince: Date; wasTold: boolean } | undefined> {
    const known = this.#known(serverId);
    if (known.offlineSince === undefined) return undefined;
    this.#alerts.set(serverId, { ...known, offlineSince: undefined, toldAt: undefined });
    return { offlineSince: known.offlineSince, wasTold: known.toldAt !== undefined };
  }
}
