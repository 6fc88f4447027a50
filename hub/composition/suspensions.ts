// What operators say of servers, in whichever process, arrives by the store; their owners are told once that a server is suspended, and that it is not any more.

import type { Logger } from '../../shared/log.ts';
import type { Notices } from '../notices/notice.ts';
import type { Opened } from './opened.ts';
import type { Stores } from './stores.ts';
import type { Server } from '../tunnels/server.ts';

/** All processes hear of it within seconds; a hub that was down tells of it when it is back within a day. */
const claimMs = 24 * 3_600_000;

/** Also of what a command on the host does: it tells nobody itself. */
export async function tellSuspensions(
  notices: Notices,
  { stores, log, opened }: { stores: Stores; log: Logger; opened: Opened },
): Promise<void> {
  const watch = new SuspensionWatch(notices, stores);
  let looking = Promise.resolve();
  const look = (serverId: string | undefined): void => {
    looking = looking
      .then(async () => watch.look(serverId))
      .catch((error: unknown) =>
        log.warn({ err: error }, 'owners could not be told of a suspension'),
      );
  };
  const stop = await stores.servers.watch(look);
  opened.add(async () => {
    await stop();
    await looking;
  });
  look(undefined);
}

class SuspensionWatch {
  readonly #notices: Notices;
  readonly #stores: Pick<Stores, 'servers' | 'notices'>;
  /** Since when each is suspended, as it was seen last. */
  readonly #known = new Map<string, Date>();

  constructor(notices: Notices, stores: Pick<Stores, 'servers' | 'notices'>) {
    this.#notices = notices;
    this.#stores = stores;
  }

  /** Undefined: anything may have changed. */
  async look(serverId: string | undefined): Promise<void> {
    const { servers } = this.#stores;
    const one = serverId === undefined ? undefined : await servers.find(serverId);
    const looked = serverId === undefined ? await servers.list() : one === undefined ? [] : [one];
    for (const server of looked) await this.#compare(server);
  }

  async #compare(server: Server): Promise<void> {
    const former = this.#known.get(server.id);
    const since = server.revokedAt === undefined ? server.suspension?.since : undefined;
    if (former?.getTime() === since?.getTime()) return;
    if (since === undefined) {
      this.#known.delete(server.id);
      if (former !== undefined && server.revokedAt === undefined) await this.#tell(server, former);
      return;
    }
    this.#known.set(server.id, since);
    if (Date.now() - since.getTime() < claimMs) await this.#tell(server, since);
  }

  async #tell(server: Server, since: Date): Promise<void> {
    const { id, name, ownerId, suspension } = server;
    const what = suspension === undefined ? 'resumed' : 'suspended';
    const key = `${what} ${id} ${since.getTime()}`;
    if (!(await this.#stores.notices.once.claim(key, new Date(), claimMs))) return;
    const to = { kind: 'owner', ownerId } as const;
    if (suspension === undefined)
      this.#notices.tell({ kind: 'server.resumed', to, facts: { server: name } });
    else {
      const facts = { server: name, reason: suspension.reason };
      this.#notices.tell({ kind: 'server.suspended', to, facts });
    }
  }
}
