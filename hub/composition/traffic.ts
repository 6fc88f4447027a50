// Stores arrive; what counts, limits and remembers the traffic of a hub leaves, open and ticking.

import type { Logger } from '../../shared/log.ts';
import type { Audit } from '../audit/audit.ts';
import type { News } from '../api/news/news.ts';
import { liveJson } from '../api/areas/usage.ts';
import type { AttemptReport } from '../certificates/life/manager.ts';
import type { Opened } from './opened.ts';
import type { Stores } from './stores.ts';
import { Observatory } from '../usage/observatory.ts';

/** Closed behind the doors, when nothing moves any more: whatever is opened later is closed before. */
export async function openTraffic(
  stores: Stores,
  { audit, log, opened }: { audit: Audit; log: Logger; opened: Opened },
): Promise<Observatory> {
  const traffic = new Observatory({
    stores: stores.usage,
    onFailure: (error) =>
      log.warn({ err: error }, 'traffic could not be stored or read: it is tried again'),
    onExceeded: ({ scope, id }, reason) =>
      audit.note({
        event: 'quota.exceeded',
        actor: 'system',
        ...(scope === 'server' ? { server: id } : { target: id }),
        result: 'denied',
        reason,
      }),
  });
  opened.add(async () => traffic.stop());
  await traffic.start();
  return traffic;
}

/** A server's own certificate; the hub's own names are nobody's news. */
export function noteRenewal(traffic: Observatory, { certificate, outcome }: AttemptReport): void {
  const { serverId, names } = certificate;
  if (serverId === undefined || outcome.kind !== 'issued') return;
  traffic.serverEvents.note(serverId, 'certificate-renewed', {
    names: names.join(' '),
    not_after: outcome.notAfter.toISOString(),
  });
}

/** Whoever listens to a server's streams is told each two seconds; while nobody does, nobody looks at them. Returns the way to end it. */
export function tellStreams(traffic: Observatory, news: News): () => void {
  const watched = new Map<string, () => void>();
  const follow = (): void => {
    const heard = news.heardServers('streams');
    for (const serverId of heard)
      if (!watched.has(serverId)) watched.set(serverId, watch(traffic, news, serverId));
    for (const [serverId, stop] of watched) {
      if (heard.has(serverId)) continue;
      stop();
      watched.delete(serverId);
    }
  };
  news.onInterest = follow;
  return () => {
    news.onInterest = () => undefined;
    for (const stop of watched.values()) stop();
  };
}

/** With the visitors' addresses, which are not for those with whom a server is shared. */
function watch(traffic: Observatory, news: News, serverId: string): () => void {
  return traffic.watch(serverId, (state) => {
    const about = { serverId, isForOwners: true } as const;
    news.tell({ topic: 'streams', about, body: liveJson(state, true) });
  });
}
