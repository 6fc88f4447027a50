// News of agents' keys arrive: one was changed, two agents run with one, or a server went to somebody else; log and owners hear of it (security row D-05).

import type { Logger } from '../../shared/log.ts';
import type { Audit } from '../audit/audit.ts';
import type { Names } from './names.ts';
import type { Notified } from './notified.ts';
import type { Stores } from './stores.ts';
import type { Rivals } from '../tunnels/registry.ts';
import type { Server } from '../tunnels/server.ts';

/** The one that was turned away knocks again twice a minute, for as long as both run. */
const rivalsClaimMs = 6 * 3_600_000;

export interface KeyNewsParts {
  readonly stores: Pick<Stores, 'rotation' | 'servers' | 'notices'>;
  readonly names: Pick<Names, 'onRivals' | 'onTransferred'>;
  readonly audit: Audit;
  readonly log: Logger;
}

export function tellOfKeys({ notices }: Pick<Notified, 'notices'>, parts: KeyNewsParts): void {
  const { stores, names, audit, log } = parts;
  stores.rotation.onSucceeded(({ server: { name, ownerId } }, address) =>
    notices.tell({
      kind: 'server.key-rotated',
      to: { kind: 'owner', ownerId },
      facts: { server: name, address },
    }),
  );
  const tellRivals = async (server: string, { loser, winner }: Rivals): Promise<void> => {
    const isFirst = await stores.notices.once.claim(`rivals ${server}`, new Date(), rivalsClaimMs);
    const { agentId, address } = loser;
    const facts = { serverId: server, agentId, kept: winner.address, refused: address };
    log[isFirst ? 'warn' : 'debug'](facts, 'two agents use one key');
    if (!isFirst) return;
    const reason = `kept ${winner.address}`;
    const fact = { address, target: agentId, reason };
    audit.note({ ...fact, event: 'server.cloned', actor: 'system', server, result: 'denied' });
    const found = await stores.servers.find(server);
    if (found === undefined) return;
    notices.tell({
      kind: 'server.cloned',
      to: { kind: 'owner', ownerId: found.ownerId, andAdmins: true },
      facts: { server: found.name, address, other: winner.address },
    });
  };
  names.onRivals((serverId, rivals) => {
    tellRivals(serverId, rivals).catch((error: unknown) =>
      log.warn({ err: error }, 'two agents with one key could not be told of'),
    );
  });
  tellTransfers(notices, parts);
}

/** Both owners are told, by one process of the hub. */
function tellTransfers(notices: Notified['notices'], { stores, names, log }: KeyNewsParts): void {
  const tell = async (former: Server, { id, name, ownerId }: Server): Promise<void> => {
    const claim = `transfer ${id} to ${ownerId}`;
    if (!(await stores.notices.once.claim(claim, new Date(), transferClaimMs))) return;
    const facts = { server: name };
    for (const to of [former.ownerId, ownerId])
      notices.tell({ kind: 'server.transferred', to: { kind: 'owner', ownerId: to }, facts });
  };
  names.onTransferred((former, server) => {
    tell(former, server).catch((error: unknown) =>
      log.warn({ err: error }, 'a server that has another owner could not be told of'),
    );
  });
}

/** All processes hear of it within seconds; back and forth within a minute is told once. */
const transferClaimMs = 60_000;
