// Stores arrive; what counts, limits and remembers the traffic of a hub leaves, open and ticking.

import type { Logger } from '../shared/log.ts';
import type { AttemptReport } from './certificates/life/manager.ts';
import type { Opened } from './opened.ts';
import type { Stores } from './stores.ts';
import { Observatory } from './usage/observatory.ts';

/** Closed behind the doors, when nothing moves any more: whatever is opened later is closed before. */
export async function openTraffic(
  stores: Stores,
  { log, opened }: { log: Logger; opened: Opened },
): Promise<Observatory> {
  const traffic = new Observatory({
    stores: stores.usage,
    onFailure: (error) =>
      log.warn({ err: error }, 'traffic could not be stored or read: it is tried again'),
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
